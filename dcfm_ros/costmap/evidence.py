"""What one frame says about cells: the only thing that goes from a projection into the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import GridFrame

Cells = NDArray[np.intp]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Each cell stands at most once in `cells`, and at most once in `obstacle_cells`.

    Attributes:
        cells: (N,) row-major cells whose ground was seen.
        classes: (K,) the ground classes that occur.
        shares: (K, N) share of the cell's area seen as each class, 0 to 1.
        weights: (N,) trust in it, 0 to 1.
        obstacle_cells: (M,) row-major cells where an obstacle stands.
        obstacle_classes: (M,) its class.
        obstacle_weights: (M,) trust in it, 0 to 1.
        hidden: (B,) row-major cells in view of which nothing was seen: what moves has left them.
    """

    cells: Cells
    classes: NDArray[np.uint8]
    shares: Floats
    weights: Floats
    obstacle_cells: Cells
    obstacle_classes: NDArray[np.uint8]
    obstacle_weights: Floats
    hidden: Cells

    @property
    def empty(self) -> bool:
        """Whether nothing was seen."""
        return not (len(self.cells) or len(self.obstacle_cells) or len(self.hidden))


@dataclass(frozen=True, eq=False)
class Area:
    """What is visible of the ground.

    Attributes:
        cells: (N,) row-major cells.
        shares: (K, N) share of each cell's area seen as each ground class.
        weights: (N,) trust, 0 to 1.
        hidden: (B,) cells in view of which no ground is visible.
    """

    cells: Cells
    shares: Floats
    weights: Floats
    hidden: Cells


def no_area(classes: int) -> Area:
    """No ground is in view."""
    cells = np.zeros(0, np.intp)
    shares = np.zeros((classes, 0), np.float32)
    return Area(cells, shares, np.zeros(0, np.float32), cells)


def combine(
    grounds: NDArray[np.uint8],
    area: Area,
    obstacle_cells: Cells,
    obstacle_classes: NDArray[np.uint8],
    obstacle_weights: Floats,
    frame: GridFrame,
    trust: float,
) -> Evidence:
    """Put ground and obstacles of a frame together: a cell with an obstacle is no ground.

    Args:
        grounds: (K,) classes of the area's shares.
        area: visible ground.
        obstacle_cells: (M,) different cells.
        obstacle_classes: (M,).
        obstacle_weights: (M,) 0 to 1.
        frame: place of the grid.
        trust: weight of the whole frame, 0 to 1.
    """
    taken = np.zeros(frame.width * frame.height, bool)
    taken[obstacle_cells] = True
    free = ~taken[area.cells]
    taken[area.cells] = True
    return Evidence(
        area.cells[free],
        grounds,
        area.shares[:, free],
        area.weights[free] * np.float32(trust),
        obstacle_cells,
        obstacle_classes,
        obstacle_weights * np.float32(trust),
        area.hidden[~taken[area.hidden]],
    )


def strongest(
    cells: Cells, classes: NDArray[np.uint8], weights: Floats
) -> tuple[Cells, NDArray[np.uint8], Floats]:
    """Keep one entry for each cell, the one with the largest weight; cells below 0 are dropped."""
    inside = cells >= 0
    cells, classes, weights = cells[inside], classes[inside], weights[inside]
    order = np.lexsort((classes, -weights, cells))
    cells = cells[order]
    first = np.ones(len(cells), bool)
    first[1:] = cells[1:] != cells[:-1]
    kept = order[first]
    return cells[first], classes[kept], weights[kept]
