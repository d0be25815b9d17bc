"""One camera's video through the network: deep features on key frames, cheap ones always."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dcfm_ros.errors import ImageError
from dcfm_ros.streaming.engine import Engine
from dcfm_ros.streaming.keyframes import KeyFramePolicy, KeyFrameReason
from dcfm_ros.streaming.label_map import label_map, mean_confidence
from dcfm_ros.streaming.selector import Decision, KeyFrameSelector, policy_name
from dcfm_ros.streaming.settings import EngineSettings, KeyFrameSettings
from dcfm_ros.streaming.signals import (
    Output,
    Signals,
    View,
    boundary_density,
    change,
    coarse,
    input_change,
    luma_change,
    luma_correlation,
)

_BLOCKING = (
    KeyFrameReason.FIRST,
    KeyFrameReason.CUT,
    KeyFrameReason.RESIZE,
    KeyFrameReason.STAMP_GAP,
)
"""Key frames for which no older deep features do."""


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


@dataclass(frozen=True)
class _Past:
    """A frame that is over, as far as later ones need it."""

    stamp_ns: int
    view: View
    output: Output


@dataclass(frozen=True)
class _KeyFrame:
    """What later frames reuse, and compare themselves with."""

    common: Tensor
    image_size: tuple[int, int]
    past: _Past
    boundary: float


@dataclass
class _Pending:
    """A key frame that is being computed in the background."""

    key: Future[_KeyFrame]
    age: int = 0


class Segmenter:
    """Owns the state of one camera; several may share an engine.

    Args:
        engine: the network on its device.
        key_frames: when to compute the common feature afresh.
        phase: of several cameras with fixed intervals, by how many frames this one's key frames
            come earlier.
        policy: a key-frame policy to use instead of the one that `key_frames` names.
    """

    def __init__(
        self,
        engine: Engine,
        key_frames: KeyFrameSettings | None = None,
        *,
        phase: int = 0,
        policy: KeyFramePolicy | None = None,
    ) -> None:
        self._engine = engine
        self._phase = phase
        self._own_policy = policy
        self._requested = False
        self._key: _KeyFrame | None = None
        self._pending: _Pending | None = None
        self._last: _Past | None = None
        self._age = 0
        self.configure(key_frames or KeyFrameSettings())

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

    @property
    def policy_name(self) -> str:
        """The key-frame policy in use: what `auto` came out as."""
        return policy_name(self._settings, self._engine.calibration)

    def configure(self, key_frames: KeyFrameSettings) -> None:
        """Change the key-frame settings from the next frame on; the common feature stays."""
        self._settings = key_frames
        self._selector = KeyFrameSelector(
            key_frames, self._engine.calibration, phase=self._phase, policy=self._own_policy
        )

    def reset(self) -> None:
        """Forget everything: the next frame is a first frame."""
        self._key = self._last = self._pending = None
        self._selector.reset()
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
            Exception: what went wrong with a key frame in the background; the old common feature
                stays in use, and the next key frame is a new attempt.
        """
        _check(rgb)
        size = (rgb.shape[0], rgb.shape[1])
        started = time.perf_counter()
        view = View.of(self._engine.resize(rgb))
        x = self._engine.upload(view.rgb)
        prepared = time.perf_counter()

        self._take_over()
        shallow = self._engine.shallow(x)
        decision = self._decide(view, size, stamp_ns)
        is_key_frame = decision.reason.is_key_frame
        aside = self._goes_aside(decision.reason)
        fresh = is_key_frame and not aside
        common = self._engine.deep(shallow) if fresh else self._reused.common
        logits = self._engine.decode(common, shallow)
        self._engine.synchronize()
        if aside:
            compute = partial(self._compute, shallow, view, size, stamp_ns)
            self._pending = _Pending(self._engine.aside(compute))
        computed = time.perf_counter()

        expected = 0.0 if fresh else decision.expected_change
        trust = 1.0 - self._engine.calibration.confidence_discount * expected
        labels, confidence_map = label_map(logits, size, confidence=confidence, trust=trust)
        mean = mean_confidence(logits)
        self._last = _Past(stamp_ns, view, Output(coarse(labels), mean))
        self._requested = self._requested and not is_key_frame
        self._age += 1
        if fresh:
            boundary = boundary_density(self._last.output.labels)
            self._key, self._age = _KeyFrame(common, size, self._last, boundary), 0
            self._pending = None
        finished = time.perf_counter()
        return FrameResult(
            labels=labels,
            confidence=confidence_map,
            mean_confidence=trust * mean,
            is_key_frame=is_key_frame,
            reason=decision.reason,
            age=self._age,
            age_ns=stamp_ns - self._reused.past.stamp_ns,
            expected_label_change=expected if self._engine.calibration.is_fitted else math.nan,
            key_budget=decision.budget_left,
            preprocess_ms=1e3 * (prepared - started),
            network_ms=1e3 * (computed - prepared),
            postprocess_ms=1e3 * (finished - computed),
        )

    def _take_over(self) -> None:
        """Use the key frame of the background from this frame on, if it is ready or has to be."""
        pending = self._pending
        if pending is None:
            return
        pending.age += 1
        due_after = self._settings.background_frames
        if pending.age >= due_after if due_after else pending.key.done():
            self._pending = None
            self._key, self._age = pending.key.result(), pending.age - 1

    def _goes_aside(self, reason: KeyFrameReason) -> bool:
        """Whether old deep features do for the labels of this key frame."""
        wanted = self._settings.mode == "background" and reason.is_key_frame
        return wanted and reason not in _BLOCKING

    def _compute(
        self, shallow: Tensor, view: View, size: tuple[int, int], stamp_ns: int
    ) -> _KeyFrame:
        """In the background: the deep features of a frame, and what its labels would have been."""
        common = self._engine.deep(shallow)
        logits = self._engine.decode(common, shallow)
        labels, _ = label_map(logits, size, confidence=False)
        output = Output(coarse(labels), mean_confidence(logits))
        past = _Past(stamp_ns, view, output)
        return _KeyFrame(common, size, past, boundary_density(output.labels))

    @property
    def _reused(self) -> _KeyFrame:
        assert self._key is not None
        return self._key

    def _decide(self, view: View, size: tuple[int, int], stamp_ns: int) -> Decision:
        """What forces a key frame comes first, then limits and policy."""
        forced = self._forced(view, size, stamp_ns)
        if forced is not None:
            return self._selector.force(forced, stamp_ns)
        return self._selector.decide(
            self._signals(view),
            stamp_ns - self._reused.past.stamp_ns,
            stamp_ns,
            busy=self._pending is not None,
        )

    def _forced(self, view: View, size: tuple[int, int], stamp_ns: int) -> KeyFrameReason | None:
        if self._key is None or self._last is None:
            return KeyFrameReason.FIRST
        if size != self._key.image_size:
            return KeyFrameReason.RESIZE
        gap_ns = stamp_ns - self._last.stamp_ns
        if gap_ns < 0 or gap_ns > self._settings.max_gap_s * 1e9:
            return KeyFrameReason.STAMP_GAP
        if self._requested and self._pending is None:
            return KeyFrameReason.REQUEST
        if luma_correlation(view, self._last.view) < self._settings.cut_correlation:
            return KeyFrameReason.CUT
        return None

    def _signals(self, view: View) -> Signals:
        """The frame against the key frame."""
        assert self._last is not None
        key, last = self._reused, self._last.output
        differs = math.nan
        if self._selector.policy.needs_input_change:
            differs = input_change(view, key.past.view, self._engine.info.std)
        return Signals(
            age=self._age + 1,
            luma_change=luma_change(view, key.past.view),
            drift=change(last.labels, key.past.output.labels),
            confidence_fall=max(0.0, key.past.output.confidence - last.confidence),
            boundary=key.boundary,
            input_change=differs,
        )


def _check(rgb: NDArray[np.uint8]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ImageError(
            f"found an image of shape {rgb.shape} and type {rgb.dtype}, expected a non-empty "
            "(height, width, 3) uint8 RGB array"
        )
