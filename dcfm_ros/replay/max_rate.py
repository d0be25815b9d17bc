"""Finds how fast a recording can be played before the node drops frames: bisection over rates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.bags.types import typestore

PRECISION = 0.05
"""The rate found is at most this share below one that is too much."""

_MOST, _LEAST = 64.0, 1.0 / 64.0
_ATTEMPTS = 2
"""A rate is too much when frames were dropped this many times: one hiccup of the machine is not the
node's."""

_PATIENCE_FRAMES = 10
_LEAST_PATIENCE_S = 2.0

_STATUS = "/status"


@dataclass(frozen=True)
class Trial:
    """The recording, played once."""

    rate: float
    """Times real time."""
    camera_hz: float
    """Frames per second that the player gave; NaN if unknown."""
    sent: int
    segmented: int
    dropped: int
    lost: int
    latest_ms: float
    """By how much the player was late at worst."""
    p50_ms: float
    """Latency, from arrival to publication; NaN if unknown."""
    p99_ms: float
    kept_pace: bool
    """The player itself kept the rate."""

    @property
    def sustained(self) -> bool:
        """Whether every frame came back, at the rate that was asked for."""
        return self.kept_pace and not self.dropped and not self.lost


@dataclass(frozen=True)
class MaxRate:
    """What the search came to."""

    rate: float | None
    """The highest without drops, times real time; None where every rate was too much."""
    limit: str
    """What the next higher rate failed by: node, player, or search (none was too much)."""
    trials: tuple[Trial, ...]
    """In the order of playing."""

    @property
    def best(self) -> Trial | None:
        """The trial at `rate`."""
        return next((t for t in self.trials if t.rate == self.rate and t.sustained), None)


def find_max_rate(
    play: Callable[[float], Trial], first: float = 1.0, precision: float = PRECISION
) -> MaxRate:
    """Double or halve the rate until it is bracketed, then halve the bracket.

    Args:
        play: plays the recording once at a rate, times real time.
        first: where to begin.
    """
    trials: list[Trial] = []

    def sustained(rate: float) -> bool:
        for _ in range(_ATTEMPTS):
            trials.append(play(rate))
            if trials[-1].sustained:
                return True
        return False

    good, bad = _bracket(sustained, first)
    if good is None or bad is None:
        return MaxRate(good, "node" if good is None else "search", tuple(trials))
    while bad / good > 1.0 + precision:
        middle = math.sqrt(good * bad)
        if sustained(middle):
            good = middle
        else:
            bad = middle
    failed = [trial for trial in trials if trial.rate == bad]
    starved = any(trial.dropped or trial.lost for trial in failed if trial.kept_pace)
    return MaxRate(good, "node" if starved else "player", tuple(trials))


def _bracket(sustained: Callable[[float], bool], first: float) -> tuple[float | None, float | None]:
    """A rate that is sustained and twice that, which is not; None where the search ends before."""
    rate = first
    if sustained(rate):
        while rate * 2.0 <= _MOST:
            if not sustained(rate * 2.0):
                return rate, rate * 2.0
            rate *= 2.0
        return rate, None
    while rate / 2.0 >= _LEAST:
        if sustained(rate / 2.0):
            return rate / 2.0, rate
        rate /= 2.0
    return None, rate


def kept_pace(latest_ms: float, duration_s: float, rate: float, frames: int) -> bool:
    """Whether a player that was late at worst by this much still gave the rate."""
    played_ms = 1e3 * duration_s / rate
    return latest_ms <= max(played_ms / max(frames - 1, 1), PRECISION * played_ms)


def patience_s(slowest_ms: float, most_s: float) -> float:
    """How long to wait for a frame: as long as several of the slowest so far took.

    Args:
        slowest_ms: latency of the slowest frame so far; 0 before the first.
    """
    several_s = _PATIENCE_FRAMES * slowest_ms / 1e3
    return min(most_s, max(_LEAST_PATIENCE_S, several_s)) if slowest_ms else most_s


def plain(found: MaxRate, camera_hz: float | None) -> dict[str, Any]:
    """For metrics.json; the curve by rising rate.

    Args:
        camera_hz: of the recording at rate 1; None if unknown.
    """
    trials = sorted(found.trials, key=lambda trial: trial.rate)
    rate = None if found.rate is None else round(found.rate, 4)
    return {
        "rate": rate,
        "hz": None if rate is None or camera_hz is None else round(rate * camera_hz, 3),
        "limit": found.limit,
        "curve": [
            {
                name: (None if math.isnan(value) else round(value, 4))
                if isinstance(value, float)
                else value
                for name, value in asdict(trial).items()
            }
            for trial in trials
        ],
    }


class StatusLatencies:
    """Takes what a recorder hears; keeps the latencies of the statuses since the last `take`."""

    def __init__(self) -> None:
        self.slowest_ms = 0.0
        """Of all so far."""
        self._total_ms: list[float] = []

    def write_raw(
        self, topic: str, kind: str, cdr: bytes, log_ns: int, *, latched: bool = False
    ) -> None:
        """Look at one serialised message."""
        if topic.endswith(_STATUS):
            status: Any = typestore().deserialize_cdr(cdr, kind)
            self._total_ms.append(float(status.total_ms))
            self.slowest_ms = max(self.slowest_ms, self._total_ms[-1])

    def take(self) -> NDArray[np.float64]:
        """In ms, in the order they came."""
        taken, self._total_ms = self._total_ms, []
        return np.array(taken, np.float64)
