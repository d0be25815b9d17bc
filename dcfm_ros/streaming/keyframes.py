"""When to compute the common feature afresh: reasons, forced key frames and policies."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from dcfm_ros.streaming.settings import KeyFrameSettings


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
        return self not in (KeyFrameReason.REUSE, KeyFrameReason.BUDGET_EXHAUSTED)


class KeyFramePolicy(Protocol):
    """Decides on a frame that nothing forces to be a key frame."""

    def decide(self, age: int) -> KeyFrameReason:
        """Decide for a frame that would reuse the common feature of `age` frames ago (at least 1)."""
        ...

    def reset(self) -> None:
        """Forget the past; the next frame is a first frame."""
        ...


class Always:
    """Every frame is a key frame: the upper bound of quality and of cost."""

    def decide(self, age: int) -> KeyFrameReason:
        return KeyFrameReason.INTERVAL

    def reset(self) -> None:
        pass


class FixedInterval:
    """Every n-th processed frame is a key frame.

    Args:
        interval: frames from one key frame to the next.
        phase: the first interval is this many frames shorter, so that cameras take turns.
    """

    def __init__(self, interval: int, phase: int = 0) -> None:
        self._interval = interval
        self._first = interval - phase % interval
        self._due = self._first

    def decide(self, age: int) -> KeyFrameReason:
        if age < self._due:
            return KeyFrameReason.REUSE
        self._due = self._interval
        return KeyFrameReason.INTERVAL

    def reset(self) -> None:
        self._due = self._first


def make_policy(settings: KeyFrameSettings, phase: int = 0) -> KeyFramePolicy:
    """The policy that the settings name."""
    if settings.policy == "always":
        return Always()
    return FixedInterval(settings.interval, phase)
