"""One camera's video through the network: deep features on key frames, cheap ones on every frame."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dcfm_ros.errors import ImageError
from dcfm_ros.streaming.engine import Engine
from dcfm_ros.streaming.keyframes import KeyFrameReason, make_policy
from dcfm_ros.streaming.label_map import label_map, mean_confidence
from dcfm_ros.streaming.settings import EngineSettings, KeyFrameSettings


@dataclass(frozen=True)
class FrameResult:
    """What one frame came to."""

    labels: NDArray[np.uint8]
    """(H, W) class ids, at the size of the image."""
    confidence: NDArray[np.uint8] | None
    """(H, W) round(255 · softmax maximum); None where it was not asked for."""
    mean_confidence: float
    """Mean softmax maximum, 0 … 1."""
    is_key_frame: bool
    reason: KeyFrameReason
    age: int
    """Frames since the key frame whose common feature was used; 0 on a key frame."""
    age_ns: int
    """The same as a difference of stamps."""
    expected_label_change: float
    """Share of pixels whose label a fresh common feature would change; NaN where no policy estimates it."""
    key_budget: float
    """Key frames that the policy may still spend; NaN where it has no budget."""
    preprocess_ms: float
    network_ms: float
    postprocess_ms: float


@dataclass(frozen=True)
class _KeyFrame:
    """What later frames reuse."""

    common: Tensor
    image_size: tuple[int, int]
    stamp_ns: int


class Segmenter:
    """Owns the state of one camera; several may share an engine.

    Args:
        engine: the network on its device.
        key_frames: when to compute the common feature afresh.
        phase: of several cameras with fixed intervals, by how many frames this one's key frames come earlier.
    """

    def __init__(
        self, engine: Engine, key_frames: KeyFrameSettings | None = None, *, phase: int = 0
    ) -> None:
        self._engine = engine
        self._phase = phase
        self._settings = key_frames or KeyFrameSettings()
        self._policy = make_policy(self._settings, phase)
        self._key: _KeyFrame | None = None
        self._age = 0
        self._last_stamp_ns = 0
        self._requested = False

    @classmethod
    def load(
        cls,
        checkpoint: str = "",
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int = 0,
        key_frames: KeyFrameSettings | None = None,
    ) -> Segmenter:
        """Load a checkpoint (empty: the shipped one) for a single camera.

        Raises:
            CheckpointError: it is missing or damaged.
            DeviceError: the device is absent.
        """
        settings = EngineSettings(
            checkpoint=checkpoint, device=device, precision=precision, threads=threads
        )
        return cls(Engine.load(settings), key_frames)

    @property
    def engine(self) -> Engine:
        """The network on its device."""
        return self._engine

    def configure(self, key_frames: KeyFrameSettings) -> None:
        """Change the key-frame settings from the next frame on; the common feature stays."""
        self._settings = key_frames
        self._policy = make_policy(key_frames, self._phase)

    def reset(self) -> None:
        """Forget everything: the next frame is a first frame."""
        self._key = None
        self._policy.reset()
        self._requested = False

    def request_key_frame(self) -> None:
        """Make the next frame a key frame."""
        self._requested = True

    def step(
        self, rgb: NDArray[np.uint8], stamp_ns: int, *, confidence: bool = False
    ) -> FrameResult:
        """Segment the next frame.

        Args:
            rgb: (H, W, 3) of any size.
            stamp_ns: capture time; ages and gaps are differences of stamps.
            confidence: compute the confidence map, too.

        Raises:
            ImageError: `rgb` is not such an array. The state stays as it was.
        """
        _check(rgb)
        size = (rgb.shape[0], rgb.shape[1])
        started = time.perf_counter()
        x = self._engine.prepare(rgb)
        prepared = time.perf_counter()

        reason = self._decide(size, stamp_ns)
        if reason.is_key_frame or self._key is None:
            logits, common = self._engine.key(x)
            self._key, self._age = _KeyFrame(common, size, stamp_ns), 0
        else:
            logits = self._engine.non_key(x, self._key.common)
            self._age += 1
        self._last_stamp_ns, self._requested = stamp_ns, False
        self._engine.synchronize()
        computed = time.perf_counter()

        labels, confidence_map = label_map(logits, size, confidence=confidence)
        mean = mean_confidence(logits)
        finished = time.perf_counter()
        return FrameResult(
            labels=labels,
            confidence=confidence_map,
            mean_confidence=mean,
            is_key_frame=reason.is_key_frame,
            reason=reason,
            age=self._age,
            age_ns=stamp_ns - self._key.stamp_ns,
            expected_label_change=math.nan,
            key_budget=math.nan,
            preprocess_ms=1e3 * (prepared - started),
            network_ms=1e3 * (computed - prepared),
            postprocess_ms=1e3 * (finished - computed),
        )

    def _decide(self, size: tuple[int, int], stamp_ns: int) -> KeyFrameReason:
        """What forces a key frame comes first, then the policy."""
        if self._key is None:
            return KeyFrameReason.FIRST
        if size != self._key.image_size:
            return KeyFrameReason.RESIZE
        gap_ns = stamp_ns - self._last_stamp_ns
        if gap_ns < 0 or gap_ns > self._settings.max_gap_s * 1e9:
            return KeyFrameReason.STAMP_GAP
        if self._requested:
            return KeyFrameReason.REQUEST
        return self._policy.decide(self._age + 1)


def _check(rgb: NDArray[np.uint8]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ImageError(
            f"found an image of shape {rgb.shape} and type {rgb.dtype}, expected a non-empty "
            "(height, width, 3) uint8 RGB array"
        )
