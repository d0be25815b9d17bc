from __future__ import annotations

import math

import numpy as np
import pytest
from frame_harness import segmented_frame

from dcfm_ros.evaluation.measure.frames import FrameRecord
from dcfm_ros.evaluation.run.samples import Samples
from dcfm_ros.streaming import KeyFrameReason


def offer(
    samples: Samples, index: int, miou: float, confidence: float = 0.5, width: int = 32
) -> None:
    shape = (width * 3 // 4, width)
    labels = np.full(shape, index % 11, np.uint8)
    frame = segmented_frame(labels, index=index, stamp_ns=index, mean_confidence=confidence)
    record = FrameRecord(
        "bag", index, index, False, KeyFrameReason.REUSE, 1, confidence, miou, {"total": 1.0}
    )
    samples.offer(frame, record)


def places(found) -> list[int]:
    return [sample.record.index for sample in found]


@pytest.mark.parametrize("count", [1, 5, 9, 10, 36, 37, 101, 1000])
def test_spread_is_even_whatever_the_length(count):
    samples = Samples(spread=9)
    for index in range(count):
        offer(samples, index, math.nan)
    found = places(samples.spread())
    assert len(found) == min(count, 9)
    assert found[0] == 0
    steps = np.diff(found)
    if count >= 9:
        assert steps.min() >= 1
        assert steps.max() <= 2 * steps.min()
        assert found[-1] >= 0.85 * (count - 1)


def test_worst_frames_are_the_lowest_and_lie_apart():
    samples = Samples(worst=2, apart=10)
    mious = [0.5] * 60
    mious[20:23] = [0.3, 0.2, 0.3]
    mious[40] = 0.25
    for index, miou in enumerate(mious):
        offer(samples, index, miou)
    assert places(samples.worst()) == [21, 40]


def test_frames_with_ground_truth_go_before_unsure_ones():
    samples = Samples(worst=2, apart=1)
    offer(samples, 0, math.nan, confidence=0.01)
    offer(samples, 1, 0.9)
    offer(samples, 2, math.nan, confidence=0.02)
    assert places(samples.worst()) == [1, 0]


def test_without_any_figure_no_frame_is_worst():
    samples = Samples()
    offer(samples, 0, math.nan, confidence=math.nan)
    assert samples.worst() == []


def test_pictures_are_kept_small_with_their_aspect():
    samples = Samples()
    offer(samples, 3, math.nan, width=1600)
    sample = samples.spread()[0]
    assert sample.rgb.shape == (480, 640, 3)
    assert sample.labels.shape == (480, 640)
    assert (sample.labels == 3).all()
