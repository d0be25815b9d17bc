"""What one frame says about cells: the only thing that goes from a projection into the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """

    cells: Cells
    classes: NDArray[np.uint8]
    shares: Floats
    weights: Floats
    obstacle_cells: Cells
    obstacle_classes: NDArray[np.uint8]
    obstacle_weights: Floats

    @property
    def empty(self) -> bool:
        """Whether nothing was seen."""
        return len(self.cells) == 0 and len(self.obstacle_cells) == 0


def no_evidence() -> Evidence:
    """Nothing was seen."""
    cells, floats = np.zeros(0, np.intp), np.zeros(0, np.float32)
    classes = np.zeros(0, np.uint8)
    return Evidence(cells, classes, np.zeros((0, 0), np.float32), floats, cells, classes, floats)


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
