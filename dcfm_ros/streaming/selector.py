"""Decides for every frame of a camera whether it is a key frame: limits first, then the policy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dcfm_ros.errors import SettingsError
from dcfm_ros.streaming.adaptive import Adaptive
from dcfm_ros.streaming.keyframes import (
    Always,
    FixedInterval,
    InputDifference,
    KeyFramePolicy,
    KeyFrameReason,
)
from dcfm_ros.streaming.label_change import Calibration, Correction
from dcfm_ros.streaming.settings import ORACLE, KeyFrameSettings
from dcfm_ros.streaming.signals import Signals

_NS_PER_S = 1e9


class KeyFrameBudget:
    """A token bucket: a bound on latency and energy.

    In any span of T s at most `burst` + T · `rate_hz` key frames are granted. Forced key frames are
    taken in any case and leave the bucket emptier, at worst empty.

    Args:
        rate_hz: tokens per second; 0: no limit.
        burst: tokens that a full bucket holds, at least 1.
    """

    def __init__(self, rate_hz: float, burst: int) -> None:
        self._rate_hz = rate_hz
        self._burst = float(burst)
        self._level = self._burst
        self._stamp_ns: int | None = None

    @property
    def left(self) -> float:
        """Key frames that may still be spent at once; NaN without a limit."""
        return self._level if self._rate_hz else math.nan

    def grants(self, stamp_ns: int) -> bool:
        """Refill up to a frame's stamp; whether a key frame may be taken on it."""
        if self._stamp_ns is not None:
            passed_s = max(0, stamp_ns - self._stamp_ns) / _NS_PER_S
            self._level = min(self._burst, self._level + passed_s * self._rate_hz)
        self._stamp_ns = stamp_ns
        return not self._rate_hz or self._level >= 1.0

    def spend(self) -> None:
        """Take a token for a key frame."""
        self._level = max(0.0, self._level - 1.0)

    def reset(self) -> None:
        """Fill the bucket."""
        self._level = self._burst
        self._stamp_ns = None


def too_old(age_ns: int, max_age_s: float) -> bool:
    """Whether a common feature is too old to be used; never, where `max_age_s` is 0."""
    return max_age_s > 0 and age_ns > max_age_s * _NS_PER_S


NO_ORACLE = (
    "policy: the oracle chooses key frames in retrospect and works with `dcfm evaluate` on "
    "recordings only; take adaptive here"
)

_HEAD_START = 0.9
"""In the background a key frame by age begins at this part of the limit, to be ready by then."""


@dataclass(frozen=True)
class Decision:
    """What was decided about a frame."""

    reason: KeyFrameReason
    expected_change: float
    """Expected label change of reuse on this frame; 0 where it was forced to be a key frame."""
    budget_left: float
    """Key frames that the rate limit still grants; NaN without one."""
    is_measured: bool = False
    """On a key frame: the selector wants to `learn` what reuse would have changed on it."""


class KeyFrameSelector:
    """Key-frame selection of one camera.

    In this order: what forces a key frame; no key frame within `min_interval` frames, but one at
    the latest after `max_age_s`, which wins; none beyond `max_key_rate_hz`; then the policy.

    Args:
        policy: instead of the one that the settings name.
        correction: what was learned about the camera so far.
    """

    def __init__(
        self,
        settings: KeyFrameSettings,
        calibration: Calibration,
        *,
        phase: int = 0,
        policy: KeyFramePolicy | None = None,
        correction: Correction | None = None,
    ) -> None:
        self._settings = settings
        self._calibration = calibration
        self.policy = policy or make_policy(settings, calibration, phase)
        self._budget = KeyFrameBudget(settings.max_key_rate_hz, settings.key_rate_burst)
        self._correction = correction or Correction()
        ahead = _HEAD_START if settings.mode == "background" else 1.0
        self._oldest_s = ahead * settings.max_age_s

    def force(self, reason: KeyFrameReason, stamp_ns: int) -> Decision:
        """Take a key frame that is not up for discussion."""
        self._budget.grants(stamp_ns)
        return self._settle(reason, 0.0)

    def decide(
        self, signals: Signals, age_ns: int, stamp_ns: int, *, busy: bool = False
    ) -> Decision:
        """Decide about a frame that nothing forces.

        Args:
            age_ns: age that the common feature would have.
            busy: a key frame is being computed in the background, another one has to wait.
        """
        granted = self._budget.grants(stamp_ns)
        estimate = self._calibration.expected_change(signals)
        expected = min(1.0, self._correction.factor * estimate)
        proposed = self.policy.propose(signals, expected)
        reason = self._limited(proposed, signals.age, age_ns, granted=granted, busy=busy)
        reuses = not isinstance(self.policy, Always)  # else there is no estimate to correct
        measured = reuses and reason.is_key_frame and self._correction.is_due
        if measured:
            self._correction.begin(estimate)
        return self._settle(reason, expected, is_measured=measured)

    def learn(self, measured_change: float) -> None:
        """Take the label change that reuse would have brought on the last key frame to measure."""
        self._correction.learn(measured_change)

    def reset(self) -> None:
        """Forget the past; the next frame is a first frame."""
        self.policy.reset()
        self._budget.reset()
        self._correction.reset()

    def _limited(
        self, proposed: KeyFrameReason, age: int, age_ns: int, *, granted: bool, busy: bool
    ) -> KeyFrameReason:
        """What the limits leave of the policy's proposal."""
        if busy:
            return KeyFrameReason.REUSE
        if too_old(age_ns, self._oldest_s):
            return KeyFrameReason.MAX_AGE
        if not proposed.is_key_frame or age < self._settings.min_interval:
            return KeyFrameReason.REUSE
        return proposed if granted else KeyFrameReason.BUDGET_EXHAUSTED

    def _settle(
        self, reason: KeyFrameReason, expected: float, *, is_measured: bool = False
    ) -> Decision:
        if reason.is_key_frame:
            self._budget.spend()
        self._correction.frame_passed()
        self.policy.settle(reason.is_key_frame, 0.0 if reason.is_key_frame else expected)
        return Decision(reason, expected, self._budget.left, is_measured)


def policy_name(settings: KeyFrameSettings, calibration: Calibration) -> str:
    """The policy that `auto` stands for with this calibration; else the one that is named."""
    if settings.policy != "auto":
        return settings.policy
    return "adaptive" if calibration.is_fitted else "fixed"


def make_policy(
    settings: KeyFrameSettings, calibration: Calibration, phase: int = 0
) -> KeyFramePolicy:
    """The policy that the settings name.

    Raises:
        SettingsError: the oracle, which has to see the whole recording first.
    """
    name = policy_name(settings, calibration)
    if name == ORACLE:
        raise SettingsError(NO_ORACLE)
    if name == "always":
        return Always()
    if name == "fixed":
        return FixedInterval(settings.interval, phase)
    if name == "input_difference":
        return InputDifference(settings.input_threshold)
    return Adaptive(calibration, settings.max_label_change, settings.target_key_share)
