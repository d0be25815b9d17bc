"""Whether obstacles near the robot have come or gone since a grid was given."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import GridFrame
from dcfm_ros.costmap.classes import LETHAL
from dcfm_ros.costmap.grid import CostGrid

Mask = NDArray[np.bool_]


def window(frame: GridFrame, x_m: float, y_m: float, range_m: float) -> tuple[slice, slice]:
    """Rows and columns of the grid with all cells within a range of a point."""
    return (
        _cells(y_m, range_m, frame.resolution_m, frame.bottom, frame.height),
        _cells(x_m, range_m, frame.resolution_m, frame.left, frame.width),
    )


def in_range(frame: GridFrame, x_m: float, y_m: float, range_m: float) -> Mask:
    """Which cells of the window have their centre in the range."""
    rows, columns = window(frame, x_m, y_m, range_m)
    x, y = frame.centres_m()
    squared = (x[columns] - x_m) ** 2 + (y[rows, None] - y_m) ** 2
    return np.asarray(squared <= range_m**2)


def lethal_before(grid: CostGrid, frame: GridFrame, rows: slice, columns: slice) -> Mask:
    """Which cells of a window were lethal in a grid whose origin may have been another."""
    found = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    up, right = (round(m / grid.resolution_m) for m in reversed(grid.origin_m))
    row = _shared(rows, frame.bottom - up, grid.costs.shape[0])
    column = _shared(columns, frame.left - right, grid.costs.shape[1])
    found[row[0], column[0]] = grid.costs[row[1], column[1]] == LETHAL
    return found


def came_or_went(now: Mask, before: Mask) -> bool:
    """Whether two cells that touch have become lethal, or two have ceased to be.

    A single one is noise more often than an obstacle, as is one that moves to the next cell.
    """
    return _two_touch(now & ~before) or _two_touch(before & ~now)


def _two_touch(cells: Mask) -> bool:
    pairs = (
        (cells[1:], cells[:-1]),
        (cells[:, 1:], cells[:, :-1]),
        (cells[1:, 1:], cells[:-1, :-1]),
        (cells[1:, :-1], cells[:-1, 1:]),
    )
    return bool(cells.any()) and any(bool((one & other).any()) for one, other in pairs)


def _shared(cells: slice, shift: int, count: int) -> tuple[slice, slice]:
    """Cells of a window that another grid has, as indices into the window and into that grid."""
    low, high = max(cells.start + shift, 0), min(cells.stop + shift, count)
    high = max(low, high)
    first = cells.start + shift
    return slice(low - first, high - first), slice(low, high)


def _cells(at_m: float, range_m: float, size_m: float, first: int, count: int) -> slice:
    low = math.floor((at_m - range_m) / size_m) - first
    high = math.ceil((at_m + range_m) / size_m) - first
    return slice(min(max(low, 0), count), min(max(high, 0), count))
