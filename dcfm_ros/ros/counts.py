"""What became of frames: counted when it is decided, so that taken = published + dropped always."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np


class Drop(Enum):
    """Why a frame that arrived was not published."""

    REPLACED = "replaced by a newer frame"
    UNREADABLE = "unreadable"
    FAILED = "failed in processing"
    STOPPED = "unprocessed at deactivation"


@dataclass(frozen=True)
class Counts:
    """Frames of one camera since activation."""

    published: int
    dropped: int
    by_cause: dict[Drop, int]

    @property
    def taken(self) -> int:
        """Frames whose fate is decided."""
        return self.published + self.dropped


class FrameCounter:
    """Thread-safe; frames on their way are in no count yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._published = 0
        self._drops: Counter[Drop] = Counter()

    def publish(self) -> Counts:
        """Count a published frame; gives the counts with it."""
        with self._lock:
            self._published += 1
            return self._counts()

    def drop(self, cause: Drop) -> Counts:
        """Count a dropped frame; gives the counts with it."""
        with self._lock:
            self._drops[cause] += 1
            return self._counts()

    def read(self) -> Counts:
        """The counts now."""
        with self._lock:
            return self._counts()

    def reset(self) -> None:
        """Start from zero, at activation."""
        with self._lock:
            self._published = 0
            self._drops.clear()

    def _counts(self) -> Counts:
        return Counts(self._published, sum(self._drops.values()), dict(self._drops))


@dataclass(frozen=True)
class RecentFigures:
    """Published frames of one camera within the window; NaN where there were none."""

    rate_hz: float
    latency_ms: float
    """Median of arrival to publish."""
    worst_latency_ms: float
    key_frame_share: float


class RecentFrames:
    """Thread-safe sliding window over published frames."""

    def __init__(self, window_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._frames: deque[tuple[float, float, bool]] = deque()
        self._since_s = clock()

    def add(self, total_ms: float, is_key_frame: bool) -> None:
        """Remember a published frame."""
        with self._lock:
            self._frames.append((self._clock(), total_ms, is_key_frame))
            self._forget()

    def summary(self) -> RecentFigures:
        """Figures over the window, or over the time since the start where that is shorter."""
        with self._lock:
            self._forget()
            frames = list(self._frames)
            span_s = min(self._window_s, max(self._clock() - self._since_s, 1e-3))
        if not frames:
            return RecentFigures(0.0, float("nan"), float("nan"), float("nan"))
        latencies_ms = [total_ms for _, total_ms, _ in frames]
        return RecentFigures(
            rate_hz=len(frames) / span_s,
            latency_ms=float(np.median(latencies_ms)),
            worst_latency_ms=max(latencies_ms),
            key_frame_share=sum(is_key for _, _, is_key in frames) / len(frames),
        )

    def _forget(self) -> None:
        oldest_s = self._clock() - self._window_s
        while self._frames and self._frames[0][0] < oldest_s:
            self._frames.popleft()
