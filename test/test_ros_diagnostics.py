"""What /diagnostics says in each situation."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from dcfm_ros.ros.counts import Counts, Drop, RecentFigures
from dcfm_ros.ros.diagnostics import CameraReport, camera_status, engine_status
from dcfm_ros.ros.image_input import InputState

INPUT = InputState("/image", "reliable", publishers=1, lost_messages=0, problem="")
WELL = CameraReport(
    input=INPUT,
    has_arrived=True,
    input_age_s=0.1,
    stale_after_s=5.0,
    counts=Counts(90, 10, {Drop.REPLACED: 10}),
    newly_lost=0,
    newly_bad=0,
    newly_published=10,
    last_problem="",
    recent=RecentFigures(rate_hz=10.0, latency_ms=25.0, worst_latency_ms=40.0, key_frame_share=0.2),
)
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        ({}, OK, "10.0 Hz, 25 ms"),
        ({"input": replace(INPUT, problem="wrong type")}, ERROR, "wrong type"),
        ({"has_arrived": False}, WARN, "no image yet on /image"),
        ({"input_age_s": 9.0}, WARN, "no image on /image for 9 s"),
        (
            {"newly_bad": 4, "newly_published": 0, "last_problem": "width is 0"},
            ERROR,
            "no frame was usable: width is 0",
        ),
        ({"newly_bad": 4, "last_problem": "width is 0"}, WARN, "4 frames dropped: width is 0"),
        ({"newly_lost": 3}, WARN, "the middleware lost 3 images of /image"),
    ],
)
def test_a_camera_is_judged_by_what_matters_most(changes, level, text):
    status = camera_status("segmenter: camera", replace(WELL, **changes))
    assert status.level == level
    assert status.message.startswith(text)


def test_a_camera_reports_its_figures():
    report = replace(WELL, key_frame_policy="adaptive", estimate_factor=0.8)
    values = {v.key: v.value for v in camera_status("segmenter: camera", report).values}
    assert values["key-frame policy"] == "adaptive"
    assert values["key-frame estimate, corrected by"] == "0.80"
    assert values["topic"] == "/image"
    assert values["rate (Hz)"] == "10.00"
    assert values["key frames (share)"] == "0.20"
    assert (values["taken"], values["published"], values["dropped"]) == ("100", "90", "10")
    assert values["dropped, replaced by a newer frame"] == "10"


def test_without_frames_there_are_no_figures_but_no_failure_either():
    idle = replace(WELL, recent=RecentFigures(0.0, math.nan, math.nan, math.nan))
    assert camera_status("segmenter: camera", idle).message == "0.0 Hz"


def test_the_engine_tells_why_configure_failed_before_all_else():
    status = engine_status(
        "segmenter: engine", "unconfigured", "no file x", {}, {"/a": "DURABILITY"}
    )
    assert (status.level, status.message) == (ERROR, "no file x")


def test_the_engine_names_the_output_that_a_subscriber_cannot_have():
    status = engine_status("e", "active", "", {"device": "cpu"}, {"/label_image": "DURABILITY"})
    assert status.level == WARN
    assert "/label_image" in status.message
    assert "DURABILITY" in status.message
    assert {v.key: v.value for v in status.values}["device"] == "cpu"


def test_the_engine_is_well_in_any_state_without_a_problem():
    status = engine_status("e", "inactive", "", {}, {})
    assert (status.level, status.message) == (OK, "inactive")
    assert int({v.key: v.value for v in status.values}["resident memory (MB)"]) > 0
