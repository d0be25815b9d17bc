"""A few frames to look at, chosen while the recording streams by and its end is not known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np

from dcfm_ros.evaluation.measure.frames import FrameRecord, SegmentedFrame
from dcfm_ros.images import Pixels

T = TypeVar("T")
_MOST_WIDTH = 640
"""Pictures are kept at most this wide, in px, so that memory does not depend on the camera."""

_CANDIDATES = 4
"""Times as many frames are held as are asked for, so that the final choice is nearly even."""


@dataclass(frozen=True)
class Sample:
    """A frame kept for its picture."""

    record: FrameRecord
    rgb: Pixels
    """(h, w, 3)."""
    labels: Pixels
    """(h, w)."""
    truth: Pixels | None
    """(h, w)."""


class Spread(Generic[T]):
    """Keeps items spread evenly over a stream whose end is not known.

    Args:
        count: how many are asked for.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._seen, self._stride = 0, 1
        self._kept: list[T] = []

    def offer(self, make: Callable[[], T]) -> None:
        """Look at the next item, which is made only if it gets a place."""
        if self._seen % self._stride == 0:
            self._kept.append(make())
            if len(self._kept) > _CANDIDATES * self._count:
                del self._kept[1::2]
                self._stride *= 2
        self._seen += 1

    def chosen(self, count: int | None = None) -> list[T]:
        """Evenly spread ones in the order they came."""
        wanted = min(count or self._count, len(self._kept))
        places = np.linspace(0, len(self._kept) - 1, wanted).round().astype(int)
        return [self._kept[place] for place in places]


class Samples:
    """Keeps frames spread evenly over everything seen, and those that came out worst.

    Args:
        spread: how many evenly spread ones.
        worst: how many of the worst: by mIoU where there is ground truth, else by mean confidence.
        apart: the worst ones lie at least this many frames apart, lest one bad second fills all.
    """

    def __init__(self, spread: int = 9, worst: int = 3, apart: int = 15) -> None:
        self._worst_count, self.apart = worst, apart
        self._spread: Spread[Sample] = Spread(spread)
        self._worst: list[Sample] = []

    def offer(self, frame: SegmentedFrame, record: FrameRecord) -> None:
        """Look at the next frame and keep it if it deserves a place."""
        self._spread.offer(lambda: _sample(frame, record))
        if self._is_bad(record):
            self._keep_bad(_sample(frame, record))

    def spread(self, count: int | None = None) -> list[Sample]:
        """Evenly spread ones in the order they came."""
        return self._spread.chosen(count)

    def worst(self) -> list[Sample]:
        """The worst ones, the very worst first."""
        return sorted(self._worst, key=lambda sample: _badness(sample.record))

    def _is_bad(self, record: FrameRecord) -> bool:
        if math.isnan(record.miou) and math.isnan(record.mean_confidence):
            return False
        near = [kept for kept in self._worst if self._is_near(kept.record, record)]
        if near:
            return _badness(record) < min(_badness(kept.record) for kept in near)
        full = len(self._worst) >= self._worst_count
        return not full or _badness(record) < max(_badness(kept.record) for kept in self._worst)

    def _keep_bad(self, sample: Sample) -> None:
        others = [k for k in self._worst if not self._is_near(k.record, sample.record)]
        self._worst = sorted([*others, sample], key=lambda kept: _badness(kept.record))
        del self._worst[self._worst_count :]

    def _is_near(self, one: FrameRecord, other: FrameRecord) -> bool:
        return one.recording == other.recording and abs(one.index - other.index) < self.apart


def _badness(record: FrameRecord) -> tuple[bool, float]:
    """Smaller is worse; frames with ground truth go first, since their figure means more."""
    labelled = not math.isnan(record.miou)
    return (not labelled, record.miou if labelled else record.mean_confidence)


def small_size(pixels: Pixels, most_width: int) -> tuple[int, int]:
    """(width, height) of a picture that is at most so wide."""
    height, width = pixels.shape[:2]
    scale = min(1.0, most_width / width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resized_to(size: tuple[int, int], pixels: Pixels, *, nearest: bool) -> Pixels:
    """A copy at (width, height): the frame's own memory may be large, or used again."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels.copy()
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def _sample(frame: SegmentedFrame, record: FrameRecord) -> Sample:
    labels, truth = frame.result.labels, frame.truth
    size = small_size(labels, _MOST_WIDTH)
    return Sample(
        record,
        resized_to(size, frame.rgb, nearest=False),
        resized_to(size, labels, nearest=True),
        None if truth is None else resized_to(size, truth, nearest=True),
    )
