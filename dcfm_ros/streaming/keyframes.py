"""When to compute the common feature afresh: the reasons, and the policies but the adaptive one."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import Protocol

from dcfm_ros.streaming.signals import Signals


class KeyFrameReason(IntEnum):
    """Why a frame is, or is not, a key frame; the numbers of dcfm_ros/FrameStatus."""

    FIRST = 1
    CUT = 2
    RESIZE = 3
    STAMP_GAP = 4
    REQUEST = 5
    MAX_AGE = 6
    LABEL_CHANGE = 7
    INTERVAL = 8
    REUSE = 9
    BUDGET_EXHAUSTED = 10

    @property
    def is_key_frame(self) -> bool:
        """Whether the common feature is computed on the frame."""
        return self not in (KeyFrameReason.REUSE, KeyFrameReason.BUDGET_EXHAUSTED)

    @property
    def needs_fresh(self) -> bool:
        """Whether no older common feature does for the frame."""
        return self in (
            KeyFrameReason.FIRST,
            KeyFrameReason.CUT,
            KeyFrameReason.RESIZE,
            KeyFrameReason.STAMP_GAP,
        )


class KeyFramePolicy(Protocol):
    """Says on every frame that nothing forces whether a key frame is due."""

    needs_input_change: bool
    """Whether `Signals.input_change` has to be there."""

    def propose(self, signals: Signals, expected_change: float) -> KeyFrameReason:
        """REUSE, or why a key frame is due.

        Args:
            expected_change: expected label change of reuse on this frame, 0 … 1.
        """
        ...

    def settle(self, is_key_frame: bool, expected_change: float) -> None:
        """Learn what became of a frame, of forced key frames too.

        Args:
            expected_change: of its labels as they are: 0 on a key frame.
        """
        ...

    def reset(self) -> None:
        """Forget the past; the next frame is a first frame."""
        ...


class _Stateless:
    """A policy without memory."""

    needs_input_change = False

    def settle(self, is_key_frame: bool, expected_change: float) -> None:
        """Do nothing."""

    def reset(self) -> None:
        """Do nothing."""


class Always(_Stateless):
    """Every frame is a key frame: the upper bound of quality and of cost."""

    def propose(self, signals: Signals, expected_change: float) -> KeyFrameReason:
        """Always due."""
        return KeyFrameReason.INTERVAL


class FixedInterval:
    """Every n-th processed frame is a key frame.

    Args:
        interval: frames from one key frame to the next.
        phase: the first interval is this many frames shorter, so that cameras take turns.
    """

    needs_input_change = False

    def __init__(self, interval: int, phase: int = 0) -> None:
        self._interval = interval
        self._first = interval - phase % interval
        self._due = self._first
        self._started = False

    def propose(self, signals: Signals, expected_change: float) -> KeyFrameReason:
        """Due when the interval is over."""
        return KeyFrameReason.REUSE if signals.age < self._due else KeyFrameReason.INTERVAL

    def settle(self, is_key_frame: bool, expected_change: float) -> None:
        """Count from the key frame; the first frame does not end the shorter first interval."""
        if is_key_frame and self._started:
            self._due = self._interval
        self._started = True

    def reset(self) -> None:
        """Start with the shorter interval again."""
        self._due = self._first
        self._started = False


class InputDifference(_Stateless):
    """The reference implementation's criterion with the frames that a robot has: present and past.

    A key frame is due when the normalised input differs from the key frame's by `threshold` on
    average, at the latest after 5 frames. (The reference looks ahead: it pushes the *next* key
    frame later while the difference stays below the threshold.)
    """

    needs_input_change = True
    _LONGEST = 5

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    def propose(self, signals: Signals, expected_change: float) -> KeyFrameReason:
        """Due by difference, or by age."""
        if signals.age >= self._LONGEST:
            return KeyFrameReason.INTERVAL
        due = signals.input_change >= self._threshold
        return KeyFrameReason.LABEL_CHANGE if due else KeyFrameReason.REUSE


class Scripted:
    """Key frames at given frame numbers: for offline bounds.

    With the numbers that minimise the measured label change it is the oracle.

    Args:
        key_frames: numbers of frames, counted from the last reset.
        over_resets: count all frames instead, for a recording of several clips.
    """

    needs_input_change = False

    def __init__(self, key_frames: Collection[int], *, over_resets: bool = False) -> None:
        self._key_frames = frozenset(key_frames)
        self._over_resets = over_resets
        self._number = 0

    def propose(self, signals: Signals, expected_change: float) -> KeyFrameReason:
        """Due when the script says so."""
        due = self._number in self._key_frames
        return KeyFrameReason.INTERVAL if due else KeyFrameReason.REUSE

    def settle(self, is_key_frame: bool, expected_change: float) -> None:
        """Count."""
        self._number += 1

    def reset(self) -> None:
        """Count from 0."""
        if not self._over_resets:
            self._number = 0
