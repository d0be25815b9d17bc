"""Grids at their rate by stamps: the same frames whenever the run began."""

from __future__ import annotations

from dcfm_ros.costmap.pace import GridPace

MS = 1_000_000


def due(rate_hz: float, stamps_ms: list[int]) -> list[int]:
    pace = GridPace(rate_hz, rate_hz)
    return [stamp for stamp in stamps_ms if pace.due(stamp * MS, lambda: False)]


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
    pace = GridPace(1.0, 1.0)
    assert [pace.due(stamp * MS, lambda: False) for stamp in (0, 500)] == [True, False]
    pace.rate_hz = 4.0
    assert pace.due(750 * MS, lambda: False)


def prompt(max_rate_hz: float, stamps_ms: list[int], changed_ms: list[int]) -> list[int]:
    pace = GridPace(2.0, max_rate_hz)
    return [stamp for stamp in stamps_ms if pace.due(stamp * MS, lambda s=stamp: s in changed_ms)]


def test_what_changes_after_a_while_is_due_with_the_very_frame_right_after_a_regular_grid_too():
    frames = list(range(0, 1100, 33))
    assert prompt(5.0, frames, [33]) == [0, 33, 528, 1023]
    assert prompt(5.0, frames, [363]) == [0, 363, 1023]  # that of 528 follows too soon


def test_what_changes_all_the_time_is_due_at_the_highest_rate_and_no_regular_grid_beside_it():
    frames = list(range(0, 3000, 20))
    assert prompt(5.0, frames, frames) == [0, *range(20, 3000, 200)]
    assert prompt(20.0, list(range(0, 1000, 33)), list(range(1, 1000))) == [0, *range(33, 1000, 66)]


def test_the_highest_rate_does_not_slow_the_regular_one():
    pace = GridPace(20.0, 5.0)
    assert all(pace.due(stamp * MS, lambda: True) for stamp in range(0, 1000, 50))


def test_a_change_that_a_slightly_older_frame_of_another_camera_shows_is_due_for_the_newest():
    pace = GridPace(2.0, 5.0)
    assert pace.due(100 * MS, lambda: False)
    assert pace.due(90 * MS, lambda: True)
    assert pace.newest_ns == 100 * MS


def test_a_recording_shorter_than_two_seconds_has_its_grids_in_each_repeat():
    once = list(range(100, 1300, 100))
    assert due(2.0, once) == [100, 500, 1000]
    assert due(2.0, 3 * once) == [100, 500, 1000] + 2 * [200, 500, 1000]


def test_two_frames_that_were_swapped_are_no_repeat():
    assert due(2.0, [100, 300, 200, 400, 500, 700, 600, 800]) == [100, 500]


def test_cameras_that_are_late_in_turn_are_no_repeat():
    pace = GridPace(2.0, 2.0)
    stamps = [
        (100 * at - late, name)
        for at in range(1, 12)
        for late, name in ((0, "a"), (30, "b"), (50, "c"))
    ]
    found = [at for at, name in stamps if pace.due(at * MS, lambda: False, name)]
    assert found == [100, 500, 1000]
