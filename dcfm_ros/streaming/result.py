"""What the segmenter tells about a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.streaming.keyframes import KeyFrameReason


@dataclass(frozen=True)
class FrameResult:
    """What one frame came to."""

    labels: NDArray[np.uint8]
    """(H, W) class ids, at the size of the image."""
    confidence: NDArray[np.uint8] | None
    """(H, W) round(255 · softmax maximum), less on non-key frames by what is expected to have
    changed; None where it was not asked for."""
    mean_confidence: float
    """Mean softmax maximum, 0 … 1, less on non-key frames likewise."""
    is_key_frame: bool
    """Whether the deep features of this frame are computed, be it in the background."""
    reason: KeyFrameReason
    age: int
    """Frames since the key frame whose common feature was used; 0 on a key frame that did not go
    to the background."""
    age_ns: int
    """The same as a difference of stamps."""
    expected_label_change: float
    """Share of pixels whose label a fresh common feature would change, estimated; 0 where it
    was used, NaN where the checkpoint is not calibrated."""
    key_budget: float
    """Key frames that `max_key_rate_hz` still grants; NaN without that limit."""
    preprocess_ms: float
    network_ms: float
    postprocess_ms: float
