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

    def decide(self, age_frames: int) -> KeyFrameReason:
        """Decide for a frame that would reuse a common feature of `age_frames` (1: the last one)."""
        ...


class Always:
    """Every frame is a key frame: the upper bound of quality and of cost."""

    def decide(self, age_frames: int) -> KeyFrameReason:
        return KeyFrameReason.INTERVAL


class FixedInterval:
    """Every n-th processed frame is a key frame."""

    def __init__(self, interval: int) -> None:
        self._interval = interval

    def decide(self, age_frames: int) -> KeyFrameReason:
        if age_frames >= self._interval:
            return KeyFrameReason.INTERVAL
        return KeyFrameReason.REUSE


def make_policy(settings: KeyFrameSettings) -> KeyFramePolicy:
    """The policy that the settings name."""
    if settings.policy == "always":
        return Always()
    return FixedInterval(settings.interval)
