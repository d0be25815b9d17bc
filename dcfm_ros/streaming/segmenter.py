"""One camera's video through the network: deep features on key frames, cheap ones always."""

from __future__ import annotations

import math
import time
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dcfm_ros.errors import ImageError
from dcfm_ros.streaming.correction import Correction
from dcfm_ros.streaming.engine import Engine
from dcfm_ros.streaming.keyframes import KeyFramePolicy, KeyFrameReason
from dcfm_ros.streaming.limits import too_old
from dcfm_ros.streaming.memory import (
    Frame,
    KeyFrame,
    PastFrame,
    PendingKeyFrame,
    compare,
    forces_key_frame,
)
from dcfm_ros.streaming.result import FrameResult
from dcfm_ros.streaming.selector import Decision, KeyFrameSelector, policy_name
from dcfm_ros.streaming.settings import EngineSettings, KeyFrameSettings
from dcfm_ros.streaming.signals import Output, View, change, coarse


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
        self._key: KeyFrame | None = None
        self._pending: PendingKeyFrame | None = None
        self._last: PastFrame | None = None
        self._age = 0
        self._correction = Correction()
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

    @property
    def estimate_factor(self) -> float:
        """What key frames of this camera have shown the estimated label change to be off by."""
        return self._correction.factor

    def configure(self, key_frames: KeyFrameSettings) -> None:
        """Change the key-frame settings from the next frame on.

        The common feature stays, and what was learned about the estimate.
        """
        self._settings = key_frames
        self._selector = KeyFrameSelector(
            key_frames,
            self._engine.calibration,
            phase=self._phase,
            policy=self._own_policy,
            correction=self._correction,
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
        started = time.perf_counter()
        view = View.of(self._engine.resize(rgb))
        frame = Frame(view, (rgb.shape[0], rgb.shape[1]), stamp_ns)
        x = self._engine.upload(view.rgb)
        prepared = time.perf_counter()

        self._take_over(stamp_ns)
        shallow = self._engine.shallow(x)
        decision = self._decide(frame)
        aside = self._goes_aside(decision.reason, stamp_ns)
        fresh = decision.reason.is_key_frame and not aside
        common = self._engine.deep(shallow) if fresh else self._reused.common
        logits = self._engine.decode(common, shallow)
        compared = fresh and decision.is_measured
        stale = self._engine.decode(self._reused.common, shallow) if compared else None
        self._engine.synchronize()
        if aside:
            compute = partial(self._key_frame, shallow, frame)
            self._pending = PendingKeyFrame(self._engine.aside(compute))
        computed = time.perf_counter()

        expected = 0.0 if fresh else decision.expected_change
        trust = 1.0 - self._engine.calibration.confidence_discount * expected
        labels, confidence_map = self._engine.labels(
            logits, frame.size, confidence=confidence, trust=trust
        )
        output = Output(coarse(labels), self._engine.mean_confidence(logits))
        self._remember(PastFrame(frame, output), decision, common if fresh else None)
        if stale is not None:
            self._learn(output, self._output(stale, frame.size))
        finished = time.perf_counter()
        return FrameResult(
            labels=labels,
            confidence=confidence_map,
            mean_confidence=trust * output.confidence,
            is_key_frame=decision.reason.is_key_frame,
            reason=decision.reason,
            age=self._age,
            age_ns=stamp_ns - self._reused.past.frame.stamp_ns,
            expected_label_change=expected if self._engine.calibration.is_fitted else math.nan,
            key_budget=decision.budget_left,
            preprocess_ms=1e3 * (prepared - started),
            network_ms=1e3 * (computed - prepared),
            postprocess_ms=1e3 * (finished - computed),
        )

    def _goes_aside(self, reason: KeyFrameReason, stamp_ns: int) -> bool:
        """Whether old deep features do for the labels of this key frame."""
        background = self._settings.mode == "background" and reason.is_key_frame
        return background and not reason.needs_fresh and not self._is_too_old(stamp_ns)

    def _is_too_old(self, stamp_ns: int) -> bool:
        age_ns = stamp_ns - self._reused.past.frame.stamp_ns
        return too_old(age_ns, self._settings.max_age_s)

    def _remember(self, past: PastFrame, decision: Decision, common: Tensor | None) -> None:
        """Keep what the next frames need of one that is over.

        Args:
            common: its common feature if it is a key frame that is done.
        """
        self._last = past
        self._age += 1
        if decision.reason.is_key_frame:
            self._requested = False
        if common is not None:
            self._key, self._age = KeyFrame.of(common, past), 0
            self._pending = None
        elif self._pending is not None and decision.is_measured:
            self._pending.reused = past.output

    def _take_over(self, stamp_ns: int) -> None:
        """Use the key frame of the background from this frame on, if it is ready or has to be."""
        pending = self._pending
        if pending is None:
            return
        is_due = pending.is_due(self._settings.background_frames)
        if not is_due and not self._is_too_old(stamp_ns):
            return
        self._pending = None
        self._key, self._age = pending.key.result(), pending.age - 1
        if pending.reused is not None:
            self._learn(self._key.past.output, pending.reused)

    def _learn(self, fresh: Output, reused: Output) -> None:
        """Let the estimate follow what a key frame shows."""
        self._selector.learn(change(fresh.labels, reused.labels))

    def _key_frame(self, shallow: Tensor, frame: Frame) -> KeyFrame:
        """In the background: the deep features of a frame, and what its labels would have been."""
        common = self._engine.deep(shallow)
        logits = self._engine.decode(common, shallow)
        return KeyFrame.of(common, PastFrame(frame, self._output(logits, frame.size)))

    def _output(self, logits: Tensor, size: tuple[int, int]) -> Output:
        labels, _ = self._engine.labels(logits, size)
        return Output(coarse(labels), self._engine.mean_confidence(logits))

    @property
    def _reused(self) -> KeyFrame:
        assert self._key is not None
        return self._key

    def _decide(self, frame: Frame) -> Decision:
        """What forces a key frame comes first, then requests, then limits and policy."""
        forced = forces_key_frame(frame, self._key, self._last, self._settings)
        if forced is not None:
            return self._selector.force(forced, frame.stamp_ns)
        if self._requested and self._pending is None:
            return self._selector.force(KeyFrameReason.REQUEST, frame.stamp_ns)
        assert self._last is not None
        differs = self._selector.policy.needs_input_change
        std = self._engine.info.std if differs else None
        return self._selector.decide(
            compare(frame, self._reused, self._last.output, self._age + 1, std),
            frame.stamp_ns - self._reused.past.frame.stamp_ns,
            frame.stamp_ns,
            busy=self._pending is not None,
        )


def _check(rgb: NDArray[np.uint8]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ImageError(
            f"found an image of shape {rgb.shape} and type {rgb.dtype}, expected a non-empty "
            "(height, width, 3) uint8 RGB array"
        )
