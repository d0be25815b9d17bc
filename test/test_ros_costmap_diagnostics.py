"""What /diagnostics says about the costmap in each situation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from dcfm_ros.ros.costmap_diagnostics import (
    CostmapCounter,
    CostmapCounts,
    CostmapReport,
    PlacingState,
    costmap_status,
)
from dcfm_ros.ros.image_input import InputState

OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN
DEPTH = InputState("/depth", "reliable", publishers=0, lost_messages=0, problem="")
KNOWN = PlacingState("/camera/camera_info", publishers=1, has_arrived=True, depth=DEPTH)
WELL = CostmapReport(
    wanted=True,
    is_stale=False,
    cameras=(KNOWN,),
    frames=("base_link", "odom"),
    counts=CostmapCounts(added=30, grids=6),
    before=CostmapCounts(added=20, grids=4),
)
LOST = CostmapCounts(added=20, refused=9, grids=4, last_problem="no transform from 'a' to 'b'")


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({}, OK, "10 frames added, 2 grids"),
        ({"counts": LOST}, WARN, "9 of 9 frames not added: no transform from 'a' to 'b'"),
        (
            {"counts": LOST, "before": LOST, "is_stale": True},
            WARN,
            "no frames: all of it is unknown; last problem: no transform",
        ),
        (
            {"cameras": (KNOWN, replace(KNOWN, has_arrived=False, publishers=0))},
            WARN,
            "no camera_info yet on /camera/camera_info: it has no publisher",
        ),
        (
            {"cameras": (replace(KNOWN, has_arrived=False),)},
            WARN,
            "no camera_info yet on /camera/camera_info: it has publishers (1)",
        ),
        (
            {"cameras": (replace(KNOWN, depth_problem="depth comes, none matches: nearest is 8"),)},
            WARN,
            "/depth: depth comes, none matches: nearest is 8",
        ),
        (
            {"counts": CostmapCounts(added=30, overtaken=3)},
            WARN,
            "3 frames left out: the costmap does not keep up",
        ),
    ],
)
def test_it_says_what_matters_most(changes, level, text):
    status = costmap_status("segmenter: costmap", replace(WELL, **changes))
    assert status.level == level
    assert status.message.startswith(text)


def test_what_nobody_subscribes_to_is_no_reason_to_warn():
    status = costmap_status("segmenter: costmap", replace(WELL, counts=LOST, wanted=False))
    assert status.level == OK
    assert status.message.startswith("nobody subscribes; 9 of 9 frames not added")


def test_it_reports_its_figures():
    values = {v.key: v.value for v in costmap_status("costmap", WELL).values}
    assert values["frames added"] == "30"
    assert values["camera_info"] == "/camera/camera_info (received)"
    assert values["depth"] == "/depth (0 publishers)"
    assert values["tf frames"] == "base_link, odom"


def test_counts_add_up():
    counter = CostmapCounter()
    counter.add()
    counter.add()
    counter.publish()
    counter.overtake()
    counter.refuse("why")
    assert counter.read() == CostmapCounts(2, 1, 1, 1, "why")
