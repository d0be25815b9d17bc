"""Camera frames with the label images that belong to them, matched by stamp while both stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dcfm_ros.bags.records import ImageFrame

# Stamps that go back further are another run of the clock (a looped recording), less is disorder.
_JUMP_NS = 1_000_000_000


@dataclass(frozen=True)
class LabelledFrame:
    """A camera frame and its ground truth, where there is one."""

    frame: ImageFrame
    label: ImageFrame | None


def pair_labels(
    frames: Iterable[ImageFrame], labels: Iterable[ImageFrame], tolerance_ns: int = 0
) -> Iterator[LabelledFrame]:
    """Give each label image to the frame whose stamp is nearest.

    Args:
        frames: in stamp order, but for jumps back of the clock; all come out, in this order.
        labels: likewise; may be sparse. Each goes to one frame at most and is held until then.
        tolerance_ns: largest difference of stamps; 0 for equal stamps only.
    """
    window = _Window(iter(labels), tolerance_ns)
    for frame, following in _with_next(frames):
        window.advance(frame)
        yield LabelledFrame(frame, window.take(frame, following))


class _Window:
    """The labels around the current frame, as far as they have been read."""

    def __init__(self, labels: Iterator[ImageFrame], tolerance_ns: int) -> None:
        self._labels = labels
        self._tolerance_ns = tolerance_ns
        self._held: list[ImageFrame] = []
        self._pending = next(labels, None)
        self._last_label_ns: int | None = None
        self._last_frame_ns: int | None = None

    def advance(self, frame: ImageFrame) -> None:
        """Read labels up to a frame's stamp and let go of those that lie behind it."""
        if self._last_frame_ns is not None and _jumps(self._last_frame_ns, frame.stamp_ns):
            self._follow_jump(frame)
        self._last_frame_ns = frame.stamp_ns
        # Within a jump's length labels may be in disorder.
        newest_ns = frame.stamp_ns + self._tolerance_ns + _JUMP_NS
        while self._pending is not None and not self._at_jump(self._pending):
            if self._pending.stamp_ns > newest_ns:
                break
            self._held.append(self._pending)
            self._step()
        oldest_ns = frame.stamp_ns - self._tolerance_ns
        self._held = [label for label in self._held if label.stamp_ns >= oldest_ns]

    def take(self, frame: ImageFrame, following: ImageFrame | None) -> ImageFrame | None:
        """The nearest of the labels to which no other frame is nearer; the others are let go of."""
        theirs: list[ImageFrame] = []
        others: list[ImageFrame] = []
        for label in self._held:
            nearer = following is None or _distance(label, frame) <= _distance(label, following)
            (theirs if nearer else others).append(label)
        self._held = others
        nearest = min(theirs, key=lambda label: _distance(label, frame), default=None)
        if nearest is None or _distance(nearest, frame) > self._tolerance_ns:
            return None
        return nearest

    def _follow_jump(self, frame: ImageFrame) -> None:
        """Skip the labels left over from before the frames' clock went back."""
        self._held.clear()
        while self._pending is not None and not self._at_jump(self._pending):
            if self._pending.log_ns >= frame.log_ns:
                break
            self._step()
        self._last_label_ns = None

    def _at_jump(self, label: ImageFrame) -> bool:
        return self._last_label_ns is not None and _jumps(self._last_label_ns, label.stamp_ns)

    def _step(self) -> None:
        assert self._pending is not None
        self._last_label_ns = self._pending.stamp_ns
        self._pending = next(self._labels, None)


def _distance(label: ImageFrame, frame: ImageFrame) -> int:
    return abs(label.stamp_ns - frame.stamp_ns)


def _jumps(before_ns: int, after_ns: int) -> bool:
    return after_ns < before_ns - _JUMP_NS


def _with_next(frames: Iterable[ImageFrame]) -> Iterator[tuple[ImageFrame, ImageFrame | None]]:
    current: ImageFrame | None = None
    for frame in frames:
        if current is not None:
            yield current, frame
        current = frame
    if current is not None:
        yield current, None
