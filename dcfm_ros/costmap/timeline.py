"""The newest messages of a topic by stamp, to find the one that belongs to an image."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 16


class Timeline(Generic[T]):
    """The newest few items; after a jump back of the stamps, only those since."""

    def __init__(self) -> None:
        self._items: list[tuple[int, T]] = []

    def add(self, stamp_ns: int, item: T) -> None:
        """Take an item; one of the same stamp is replaced."""
        if len(self._items) == _MOST and stamp_ns < self._items[0][0]:
            self._items.clear()
        self._items = [kept for kept in self._items if kept[0] != stamp_ns]
        insort(self._items, (stamp_ns, item), key=_stamp)
        del self._items[:-_MOST]

    def decided(self, stamp_ns: int) -> bool:
        """Whether no later item can be nearer to a time than those that are there."""
        return bool(self._items) and self._items[-1][0] >= stamp_ns

    def until(self, stamp_ns: int) -> T:
        """Find the newest item that is not after a time; the oldest where all are."""
        after = bisect_right(self._items, stamp_ns, key=_stamp)
        return self._items[max(0, after - 1)][1]

    def near(self, stamp_ns: int, slop_ns: int) -> T | None:
        """Find the nearest item to a time; None if it is farther away than `slop_ns`."""
        distance, item = min(
            ((abs(at - stamp_ns), item) for at, item in self._items), key=_stamp, default=(0, None)
        )
        return item if distance <= slop_ns else None


def _stamp(entry: tuple[int, T]) -> int:
    return entry[0]
