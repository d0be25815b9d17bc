"""The grid as Nav2 reads it: corner of cell (0, 0), row by row, and classes beside the costs."""

from __future__ import annotations

from array import array

import numpy as np

from dcfm_ros.costmap import CostGrid
from dcfm_ros.msg import ClassGrid
from dcfm_ros.ros.grids import class_grid, occupancy_grid
from dcfm_ros.ros.messages import stamp_ns

COSTS = np.array([[-1, 0, 98], [100, 50, -1]], np.int8)
GRID = CostGrid(
    costs=COSTS,
    class_ids=np.array([[255, 3, 4], [8, 4, 255]], np.uint8),
    confidence=np.array([[0, 200, 1], [255, 7, 0]], np.uint8),
    origin_m=(-12.5, 3.0),
    resolution_m=0.5,
    stamp_ns=7_000_000_123,
)


def test_costs_go_out_row_by_row_from_the_corner_of_the_first_cell():
    message = occupancy_grid(GRID, "odom")
    assert (message.info.width, message.info.height, message.info.resolution) == (3, 2, 0.5)
    origin = message.info.origin
    assert (origin.position.x, origin.position.y, origin.position.z) == (-12.5, 3.0, 0.0)
    turn = origin.orientation
    assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.0, 0.0, 1.0)
    assert message.header.frame_id == "odom"
    assert stamp_ns(message.header.stamp) == stamp_ns(message.info.map_load_time) == 7_000_000_123
    assert message.data == array("b", [-1, 0, 98, 100, 50, -1])


def test_classes_have_the_geometry_and_stamp_of_the_costs():
    classes, costs = class_grid(GRID, "odom"), occupancy_grid(GRID, "odom")
    assert (classes.header, classes.info) == (costs.header, costs.info)
    assert classes.class_id == array("B", [ClassGrid.UNKNOWN, 3, 4, 8, 4, ClassGrid.UNKNOWN])
    assert classes.confidence == array("B", [0, 200, 1, 255, 7, 0])


def test_a_view_that_is_not_contiguous_is_written_in_order():
    wide = np.arange(24, dtype=np.int8).reshape(4, 6)
    grid = CostGrid(wide[::2, ::3], *(np.zeros((2, 2), np.uint8),) * 2, (0.0, 0.0), 1.0, 0)
    assert occupancy_grid(grid, "odom").data == array("b", [0, 3, 12, 15])
