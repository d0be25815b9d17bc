"""Counts frames when their fate is decided, so that taken = published + dropped at any moment."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from enum import Enum


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
