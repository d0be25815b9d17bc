"""Camera frames with the label images that belong to them, matched by stamp while both stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from dcfm_ros.bags.records import ImageFrame
from dcfm_ros.errors import EvaluationError, ImageError
from dcfm_ros.images import Pixels, to_labels

# Stamps that go back further are another run of the clock (a looped recording), less is disorder.
_JUMP_NS = 1_000_000_000
_FOLLOWING = 4
"""So many frames after the current one may have overtaken it, or be nearer to a label."""


@dataclass(frozen=True)
class LabelledFrame:
    """A camera frame and its ground truth, where there is one."""

    frame: ImageFrame
    label: ImageFrame | None


def pair_labels(
    frames: Iterable[ImageFrame], labels: Iterable[ImageFrame], tolerance_ns: int = 0
) -> Iterator[LabelledFrame]:
    """Give each label image to the frame whose stamp is nearest.

    A recording may hold frames and labels twice, or in an order other than that of their stamps by
    less than a second: no label is lost by that. Between frames of one stamp the time at which they
    were recorded decides.

    Args:
        frames: as recorded; all come out, in this order.
        labels: likewise; may be sparse. Each goes to one frame at most and is held until then.
        tolerance_ns: largest difference of stamps; 0 for equal stamps only.
    """
    window = _Window(iter(labels), tolerance_ns)
    for frame, following in _with_following(frames):
        window.advance(frame)
        yield LabelledFrame(frame, window.take(frame, following))


def read_label(label: ImageFrame) -> Pixels:
    """Class ids (h, w) of a label image.

    Raises:
        EvaluationError: it is none.
    """
    try:
        return np.asarray(to_labels(label.message), np.uint8)
    except ImageError as error:
        raise EvaluationError(
            f"ground truth on {label.topic} at stamp {label.stamp_ns / 1e9:.3f} s: {error}"
        ) from None


@dataclass(eq=False)
class _Held:
    """A label that no frame has taken yet."""

    label: ImageFrame
    nearest_ns: int
    """Difference of stamps to the nearest frame so far: only one as near may still take it."""


class _Window:
    """The labels around the current frame, as far as they have been read."""

    def __init__(self, labels: Iterator[ImageFrame], tolerance_ns: int) -> None:
        self._labels = labels
        self._tolerance_ns = tolerance_ns
        self._held: list[_Held] = []
        self._pending = next(labels, None)
        self._last_label_ns: int | None = None
        self._last_frame_ns: int | None = None

    def advance(self, frame: ImageFrame) -> None:
        """Read labels up to a frame's stamp and let go of those that lie far behind it."""
        if self._last_frame_ns is not None and _jumps(self._last_frame_ns, frame.stamp_ns):
            self._follow_jump(frame)
        self._last_frame_ns = frame.stamp_ns
        reach_ns = self._tolerance_ns + _JUMP_NS  # within a jump's length there may be disorder
        while self._pending is not None and not self._at_jump(self._pending):
            if self._pending.stamp_ns > frame.stamp_ns + reach_ns:
                break
            self._held.append(_Held(self._pending, reach_ns))
            self._step()
        oldest_ns = frame.stamp_ns - reach_ns
        self._held = [held for held in self._held if held.label.stamp_ns >= oldest_ns]

    def take(self, frame: ImageFrame, following: Sequence[ImageFrame]) -> ImageFrame | None:
        """The nearest of the labels to which no other frame is nearer."""
        mine: list[_Held] = []
        for held in self._held:
            distance = _distance(held.label, frame)
            if distance[0] > min(self._tolerance_ns, held.nearest_ns):
                continue
            if all(distance <= _distance(held.label, other) for other in following):
                held.nearest_ns = distance[0]
                mine.append(held)
        if not mine:
            return None
        best = min(mine, key=lambda held: _distance(held.label, frame))
        self._held.remove(best)
        return best.label

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


def _distance(label: ImageFrame, frame: ImageFrame) -> tuple[int, int]:
    """By stamp, then by time of recording."""
    return abs(label.stamp_ns - frame.stamp_ns), abs(label.log_ns - frame.log_ns)


def _jumps(before_ns: int, after_ns: int) -> bool:
    return after_ns < before_ns - _JUMP_NS


def _with_following(
    frames: Iterable[ImageFrame],
) -> Iterator[tuple[ImageFrame, Sequence[ImageFrame]]]:
    """Each frame with the few that were recorded after it."""
    stream = iter(frames)
    ahead = deque(islice(stream, _FOLLOWING))
    while ahead:
        frame = ahead.popleft()
        ahead.extend(islice(stream, 1))
        yield frame, ahead
