"""Hard limits on key frames: how often and how rarely. They count stamps, never clocks."""

from __future__ import annotations

import math

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
