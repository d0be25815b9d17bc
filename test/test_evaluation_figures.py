"""The drawings of a report without a network, on the oldest libraries, too."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest

from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.measure.tally import Tally
from dcfm_ros.evaluation.report.drawings import (
    accuracy_by_age,
    latency_histogram,
    reliability_diagram,
    stage_bars,
)
from dcfm_ros.evaluation.report.sheet import contact_sheet
from dcfm_ros.evaluation.report.timeline import timeline
from dcfm_ros.evaluation.run.samples import Samples
from dcfm_ros.network.labels import LabelSet
from dcfm_ros.streaming.frames import FrameResult
from dcfm_ros.streaming.keyframes import KeyFrameReason

LABELS = LabelSet("two", ("left", "right"), ((255, 0, 0), (0, 0, 255)))
TRUTH = np.repeat([[0, 1]], 24, 0).repeat(16, 1).astype(np.uint8)
BINS = [{"confidence": 0.7, "accuracy": 0.6, "share": 0.4}]


@pytest.fixture
def tally_and_samples():
    """Ten frames, every fifth a key frame."""
    tally, samples = Tally(2), Samples(spread=4)
    for index in range(10):
        is_key = index % 5 == 0
        result = FrameResult(
            labels=TRUTH,
            confidence=None,
            mean_confidence=0.8,
            is_key_frame=is_key,
            reason=KeyFrameReason.INTERVAL if is_key else KeyFrameReason.REUSE,
            age=index % 5,
            age_ns=index % 5 * 100_000_000,
            expected_label_change=math.nan,
            key_budget=math.nan,
            preprocess_ms=1.0,
            network_ms=9.0 + index,
            postprocess_ms=0.0,
        )
        frame = SegmentedFrame(
            index=index,
            stamp_ns=index * 100_000_000,
            frame_id="camera",
            rgb=np.full((*TRUTH.shape, 3), 90, np.uint8),
            result=result,
            stages_ms={"preprocess": 1.0, "network": 9.0 + index, "total": 10.0 + index},
            truth=TRUTH,
        )
        samples.offer(frame, tally.add(frame, "bag"))
    return tally, samples


def test_every_figure_is_drawn(tally_and_samples):
    tally, _ = tally_and_samples
    ages = [{"age": age, "miou": 0.7, "frames": 2} for age in range(5)]
    calibration = {"bins": BINS, "bins_of_fresh": BINS, "bins_of_reuse": BINS}
    for svg in (
        timeline(tally, 100.0),
        latency_histogram(tally.latencies, 100.0),
        stage_bars(tally.latencies),
        accuracy_by_age(ages),
        reliability_diagram(calibration),
    ):
        assert ET.fromstring(svg).tag.endswith("svg")


def test_the_contact_sheet_is_a_picture(tally_and_samples, tmp_path):
    _, samples = tally_and_samples
    strip = np.zeros((10, 30, 3), np.uint8)
    contact_sheet(samples.spread(), LABELS, "title", "subtitle", tmp_path / "sheet.png", strip)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape[1] > 3 * 426
