"""Obstacles near the robot that came or went since a grid."""

from __future__ import annotations

import numpy as np
import pytest

from dcfm_ros.costmap import CostGrid
from dcfm_ros.costmap.cells import GridFrame
from dcfm_ros.costmap.nearby import came_or_went, in_range, lethal_before, window

FRAME = GridFrame(left=-20, bottom=-10, width=40, height=20, resolution_m=0.5)


def cells(*rows: str) -> np.ndarray:
    return np.array([[mark == "#" for mark in row] for row in rows])


@pytest.mark.parametrize(
    ("now", "before", "changed"),
    [
        (cells("....", "...."), cells("....", "...."), False),
        (cells(".##.", "...."), cells("....", "...."), True),
        (cells("....", "...."), cells(".#..", ".#.."), True),
        (cells(".#..", "..#."), cells("....", "...."), True),
        (cells("..#.", ".#.."), cells("....", "...."), True),
        (cells(".#..", "...#"), cells("....", "...."), False),  # apart from each other
        (cells("..#.", "...."), cells(".#..", "...."), False),  # it moves to the next cell
        (cells("###.", "...."), cells("##..", "...."), False),
    ],
)
def test_two_cells_that_touch_are_a_change(
    now: np.ndarray, before: np.ndarray, changed: bool
) -> None:
    assert came_or_went(now, before) == changed
    assert came_or_went(before, now) == changed


def test_the_window_holds_the_range_and_ends_with_the_grid() -> None:
    assert window(FRAME, 0.0, 0.0, 2.0) == (slice(6, 14), slice(16, 24))
    assert window(FRAME, 9.0, -4.5, 2.0) == (slice(0, 5), slice(34, 40))
    assert window(FRAME, 50.0, 0.0, 2.0) == (slice(6, 14), slice(40, 40))
    within = in_range(FRAME, 0.0, 0.0, 2.0)
    assert within.shape == (8, 8)
    assert not within[0, 0]
    assert within[0, 3]
    assert within.sum() == 52  # of 16 pi


def test_an_earlier_grid_is_read_where_it_was() -> None:
    costs = np.zeros((20, 40), np.int8)
    costs[10, 20] = costs[10, 39] = 100
    costs[11, 20] = 98
    ids = np.zeros((20, 40), np.uint8)
    grid = CostGrid(costs, ids, ids, (-10.0, -5.0), 0.5, 0)
    whole = slice(0, 20), slice(0, 40)
    assert np.argwhere(lethal_before(grid, FRAME, *whole)).tolist() == [[10, 20], [10, 39]]
    moved = GridFrame(left=-18, bottom=-12, width=40, height=20, resolution_m=0.5)
    assert np.argwhere(lethal_before(grid, moved, *whole)).tolist() == [[12, 18], [12, 37]]
    part = slice(12, 14), slice(17, 20)
    assert lethal_before(grid, moved, *part).tolist() == [[False, True, False], [False] * 3]
