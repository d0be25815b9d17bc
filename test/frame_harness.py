"""Segmented frames as tests need them: what a test does not name is as usual."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from dcfm_ros.evaluation.measure.cost import FrameCost
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.measure.tally import Measures, Tally
from dcfm_ros.network import LabelSet
from dcfm_ros.streaming import FrameResult, KeyFrameReason

SHAPE = (24, 32)
LABELS = LabelSet("three", ("a", "b", "c"), ((255, 0, 0), (0, 0, 255), (0, 255, 0)))
COST = FrameCost(key=100, non_key=20, key_attention=0, non_key_attention=0, parameters=1)
ALL = Measures(boundary=True, flow=True, calibration=True)
_OF_FRAME = ("index", "stamp_ns", "frame_id", "rgb", "stages_ms", "truth", "reference", "clip")


def segmented_frame(labels: np.ndarray, **named: Any) -> SegmentedFrame:
    """A frame with these labels, (H, W).

    Args:
        named: fields of SegmentedFrame and of FrameResult.
    """
    is_key = named.get("is_key_frame", False)
    usual = {
        "confidence": None,
        "mean_confidence": 0.5,
        "is_key_frame": is_key,
        "reason": KeyFrameReason.INTERVAL if is_key else KeyFrameReason.REUSE,
        "age": 0 if is_key else 1,
        "age_ns": 0,
        "expected_label_change": math.nan,
        "key_budget": math.nan,
        "preprocess_ms": 0.0,
        "network_ms": 0.0,
        "postprocess_ms": 0.0,
    }
    of_frame = {
        "index": 0,
        "stamp_ns": 0,
        "frame_id": "camera",
        "rgb": np.zeros((*labels.shape, 3), np.uint8),
        "stages_ms": {"total": 1.0},
        "truth": None,
        **{name: value for name, value in named.items() if name in _OF_FRAME},
    }
    of_result = {name: value for name, value in named.items() if name not in _OF_FRAME}
    return SegmentedFrame(result=FrameResult(labels, **{**usual, **of_result}), **of_frame)


def random_tally(*videos: tuple[int, int]) -> Tally:
    """All that is measured of random frames, of several videos one after the other.

    Args:
        videos: seed and number of frames of each.
    """
    tally = Tally(len(LABELS.classes), ALL)
    for seed, count in videos:
        for frame in random_frames(seed, count):
            tally.add(frame, "bag")
    return tally


def random_frames(seed: int, count: int) -> Iterator[SegmentedFrame]:
    """Some without ground truth or confidence, some with ids that are no class."""
    rng = np.random.default_rng(seed)
    classes = len(LABELS.classes)
    truth = rng.integers(0, classes + 2, SHAPE).astype(np.uint8)
    for index in range(count):
        age = index % 4
        labels = np.where(rng.random(SHAPE) < 0.7, truth % classes, 0).astype(np.uint8)
        total_ms = float(rng.gamma(4.0, 10.0))
        yield segmented_frame(
            labels,
            index=index,
            stamp_ns=index * 10**8,
            is_key_frame=age == 0,
            age=age,
            mean_confidence=math.nan if index == 3 else float(rng.random()),
            stages_ms={"preprocess": 0.0, "network": total_ms / 2, "total": total_ms},
            rgb=rng.integers(0, 256, (*SHAPE, 3)).astype(np.uint8),
            truth=None if index == 5 else truth,
            expected_label_change=float(rng.random()) if age else math.nan,
            confidence=rng.integers(0, 256, SHAPE).astype(np.uint8),
            reference=(labels + (rng.random(SHAPE) < 0.1)).astype(np.uint8) % classes,
        )
