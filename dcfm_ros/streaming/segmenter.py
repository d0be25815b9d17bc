"""One camera's video through the network: deep features on key frames, cheap ones always."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dcfm_ros.errors import ImageError
from dcfm_ros.streaming.device import ExecutionContext
from dcfm_ros.streaming.engine import Engine
from dcfm_ros.streaming.frames import (
    FrameResult,
    InputFrame,
    KeyFrame,
    PastFrame,
    PendingKeyFrame,
    compare,
    forces_key_frame,
)
from dcfm_ros.streaming.keyframes import KeyFramePolicy, KeyFrameReason
from dcfm_ros.streaming.label_change import Correction
from dcfm_ros.streaming.selector import Decision, KeyFrameSelector, policy_name, too_old
from dcfm_ros.streaming.settings import EngineSettings, KeyFrameSettings
from dcfm_ros.streaming.signals import NetworkImage, Output, change, coarse


@dataclass(frozen=True)
class Plan:
    """What the network does for a frame."""

    decision: Decision
    in_background: bool
    """Deep features are computed beside the frames; the labels come with the old ones."""

    @property
    def is_fresh(self) -> bool:
        """Whether the labels wait for deep features of their own frame."""
        return self.decision.reason.is_key_frame and not self.in_background

    @property
    def measures_reuse(self) -> bool:
        """Whether the labels are compared with those that the old deep features give."""
        return self.is_fresh and self.decision.is_measured

    @property
    def expected_change(self) -> float:
        """Expected label change of the labels that come out, 0 … 1."""
        return 0.0 if self.is_fresh else self.decision.expected_change


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
        image = NetworkImage.of(self._engine.resize(rgb))
        frame = InputFrame(image, (rgb.shape[0], rgb.shape[1]), stamp_ns)
        x = self._engine.upload(image.rgb)
        prepared = time.perf_counter()

        self._take_over(stamp_ns)
        shallow = self._engine.shallow(x)
        plan = self._plan(frame)
        common = self._engine.deep(shallow) if plan.is_fresh else self._reused.common
        logits = self._engine.decode(common, shallow)
        reused = self._reused_logits(plan, shallow)
        self._engine.synchronize()
        self._begin_background(plan, shallow, frame)
        computed = time.perf_counter()

        calibration = self._engine.calibration
        trust = 1.0 - calibration.confidence_discount * plan.expected_change
        labels, confidence_map = self._engine.labels(
            logits, frame.size, confidence=confidence, trust=trust
        )
        output = Output(coarse(labels), self._engine.mean_confidence(logits))
        self._remember(PastFrame(frame, output), plan, common)
        if reused is not None:
            self._learn(output, self._output(reused, frame.size))
        finished = time.perf_counter()
        return FrameResult(
            labels=labels,
            confidence=confidence_map,
            mean_confidence=trust * output.confidence,
            is_key_frame=plan.decision.reason.is_key_frame,
            reason=plan.decision.reason,
            age=self._age,
            age_ns=self._age_ns(stamp_ns),
            expected_label_change=plan.expected_change if calibration.is_fitted else math.nan,
            key_budget=plan.decision.budget_left,
            preprocess_ms=1e3 * (prepared - started),
            network_ms=1e3 * (computed - prepared),
            postprocess_ms=1e3 * (finished - computed),
        )

    def _plan(self, frame: InputFrame) -> Plan:
        """Decide about a key frame, and whether old deep features do for its labels."""
        decision = self._decide(frame)
        reason = decision.reason
        background = self._settings.mode == "background" and reason.is_key_frame
        old_ones_do = background and not reason.needs_fresh
        return Plan(decision, old_ones_do and not self._is_too_old(frame.stamp_ns))

    def _reused_logits(self, plan: Plan, shallow: Tensor) -> Tensor | None:
        """What reuse would have made of a key frame that is to be measured."""
        return self._engine.decode(self._reused.common, shallow) if plan.measures_reuse else None

    def _begin_background(self, plan: Plan, shallow: Tensor, frame: InputFrame) -> None:
        if plan.in_background:
            compute = partial(self._key_frame, shallow, frame)
            self._pending = PendingKeyFrame(self._engine.in_background(compute))

    def _key_frame(self, shallow: Tensor, frame: InputFrame, context: ExecutionContext) -> KeyFrame:
        """In the background: the deep features of a frame, and what its labels would have been."""
        common = self._engine.deep(shallow, context)
        logits = self._engine.decode(common, shallow, context)
        return KeyFrame.of(common, PastFrame(frame, self._output(logits, frame.size, context)))

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

    def _remember(self, past: PastFrame, plan: Plan, common: Tensor) -> None:
        """Keep what the next frames need of one that is over."""
        self._last = past
        self._age += 1
        if plan.decision.reason.is_key_frame:
            self._requested = False
        if plan.is_fresh:
            self._key, self._age = KeyFrame.of(common, past), 0
            self._pending = None
        elif self._pending is not None and plan.decision.is_measured:
            self._pending.reused = past.output

    def _learn(self, fresh: Output, reused: Output) -> None:
        """Let the estimate follow what a key frame shows."""
        self._selector.learn(change(fresh.labels, reused.labels))

    def _output(
        self, logits: Tensor, size: tuple[int, int], context: ExecutionContext | None = None
    ) -> Output:
        labels, _ = self._engine.labels(logits, size, context)
        return Output(coarse(labels), self._engine.mean_confidence(logits, context))

    def _is_too_old(self, stamp_ns: int) -> bool:
        return too_old(self._age_ns(stamp_ns), self._settings.max_age_s)

    def _age_ns(self, stamp_ns: int) -> int:
        return stamp_ns - self._reused.past.frame.stamp_ns

    @property
    def _reused(self) -> KeyFrame:
        assert self._key is not None
        return self._key

    def _decide(self, frame: InputFrame) -> Decision:
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
            self._age_ns(frame.stamp_ns),
            frame.stamp_ns,
            busy=self._pending is not None,
        )


def _check(rgb: NDArray[np.uint8]) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ImageError(
            f"found an image of shape {rgb.shape} and type {rgb.dtype}, expected a non-empty "
            "(height, width, 3) uint8 RGB array"
        )
