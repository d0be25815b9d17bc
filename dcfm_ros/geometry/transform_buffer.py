"""The tree of coordinate frames over time: fed by live /tf or by a bag, asked at an image's stamp.

The rules are tf2's (geometry2, tf2/src/buffer_core.cpp and cache.cpp): what is refused, how long
it is kept, between which samples is interpolated, and when a lookup fails. Differences: infinite
numbers are refused like NaN, an error always names both frames, and `feed` notices a clock that
jumped back.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np

from dcfm_ros.errors import TransformError
from dcfm_ros.geometry.rigid import Matrix, inverse
from dcfm_ros.geometry.time_cache import Extrapolation, History, Sample, StaticHistory, TimeCache

_DEEPEST = 1000
_SHORTEST_QUATERNION = 1e-9
_OLD_BEFORE_JUMP = 2
_UNCONNECTED = ": they are not part of one tree; publish what connects them on /tf or /tf_static"
_LOOP = (
    ": the tree of frames has a loop; look for a frame that two publishers give different parents"
)


class TransformBuffer:
    """Poses of frames in their parents, by time. Safe to feed and ask from several threads.

    Args:
        cache_s: how long before its newest sample a frame's history reaches; `math.inf` for a bag
            that is read ahead.
    """

    def __init__(self, cache_s: float = 10.0) -> None:
        self._reach_ns = round(cache_s * 1e9) if math.isfinite(cache_s) else 1 << 62
        self._frames: dict[str, History] = {}
        self._names: set[str] = set()
        self._old: dict[str, int] = {}
        self._changed = threading.Condition()
        self.jumps = 0
        """How often everything that moves was forgotten."""

    def feed(self, message: Any, *, static: bool = False) -> list[str]:
        """Take the transforms of a tf2_msgs/TFMessage, of rclpy or of a bag.

        Two samples in a row of one frame that are older than its history mean that the clock was
        set back (a bag that loops, a simulation that starts again): all that moves is forgotten,
        as tf2_ros does on a jump of its clock.

        Args:
            message: of /tf or /tf_static.
            static: whether it came on /tf_static.

        Returns:
            Why transforms were refused, one line each; empty if none was.
        """
        problems = []
        with self._changed:
            for transform in message.transforms:
                problem = self._take(transform, static)
                if problem:
                    problems.append(problem)
            self._changed.notify_all()
        return problems

    def clear(self) -> None:
        """Forget all that moves; static transforms stay. For jumps of the clock."""
        with self._changed:
            self._clear()

    def lookup(
        self, target: str, source: str, stamp_ns: int | None, *, timeout_s: float = 0.0
    ) -> Matrix:
        """Find the pose of one frame in another.

        Args:
            target: frame to express positions in.
            source: frame that they are given in.
            stamp_ns: the time; None or 0 for the latest that the frames between have in common.
            timeout_s: how long to wait, by the wall clock, for data that may still come.

        Returns:
            (4, 4) target_from_source, m.

        Raises:
            TransformError: a frame is unknown, the two are not connected, the tree has a loop, or
                the time is not covered.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                try:
                    return self._find(target, source, stamp_ns or 0)
                except TransformError as error:
                    left = deadline - time.monotonic()
                    if not error.may_come or left <= 0:
                        raise
                    self._changed.wait(left)

    def latest_ns(self, target: str, source: str) -> int:
        """The latest time that all frames between two cover; 0 where nothing between them moves.

        Raises:
            TransformError: as `lookup`.
        """
        with self._changed:
            self._check_known(target, source)
            return self._latest_common(target, source)

    @property
    def frames(self) -> tuple[str, ...]:
        """All frames that were named, sorted."""
        with self._changed:
            return tuple(sorted(self._names))

    def __contains__(self, frame: object) -> bool:
        """Whether a frame was named."""
        with self._changed:
            return frame in self._names

    def _take(self, transform: Any, static: bool) -> str:
        child = transform.child_frame_id.removeprefix("/")
        sample = _sample(transform)
        problem = _fault(sample, child)
        if problem:
            return problem
        self._names.update((child, sample.parent))
        history = self._frames.get(child)
        if history is None or isinstance(history, StaticHistory) is not static:
            history = StaticHistory(sample) if static else TimeCache(self._reach_ns)
            self._frames[child] = history
        if history.insert(sample):
            self._old.pop(child, None)
        else:
            self._old[child] = self._old.get(child, 0) + 1
            newest = history.latest()[0]
            if self._old[child] < _OLD_BEFORE_JUMP:
                late_s = (newest - sample.stamp_ns) / 1e9
                return (
                    f"transform of {child!r} in {sample.parent!r} ignored: its stamp "
                    f"{sample.stamp_ns / 1e9:.3f} is {late_s:.3f} s before the newest; "
                    "look for two publishers with different clocks"
                )
            self._clear()
            history.insert(sample)
        return ""

    def _clear(self) -> None:
        for history in self._frames.values():
            history.clear()
        self._old.clear()
        self.jumps += 1

    def _find(self, target: str, source: str, stamp_ns: int) -> Matrix:
        if target == source:
            return np.eye(4)
        self._check_known(target, source)
        if stamp_ns == 0:
            stamp_ns = self._latest_common(target, source)
        top, top_from_source, gap = self._walk(source, target, stamp_ns, (target, source))
        if top == target:
            return top_from_source
        end, top_from_target, gap_of_target = self._walk(target, top, stamp_ns, (target, source))
        if end != top:
            gap = gap_of_target or gap
            if gap is not None:
                child, error = gap
                why = f" at {stamp_ns / 1e9:.3f}: of frame {child!r} {error}"
                raise _missing(target, source, why, may_come=error.may_come)
            raise _missing(target, source, _UNCONNECTED)
        return inverse(top_from_target) @ top_from_source

    def _walk(
        self, frame: str, goal: str, stamp_ns: int, asked: tuple[str, str]
    ) -> tuple[str, Matrix, tuple[str, Extrapolation] | None]:
        """Go up from a frame to `goal`, to the root, or to where the time is not covered."""
        pose = np.eye(4)
        for _ in range(_DEEPEST):
            history = self._frames.get(frame)
            if history is None or frame == goal:
                return frame, pose, None
            try:
                parent, parent_from_frame = history.at(stamp_ns)
            except Extrapolation as error:
                return frame, pose, (frame, error)
            pose = parent_from_frame @ pose
            frame = parent
        raise _missing(*asked, _LOOP)

    def _latest_common(self, target: str, source: str) -> int:
        """The latest time that both branches up to the common parent cover; what stamp 0 means."""
        times = {source: 1 << 62}
        covered, frame = 1 << 62, source
        for _ in range(_DEEPEST):
            stamp, parent = self._newest(frame)
            if parent is None or frame == target:
                break
            covered = min(covered, stamp or covered)
            times[parent], frame = covered, parent
        else:
            raise _missing(target, source, _LOOP)
        covered, frame = 1 << 62, target
        for _ in range(_DEEPEST):
            if frame in times:
                found = min(covered, times[frame])
                return 0 if found == 1 << 62 else found
            stamp, parent = self._newest(frame)
            if parent is None:
                raise _missing(target, source, _UNCONNECTED)
            covered, frame = min(covered, stamp or covered), parent
        raise _missing(target, source, _LOOP)

    def _newest(self, frame: str) -> tuple[int, str | None]:
        history = self._frames.get(frame)
        return (0, None) if history is None else history.latest()

    def _check_known(self, target: str, source: str) -> None:
        for frame in (target, source):
            if frame not in self._names:
                known = ", ".join(sorted(self._names)) or "none"
                why = f": frame {frame!r} was not received (known: {known})"
                raise _missing(target, source, f"{why}; publish it on /tf or /tf_static")


