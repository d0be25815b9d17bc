"""Grids at their rate by stamps: the same frames whenever the run began."""

from __future__ import annotations

from dcfm_ros.costmap.pace import GridPace


def due(rate_hz: float, stamps_ms: list[int]) -> list[int]:
    pace = GridPace(rate_hz)
    return [stamp for stamp in stamps_ms if pace.due(stamp * 1_000_000)]


def test_the_first_frame_of_each_period_is_due():
    assert due(2.0, list(range(0, 1600, 100))) == [0, 500, 1000, 1500]
    assert due(2.0, [0, 499, 501, 998, 1003, 2600]) == [0, 501, 1003, 2600]


def test_a_run_that_began_later_has_the_same_grids_after_its_first_frame():
    assert due(2.0, list(range(300, 1600, 100))) == [300, 500, 1000, 1500]


def test_frames_below_the_rate_are_all_due():
    assert due(10.0, [0, 700, 1400]) == [0, 700, 1400]


def test_another_cameras_slightly_older_frame_is_not_due():
    assert due(2.0, [480, 501, 499, 502]) == [480, 501]


def test_stamps_that_start_anew_are_due_at_once():
    assert due(2.0, [5000, 5100, 100, 200, 500]) == [5000, 100, 500]


def test_the_rate_may_change_on_the_way():
    pace = GridPace(1.0)
    assert [pace.due(stamp) for stamp in (0, 500_000_000)] == [True, False]
    pace.rate_hz = 4.0
    assert pace.due(750_000_000)
