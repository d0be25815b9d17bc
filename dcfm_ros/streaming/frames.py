"""A frame on its way: as it comes in, as it is remembered and compared, and what it came to."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dcfm_ros.streaming.keyframes import KeyFrameReason
from dcfm_ros.streaming.settings import KeyFrameSettings
from dcfm_ros.streaming.signals import (
    NetworkImage,
    Output,
    Signals,
    boundary_density,
    change,
    input_change,
    luma_change,
    luma_correlation,
)


@dataclass(frozen=True)
class InputFrame:
    """A frame before the network has seen all of it."""

    image: NetworkImage
    size: tuple[int, int]
    """(height, width) of the camera's image."""
    stamp_ns: int


@dataclass(frozen=True)
class PastFrame:
    """A frame that is over."""

    frame: InputFrame
    output: Output


@dataclass(frozen=True)
class KeyFrame:
    """What later frames reuse, and compare themselves with."""

    common: Tensor
    past: PastFrame
    boundary: float

    @classmethod
    def of(cls, common: Tensor, past: PastFrame) -> KeyFrame:
        """A frame whose common feature is fresh, and what its labels are with it."""
        return cls(common, past, boundary_density(past.output.labels))


@dataclass
class PendingKeyFrame:
    """A key frame that is being computed in the background."""

    key: Future[KeyFrame]
    age: int = 0
    """Frames since it was the frame at hand."""
    reused: Output | None = None
    """What the older common feature made of it, where that is to be compared."""

    def is_due(self, after: int) -> bool:
        """Count a frame; whether its features are used from this one on.

        Args:
            after: exactly so many frames later; 0: as soon as they are ready.
        """
        self.age += 1
        return self.age >= after if after else self.key.done()


def forces_key_frame(
    frame: InputFrame, key: KeyFrame | None, last: PastFrame | None, settings: KeyFrameSettings
) -> KeyFrameReason | None:
    """Why older deep features will not do for a frame; None where they will."""
    if key is None or last is None:
        return KeyFrameReason.FIRST
    if frame.size != key.past.frame.size:
        return KeyFrameReason.RESIZE
    gap_ns = frame.stamp_ns - last.frame.stamp_ns
    if gap_ns < 0 or gap_ns > settings.max_gap_s * 1e9:
        return KeyFrameReason.STAMP_GAP
    if luma_correlation(frame.image, last.frame.image) < settings.cut_correlation:
        return KeyFrameReason.CUT
    return None


def compare(
    frame: InputFrame,
    key: KeyFrame,
    last: Output,
    age: int,
    std: tuple[float, float, float] | None = None,
) -> Signals:
    """A frame against the key frame whose common feature it would reuse.

    Args:
        last: of the frame before.
        age: frames since the key frame.
        std: of the normalised input, to compare that as well.
    """
    then = key.past
    return Signals(
        age=age,
        luma_change=luma_change(frame.image, then.frame.image),
        drift=change(last.labels, then.output.labels),
        confidence_fall=max(0.0, then.output.confidence - last.confidence),
        boundary=key.boundary,
        input_change=input_change(frame.image, then.frame.image, std) if std else math.nan,
    )


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
