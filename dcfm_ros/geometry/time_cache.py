"""The history of one frame's pose in its parent, with the rules of tf2's TimeCache."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

from dcfm_ros.geometry.rigid import Matrix, between, rigid


@dataclass(frozen=True)
class Sample:
    """One received transform."""

    stamp_ns: int
    parent: str
    translation: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]

    @property
    def matrix(self) -> Matrix:
        """(4, 4) parent_from_child."""
        return rigid(self.translation, self.quaternion)


class Extrapolation(Exception):  # noqa: N818 (it becomes a TransformError where the frames are known)
    """A time outside the history.

    Attributes:
        may_come: whether later data could cover the time.
    """

    def __init__(self, message: str, *, may_come: bool) -> None:
        super().__init__(message)
        self.may_come = may_come


class History(Protocol):
    """What the buffer needs of a frame, moving or not."""

    def at(self, stamp_ns: int) -> tuple[str, Matrix]:
        """Parent and parent_from_child at a time; 0 for the latest.

        Raises:
            Extrapolation: the time lies outside.
        """

    def latest(self) -> tuple[int, str | None]:
        """Stamp of the newest sample (0 where time does not matter), and the parent."""

    def insert(self, sample: Sample) -> bool:
        """Take a sample; False if it is older than the history reaches."""

    def clear(self) -> None:
        """Forget what time jumps make wrong."""


class StaticHistory:
    """A pose that holds for all times."""

    def __init__(self, sample: Sample) -> None:
        self._parent, self._matrix = sample.parent, sample.matrix

    def at(self, stamp_ns: int) -> tuple[str, Matrix]:
        """Parent and pose, the same for every time."""
        return self._parent, self._matrix

    def latest(self) -> tuple[int, str | None]:
        """Time does not matter."""
        return 0, self._parent

    def insert(self, sample: Sample) -> bool:
        """Replace the pose."""
        self._parent, self._matrix = sample.parent, sample.matrix
        return True

    def clear(self) -> None:
        """Keep the pose: it is latched and would not come again."""


class TimeCache:
    """Samples of the last `reach_ns` before the newest, oldest first."""

    def __init__(self, reach_ns: int) -> None:
        self._reach_ns = reach_ns
        self._stamps: list[int] = []
        self._samples: list[Sample] = []

    def __len__(self) -> int:
        return len(self._samples)

    def insert(self, sample: Sample) -> bool:
        """Sort a sample in, exact repeats only once; False if older than the history reaches."""
        if self._stamps:
            oldest = self._stamps[-1] - self._reach_ns
            expired = bisect_right(self._stamps, oldest - 1)
            del self._stamps[:expired], self._samples[:expired]
            if sample.stamp_ns < oldest:
                return False
        index = bisect_right(self._stamps, sample.stamp_ns)
        same = index
        while same > 0 and self._stamps[same - 1] == sample.stamp_ns:
            same -= 1
            if self._samples[same] == sample:
                return True
        self._stamps.insert(index, sample.stamp_ns)
        self._samples.insert(index, sample)
        return True

    def latest(self) -> tuple[int, str | None]:
        """Stamp and parent of the newest sample; (0, None) without any."""
        if not self._samples:
            return 0, None
        return self._stamps[-1], self._samples[-1].parent

    def at(self, stamp_ns: int) -> tuple[str, Matrix]:
        """Parent and interpolated parent_from_child; the older sample's where the parent changed.

        Raises:
            Extrapolation: before the first, after the last, or beside the only sample.
        """
        older, newer = self._around(stamp_ns)
        if newer is None or newer.parent != older.parent:
            return older.parent, older.matrix
        share = (stamp_ns - older.stamp_ns) / (newer.stamp_ns - older.stamp_ns)
        pose = between(
            (older.translation, older.quaternion), (newer.translation, newer.quaternion), share
        )
        return older.parent, pose

    def clear(self) -> None:
        """Forget all samples."""
        self._stamps.clear()
        self._samples.clear()

    def _around(self, stamp_ns: int) -> tuple[Sample, Sample | None]:
        if not self._samples:
            raise Extrapolation("nothing of it has been received since a jump", may_come=True)
        if stamp_ns in (0, self._stamps[-1]):
            return self._samples[-1], None
        if stamp_ns == self._stamps[0]:
            return self._samples[0], None
        first, last = self._stamps[0], self._stamps[-1]
        if stamp_ns > last:
            late = f"the latest data is {(stamp_ns - last) / 1e9:.3f} s older, of {last / 1e9:.3f}"
            raise Extrapolation(late, may_come=True)
        if stamp_ns < first:
            early = (
                f"the earliest data is {(first - stamp_ns) / 1e9:.3f} s newer, of {first / 1e9:.3f}"
            )
            raise Extrapolation(early, may_come=False)
        index = bisect_right(self._stamps, stamp_ns) - 1
        return self._samples[index], self._samples[index + 1]
