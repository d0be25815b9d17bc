"""Hands the latest frame of each camera from the subscriptions to the worker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class HandOver(Generic[T]):
    """One slot per camera: a newer frame replaces an unread one, and cameras take turns."""

    def __init__(self, cameras: Sequence[str]) -> None:
        self._cameras = tuple(cameras)
        self._slots: dict[str, T] = {}
        self._next = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, camera: str, item: T) -> T | None:
        """Offer an item.

        Returns:
            The item that nobody will read: the replaced one or, after `close`, the offered one.
        """
        with self._changed:
            if self._closed:
                return item
            replaced = self._slots.get(camera)
            self._slots[camera] = item
            self._changed.notify()
            return replaced

    def take(self) -> tuple[str, T] | None:
        """Wait for the next camera's item in turn; None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._slots)
            if self._closed:
                return None
            count = len(self._cameras)
            turns = [(self._next + step) % count for step in range(count)]
            turn = next(turn for turn in turns if self._cameras[turn] in self._slots)
            self._next = (turn + 1) % count
            camera = self._cameras[turn]
            return camera, self._slots.pop(camera)

    def drain(self) -> dict[str, T]:
        """Take back everything unread, by camera."""
        with self._changed:
            unread, self._slots = self._slots, {}
            return unread

    def close(self) -> None:
        """Let `take` return None from now on; `drain` still gives what was unread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
