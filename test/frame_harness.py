"""Segmented frames as tests need them: what a test does not name is as usual."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.streaming import FrameResult, KeyFrameReason

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
