"""A few frames to look at, chosen while the recording streams by and its end is not known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from dcfm_ros.evaluation.measure.frames import FrameRecord, SegmentedFrame
from dcfm_ros.images import Pixels

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


class Samples:
    """Keeps frames spread evenly over everything seen, and those that came out worst.

    Args:
        spread: how many evenly spread ones.
        worst: how many of the worst: by mIoU where there is ground truth, else by mean confidence.
        apart: the worst ones lie at least this many frames apart, lest one bad second fills all.
    """

    def __init__(self, spread: int = 9, worst: int = 3, apart: int = 15) -> None:
        self._spread_count, self._worst_count, self.apart = spread, worst, apart
        self._seen = 0
        self._stride = 1
        self._spread: list[Sample] = []
        self._worst: list[Sample] = []

    def offer(self, frame: SegmentedFrame, record: FrameRecord) -> None:
        """Look at the next frame and keep it if it deserves a place."""
        sample: Sample | None = None
        if self._seen % self._stride == 0:
            sample = _sample(frame, record)
            self._spread.append(sample)
            if len(self._spread) > _CANDIDATES * self._spread_count:
                del self._spread[1::2]
                self._stride *= 2
        if self._is_bad(record):
            self._keep_bad(sample or _sample(frame, record))
        self._seen += 1

    def spread(self, count: int | None = None) -> list[Sample]:
        """Evenly spread ones in the order they came."""
        wanted = min(count or self._spread_count, len(self._spread))
        places = np.linspace(0, len(self._spread) - 1, wanted).round().astype(int)
        return [self._spread[place] for place in places]

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


def _sample(frame: SegmentedFrame, record: FrameRecord) -> Sample:
    labels = frame.result.labels
    height, width = labels.shape
    scale = min(1.0, _MOST_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    truth = None if frame.truth is None else _resize(frame.truth, size, cv2.INTER_NEAREST)
    return Sample(
        record,
        _resize(frame.rgb, size, cv2.INTER_AREA),
        _resize(labels, size, cv2.INTER_NEAREST),
        truth,
    )


def _resize(image: Pixels, size: tuple[int, int], how: int) -> Pixels:
    if (image.shape[1], image.shape[0]) == size:
        return image.copy()  # the frame's own memory may be large, or used again
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
