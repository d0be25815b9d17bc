"""Grids as messages of a bag, as the node publishes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcfm_ros.bags import message_class, split_stamp
from dcfm_ros.bags.convert import header
from dcfm_ros.costmap import CostGrid

COSTMAP_TOPIC = "/segmenter/costmap"
CLASS_GRID_TOPIC = "/segmenter/class_grid"


def grid_messages(grid: CostGrid, frame_id: str) -> dict[str, Any]:
    """By topic: costs as nav_msgs/OccupancyGrid, classes and confidence as dcfm_ros/ClassGrid.

    Args:
        frame_id: of the grid.
    """
    stamped = header(grid.stamp_ns, frame_id)
    info = _info(grid)
    costs = message_class("nav_msgs/msg/OccupancyGrid")(
        header=stamped, info=info, data=np.ascontiguousarray(grid.costs).reshape(-1)
    )
    classes = message_class("dcfm_ros/msg/ClassGrid")(
        header=stamped,
        info=info,
        class_id=np.ascontiguousarray(grid.class_ids).reshape(-1),
        confidence=np.ascontiguousarray(grid.confidence).reshape(-1),
    )
    return {COSTMAP_TOPIC: costs, CLASS_GRID_TOPIC: classes}


def _info(grid: CostGrid) -> Any:
    x, y = grid.origin_m
    height, width = grid.costs.shape
    pose = message_class("geometry_msgs/msg/Pose")(
        position=message_class("geometry_msgs/msg/Point")(x=float(x), y=float(y), z=0.0),
        orientation=message_class("geometry_msgs/msg/Quaternion")(x=0.0, y=0.0, z=0.0, w=1.0),
    )
    return message_class("nav_msgs/msg/MapMetaData")(
        map_load_time=message_class("builtin_interfaces/msg/Time")(*split_stamp(grid.stamp_ns)),
        resolution=float(grid.resolution_m),
        width=width,
        height=height,
        origin=pose,
    )
