"""The grid as messages: axis-aligned in the global frame, row-major from the corner of cell 0."""

from __future__ import annotations

from nav_msgs.msg import MapMetaData, OccupancyGrid
from std_msgs.msg import Header

from dcfm_ros.costmap import CostGrid
from dcfm_ros.msg import ClassGrid
from dcfm_ros.ros.buffers import int8_field, uint8_field
from dcfm_ros.ros.messages import time_message


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