def _missing(target: str, source: str, why: str, *, may_come: bool = True) -> TransformError:
    message = f"no transform from {source!r} to {target!r}{why}"
    return TransformError(message, target, source, may_come=may_come)


def _sample(transform: Any) -> Sample:
    stamp, shift, turn = (
        transform.header.stamp,
        transform.transform.translation,
        transform.transform.rotation,
    )
    return Sample(
        int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec),
        transform.header.frame_id.removeprefix("/"),
        (float(shift.x), float(shift.y), float(shift.z)),
        (float(turn.x), float(turn.y), float(turn.z), float(turn.w)),
    )


def _fault(sample: Sample, child: str) -> str:
    """Why tf2 refuses a transform; empty if it does not."""
    name = f"transform of {child!r} in {sample.parent!r} ignored: "
    if not child or not sample.parent:
        return name + "found an empty frame name, expected two; name them in its publisher"
    if child == sample.parent:
        return name + "found one frame as parent and child, expected two different ones"
    numbers = (*sample.translation, *sample.quaternion)
    if not all(math.isfinite(value) for value in numbers):
        return name + f"found {numbers}, expected finite numbers"
    if math.hypot(*sample.quaternion) < _SHORTEST_QUATERNION:
        return (
            name + "found a quaternion of zeros, expected a rotation; no rotation is (0, 0, 0, 1)"
        )
    return ""
