"""Keeps repeated log lines down to one per period and kind of problem."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_MOST_KINDS = 200


class Throttle:
    """Decides which of many equal messages to say, and counts the others."""

    def __init__(self, period_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._period_s = period_s
        self._clock = clock
        self._lock = threading.Lock()
        self._last_s: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def say(self, kind: str, text: str, log: Callable[[str], object]) -> bool:
        """Log `text` unless one of its kind was within the period; True if it was logged."""
        with self._lock:
            now_s = self._clock()
            last_s = self._last_s.get(kind)
            if (
                len(self._last_s) > _MOST_KINDS
            ):  # each message may be a kind of its own: forget, never grow
                self._last_s.clear()
                self._held_back.clear()
            if last_s is not None and now_s - last_s < self._period_s:
                self._held_back[kind] = self._held_back.get(kind, 0) + 1
                return False
            self._last_s[kind] = now_s
            held_back = self._held_back.pop(kind, 0)
        log(f"{text} ({held_back} more like this)" if held_back else text)
        return True
