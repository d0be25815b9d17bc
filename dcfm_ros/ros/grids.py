"""The grid as messages: axis-aligned in the global frame, row-major from the corner of cell 0."""

from __future__ import annotations

import numpy as np
from nav_msgs.msg import MapMetaData, OccupancyGrid
from std_msgs.msg import Header

from dcfm_ros.costmap import CostGrid, GridSettings
from dcfm_ros.costmap.classes import UNKNOWN_CLASS
from dcfm_ros.msg import ClassGrid
from dcfm_ros.ros.messages import int8_field, time_message, uint8_field


def occupancy_grid(grid: CostGrid, frame_id: str) -> OccupancyGrid:
    """Costs: -1 unknown, 0 to 98 graded, 100 lethal."""
    message = OccupancyGrid()
    message.header = _header(grid, frame_id)
    message.info = _info(grid)
    message.data = int8_field(grid.costs)
    return message


def class_grid(grid: CostGrid, frame_id: str) -> ClassGrid:
    """Classes and confidence, with the geometry and the stamp of the costs."""
    message = ClassGrid()
    message.header = _header(grid, frame_id)
    message.info = _info(grid)
    message.class_id = uint8_field(grid.class_ids)
    message.confidence = uint8_field(grid.confidence)
    return message


def unknown_grid(
    settings: GridSettings, origin_m: tuple[float, float] | None, stamp_ns: int
) -> CostGrid:
    """A grid of which nothing is known, as it clears what consumers hold.

    Args:
        settings: its size.
        origin_m: (x, y) of the corner of cell (0, 0); None for one around the frame's origin.
        stamp_ns: its time.
    """
    width, height = settings.cells
    size = settings.resolution_m
    return CostGrid(
        costs=np.full((height, width), settings.unknown_value, np.int8),
        class_ids=np.full((height, width), UNKNOWN_CLASS, np.uint8),
        confidence=np.zeros((height, width), np.uint8),
        origin_m=origin_m or (-(width // 2) * size, -(height // 2) * size),
        resolution_m=size,
        stamp_ns=stamp_ns,
    )


def _header(grid: CostGrid, frame_id: str) -> Header:
    return Header(stamp=time_message(grid.stamp_ns), frame_id=frame_id)


def _info(grid: CostGrid) -> MapMetaData:
    info = MapMetaData()
    info.map_load_time = time_message(grid.stamp_ns)
    info.resolution = float(grid.resolution_m)
    info.height, info.width = grid.costs.shape
    info.origin.position.x, info.origin.position.y = map(float, grid.origin_m)
    info.origin.orientation.w = 1.0
    return info
