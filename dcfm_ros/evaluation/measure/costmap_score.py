"""Holds a grid against the true one of the same time, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import cv2
import numpy as np

from dcfm_ros.costmap import ClassTable, CostGrid, Kind
from dcfm_ros.images import Pixels

_NEAR_CELLS = 2


@dataclass
class CostmapScore:
    """Cells counted over grids; only where a true class is known.

    Attributes:
        grids: compared.
        ground: shown as ground, and ground in truth.
        ground_right: those of the right class.
        hidden_obstacles: shown as ground where an obstacle stands.
        obstacles: shown as obstacle.
        obstacles_near: those at most two cells from a true one.
    """

    grids: int = 0
    ground: int = 0
    ground_right: int = 0
    hidden_obstacles: int = 0
    obstacles: int = 0
    obstacles_near: int = 0

    def add(self, grid: CostGrid, truth: Pixels, classes: ClassTable) -> None:
        """Count the cells of a grid.

        Args:
            grid: what was found.
            truth: (H, W) true classes of the same cells, 255 unknown.
            classes: what they mean.
        """
        kinds = classes.kinds()
        shown, true = kinds[grid.class_ids], kinds[truth]
        known = truth < len(classes.rules)
        stands = (true == Kind.OBSTACLE).astype(np.uint8)
        size = 2 * _NEAR_CELLS + 1
        near = np.asarray(cv2.dilate(stands, np.ones((size, size), np.uint8)), bool)
        ground = (shown == Kind.GROUND) & (true == Kind.GROUND) & known
        obstacle = (shown >= Kind.OBSTACLE) & (known | near)
        self.grids += 1
        self.ground += int(ground.sum())
        self.ground_right += int((ground & (grid.class_ids == truth)).sum())
        self.hidden_obstacles += int(((shown == Kind.GROUND) & (stands > 0)).sum())
        self.obstacles += int(obstacle.sum())
        self.obstacles_near += int((obstacle & near).sum())

    @property
    def ground_share(self) -> float | None:
        """Share of the ground that has the right class."""
        return self.ground_right / self.ground if self.ground else None

    @property
    def obstacle_share(self) -> float | None:
        """Share of the obstacle cells that lie at most two cells from a true obstacle."""
        return self.obstacles_near / self.obstacles if self.obstacles else None

    @property
    def hidden_share(self) -> float | None:
        """Share of the cells shown as ground in which an obstacle stands."""
        shown = self.ground + self.hidden_obstacles
        return self.hidden_obstacles / shown if shown else None

    def figures(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            **asdict(self),
            "ground_right_share": _rounded(self.ground_share),
            "obstacles_near_share": _rounded(self.obstacle_share),
            "hidden_obstacle_share": _rounded(self.hidden_share),
        }


def costmap_total(recordings: Sequence[Mapping[str, Any]]) -> CostmapScore | None:
    """The cells of all recordings; None where no costmap was held against a true one.

    Args:
        recordings: of a metrics.json.
    """
    scores = [
        recording["costmap"]["against_truth"]
        for recording in recordings
        if recording.get("costmap") and recording["costmap"]["against_truth"]
    ]
    if not scores:
        return None
    counts = (field.name for field in fields(CostmapScore))
    return CostmapScore(**{name: sum(score[name] for score in scores) for name in counts})


def true_classes(message: Any, grid: CostGrid) -> Pixels:
    """(H, W) classes of a dcfm_ros/ClassGrid at the centres of a grid's cells; 255 beyond it."""
    info = message.info
    theirs = np.asarray(message.class_id, np.uint8).reshape(info.height, info.width)
    height, width = grid.class_ids.shape
    origin = info.origin.position.x, info.origin.position.y
    columns, rows = (
        np.floor(
            (corner + (np.arange(count) + 0.5) * grid.resolution_m - start) / info.resolution
        ).astype(int)
        for corner, count, start in zip(grid.origin_m, (width, height), origin, strict=True)
    )
    inside = ((rows >= 0) & (rows < info.height))[:, None] & (columns >= 0) & (columns < info.width)
    found = theirs[rows.clip(0, info.height - 1)[:, None], columns.clip(0, info.width - 1)]
    return np.where(inside, found, 255).astype(np.uint8)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 5)
