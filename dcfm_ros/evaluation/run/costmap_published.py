"""The grids that a live node published, by the stamps of the frames that they came with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dcfm_ros.bags import BagReader, stamp_ns
from dcfm_ros.costmap import ClassTable, CostGrid

GRID_TOPIC = "/segmenter/class_grid"
_UNKNOWN = 255


class PublishedGrids:
    """Streams the dcfm_ros/ClassGrid messages of a recorded run.

    Attributes:
        recorded: whether there are any.
    """

    def __init__(self, outputs: BagReader) -> None:
        self.recorded = any(topic.name == GRID_TOPIC and topic.count for topic in outputs.topics)
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
        for record in outputs.messages([GRID_TOPIC]):
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
