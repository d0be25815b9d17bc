"""Adaptive key frames: spend a budget of expected label change from one key frame to the next.

A key frame is due when the *sum* of the expected label changes since the last one passes the
budget. For labels that go stale at a rate r (change ≈ r · age), intervals then go with 1/√r, which
minimises the mean change at a given number of key frames; firing when the change itself passes a
threshold gives intervals of 1/r, spends too many key frames on fast passages, and loses to fixed
intervals on steady video.
"""

from __future__ import annotations

import math

from dcfm_ros.streaming.keyframes import KeyFrameReason
from dcfm_ros.streaming.label_change import Calibration
from dcfm_ros.streaming.signals import Signals

_CHANGE_GAIN = 0.01
"""Per frame: a steady excess of the whole promise changes the budget by 1 % a frame."""
_CHANGE_RANGE = 3.0
"""The promise moves the budget by this factor at most, up or down."""
_SHARE_GAIN = 0.1
"""Per frame, over the share itself."""
_SHARE_RANGE = 1000.0
_RELEASE = 0.5
"""A due key frame stops being due when the estimate falls below this part of what made it due."""


class Adaptive:
    """Key frames where they would change the answer.

    The budget comes from the calibration and follows slowly what the frames at hand turn out to be:
    an integral controller of its logarithm, with bounds, holds the mean expected change over all
    frames at `max_label_change`, or the share of key frames at `target_key_share`.

    Args:
        max_label_change: promised mean over all frames of the expected label change, 0 … 1.
        target_key_share: share of key frames to hold instead; 0: hold the label change.
        adapt: False keeps the budget as the calibration gives it.
    """

    needs_input_change = False

    def __init__(
        self,
        calibration: Calibration,
        max_label_change: float,
        target_key_share: float = 0.0,
        *,
        adapt: bool = True,
    ) -> None:
        self._target_change = max_label_change
        self._target_share = target_key_share
        self._adapt = adapt
        if target_key_share:
            self._start = calibration.budget_for_share(target_key_share)
        else:
            self._start = calibration.budget_for_change(max_label_change)
        self._log_factor = 0.0
        self._spent = 0.0
        self._due_at = 0.0

    @property
    def budget(self) -> float:
        """Sum of expected label changes that is spent from one key frame to the next."""
        return self._start * math.exp(self._log_factor)

    def propose(self, signals: Signals, expected_change: float) -> KeyFrameReason:
        """Due when the budget is spent, until the estimate falls clearly."""
        if self._due_at and expected_change < _RELEASE * self._due_at:
            self._due_at = 0.0
            self._spent = _RELEASE * self.budget
        if not self._due_at and self._spent + expected_change > self.budget:
            self._due_at = expected_change
        return KeyFrameReason.LABEL_CHANGE if self._due_at else KeyFrameReason.REUSE

    def settle(self, is_key_frame: bool, expected_change: float) -> None:
        """Add to what is spent, or start anew after a key frame; follow the target."""
        if is_key_frame:
            self._spent = self._due_at = 0.0
        else:
            self._spent += expected_change
        if self._adapt:
            self._follow(is_key_frame, expected_change)

    def reset(self) -> None:
        """Forget what is spent and what was learned about the video."""
        self._log_factor = 0.0
        self._spent = 0.0
        self._due_at = 0.0

    def _follow(self, is_key_frame: bool, expected_change: float) -> None:
        if self._target_share:
            step = _SHARE_GAIN * (is_key_frame - self._target_share)
            bound = math.log(_SHARE_RANGE)
        else:
            excess = (expected_change - self._target_change) / self._target_change
            step = -_CHANGE_GAIN * min(1.0, excess)
            bound = math.log(_CHANGE_RANGE)
        self._log_factor = min(bound, max(-bound, self._log_factor + step))
