"""The newest messages of a topic by stamp, to find the one that belongs to an image."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 32
_SAME_NS = 1_000_000  # some drivers round stamps
_BACK_NS = 2_000_000_000
_SILENT_NS = 1_000_000_000


class Timeline(Generic[T]):
    """The newest few items; after a jump back of the stamps, only those since."""

    def __init__(self) -> None:
        self._items: list[tuple[int, T]] = []

    def __len__(self) -> int:
        return len(self._items)

    def add(self, stamp_ns: int, item: T) -> None:
        """Take an item; one of the same stamp is replaced."""
        if self._items and (
            stamp_ns < self._items[-1][0] - _BACK_NS
            or (len(self._items) == MOST and stamp_ns < self._items[0][0])
        ):
            self._items.clear()
        self._items = [kept for kept in self._items if kept[0] != stamp_ns]
        insort(self._items, (stamp_ns, item), key=_stamp)
        del self._items[:-MOST]

    def may_come_nearer(self, stamp_ns: int) -> bool:
        """Whether an item that is nearer to a time than all that are there is on its way."""
        return bool(self._items) and _SAME_NS < stamp_ns - self._items[-1][0] <= _SILENT_NS

    def is_due(self, stamp_ns: int) -> bool:
        """Whether the next item, if they come regularly, has a stamp up to this time."""
        if len(self._items) < 2:
            return False
        before, newest = self._items[-2][0], self._items[-1][0]
        return 2 * (stamp_ns - newest) >= newest - before and self.may_come_nearer(stamp_ns)

    def until(self, stamp_ns: int) -> T:
        """Find the newest item that is not after a time; the oldest where all are."""
        after = bisect_right(self._items, stamp_ns, key=_stamp)
        return self._items[max(0, after - 1)][1]

    def nearest(self, stamp_ns: int) -> tuple[int, T]:
        """Find the item nearest to a time, with how far away it is, in ns."""
        return min(((abs(at - stamp_ns), item) for at, item in self._items), key=_stamp)

    def near(self, stamp_ns: int, slop_ns: int) -> T | None:
        """Find the nearest item to a time; None if it is farther away than `slop_ns`."""
        if not self._items:
            return None
        distance_ns, item = self.nearest(stamp_ns)
        return item if distance_ns <= slop_ns else None


def _stamp(entry: tuple[int, T]) -> int:
    return entry[0]
