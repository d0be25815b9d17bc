"""Grids as messages of a bag: as the node publishes them, and read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dcfm_ros.bags import BagReader, message_class, split_stamp, stamp_ns
from dcfm_ros.bags.convert import header
from dcfm_ros.costmap import ClassTable, CostGrid

COSTMAP_TOPIC = "/segmenter/costmap"
CLASS_GRID_TOPIC = "/segmenter/class_grid"
_UNKNOWN = 255


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


class PublishedGrids:
    """The grids that a live node published, by the stamps of the frames that they came with.

    Streams the dcfm_ros/ClassGrid messages of a recorded run.

    Attributes:
        recorded: whether there are any.
    """

    def __init__(self, outputs: BagReader) -> None:
        self.recorded = any(
            topic.name == CLASS_GRID_TOPIC and topic.count for topic in outputs.topics
        )
        self._grids = self._known(outputs) if self.recorded else iter(())
        self._next: Any = None

    def at(self, stamp: int, classes: ClassTable, unknown: int) -> CostGrid | None:
        """Find the grid of a frame; ask in the order of the frames.

        Args:
            stamp: of the frame, in ns.
            classes: with their costs.
            unknown: cost of unknown cells.
        """
        while self._next is None or stamp_ns(self._next.header) < stamp:
            self._next = next(self._grids, None)
            if self._next is None:
                return None
        if stamp_ns(self._next.header) > stamp:
            return None
        return _grid(self._next, classes.costs(unknown))

    def _known(self, outputs: BagReader) -> Iterator[Any]:
        """All but those that only clear what consumers hold: they come with no frame."""
        for record in outputs.messages([CLASS_GRID_TOPIC]):
            if (np.asarray(record.message.class_id) != _UNKNOWN).any():
                yield record.message


def _grid(message: Any, costs: np.ndarray[Any, np.dtype[np.int8]]) -> CostGrid:
    info = message.info
    shape = (info.height, info.width)
    class_ids = np.asarray(message.class_id, np.uint8).reshape(shape)
    return CostGrid(
        costs[class_ids],
        class_ids,
        np.asarray(message.confidence, np.uint8).reshape(shape),
        (float(info.origin.position.x), float(info.origin.position.y)),
        float(info.resolution),
        stamp_ns(message.header),
    )


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
