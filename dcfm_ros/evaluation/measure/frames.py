"""One segmented frame, wherever it was segmented: in this process or by the live node."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from dcfm_ros.images import Pixels
from dcfm_ros.streaming import FrameResult, KeyFrameReason

STAGES = ("queue", "preprocess", "network", "postprocess", "total")
"""Where a frame's time goes, as in dcfm_ros/FrameStatus; `queue` exists in the live node only."""


@dataclass(frozen=True)
class SegmentedFrame:
    """A camera frame, what was made of it, and what is true."""

    index: int
    """Of the frame in its recording, from 0; frames that were not segmented count."""
    stamp_ns: int
    frame_id: str
    """Of the camera."""
    rgb: Pixels
    """(H, W, 3)."""
    result: FrameResult
    stages_ms: dict[str, float]
    """By the names in `STAGES`."""
    truth: Pixels | None
    """(h, w) true class ids, of any size; ids that are no class are unlabelled."""
    reference: Pixels | None = None
    """(H, W) class ids by the reference, where there is one."""
    clip: str = ""
    """Of a data set; frames of different clips do not follow each other."""


def stages_ms(result: FrameResult, decode_ms: float) -> dict[str, float]:
    """The times of a frame that had to wait for nothing."""
    preprocess_ms = decode_ms + result.preprocess_ms
    return {
        "preprocess": preprocess_ms,
        "network": result.network_ms,
        "postprocess": result.postprocess_ms,
        "total": preprocess_ms + result.network_ms + result.postprocess_ms,
    }


@dataclass(frozen=True)
class FrameRecord:
    """What stays of a frame once its pixels are counted: one line of frames.jsonl."""

    recording: str
    index: int
    stamp_ns: int
    is_key_frame: bool
    reason: KeyFrameReason
    age: int
    mean_confidence: float
    miou: float
    """Of this frame alone; NaN without ground truth."""
    stages_ms: dict[str, float]
    counts: tuple[tuple[int, int, int, int], ...] | None = None
    """Class id, pixels that are it and were found, that are it, that were predicted as it, of each
    class that this frame shows; None without ground truth. All IoUs follow from their sums."""
    expected_label_change: float = math.nan
    key_budget: float = math.nan
    agreement: float = math.nan
    """Share of pixels labelled as by the reference; NaN without one."""
    clip: str = ""

    def to_json(self) -> str:
        """One line; the times, which differ from run to run, come last."""
        return json.dumps(
            {
                "recording": self.recording,
                **({"clip": self.clip} if self.clip else {}),
                "index": self.index,
                "stamp_ns": self.stamp_ns,
                "key": self.is_key_frame,
                "reason": self.reason.name,
                "age": self.age,
                "expected_label_change": number(self.expected_label_change),
                "budget": number(self.key_budget),
                "mean_confidence": number(self.mean_confidence),
                "agreement": number(self.agreement),
                "miou": number(self.miou),
                "counts": self.counts,
                "ms": {name: round(value, 3) for name, value in self.stages_ms.items()},
            }
        )


def number(value: Any) -> float | None:
    """A number as JSON can hold it: NaN, which JSON lacks, becomes null."""
    return None if math.isnan(value) else float(value)
