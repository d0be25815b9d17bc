"""Labels against ground truth: everything that is counted pixel by pixel."""

from __future__ import annotations

import math
from collections import Counter

import cv2
import numpy as np

from dcfm_ros.evaluation.measure.boundary import BoundaryScore
from dcfm_ros.evaluation.measure.confidence import Reliability
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.evaluation.measure.consistency import VideoConsistency
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.images import Pixels
from dcfm_ros.network import UNLABELLED

OLDEST = 30
"""Frames whose common feature is older count to this age."""


class Accuracy:
    """Counts of all frames with ground truth.

    Args:
        classes: number of classes of the network.
        boundary: measure the boundary F-score, too.
    """

    def __init__(self, classes: int, *, boundary: bool = False) -> None:
        self.classes = classes
        self.all = ConfusionMatrix(classes)
        self.key = ConfusionMatrix(classes)
        """Key frames alone."""
        self.non_key = ConfusionMatrix(classes)
        """Frames with a reused common feature alone."""
        self.by_age: dict[int, ConfusionMatrix] = {}
        """By frames since the key frame, up to `OLDEST`."""
        self.frames_by_age: Counter[int] = Counter()
        self.boundary = BoundaryScore(classes) if boundary else None
        self.reliability = Reliability()
        self.reliability_of_reuse = Reliability()
        """Frames with a reused common feature alone."""
        self.consistency = VideoConsistency()
        self.unknown_ids: Counter[int] = Counter()
        """Pixels of the ground truth by id that is neither a class nor 255."""
        self.truth_sizes: set[tuple[int, int]] = set()
        """(height, width) of ground truth that differed from its image."""

    def compare(self, frame: SegmentedFrame, truth: Pixels, *, follows: bool) -> ConfusionMatrix:
        """Count a frame's pixels; its own matrix.

        Args:
            follows: the frame before it in the video was the last one that was counted.

        Raises:
            EvaluationError: a predicted label is no class where the truth is one.
        """
        result = frame.result
        if truth.shape != result.labels.shape:
            self.truth_sizes.add((truth.shape[0], truth.shape[1]))
        labels = resized(result.labels, truth.shape)
        own = ConfusionMatrix(self.classes)
        own.add(truth, labels)
        self.all.merge(own)
        (self.key if result.is_key_frame else self.non_key).merge(own)
        self._count_age(min(result.age, OLDEST), own)
        self._count_unknown(truth)
        if not follows:
            self.consistency.end_video()
        self.consistency.add(truth, labels)
        if self.boundary is not None:
            self.boundary.add(truth, labels)
        if result.confidence is not None:
            confidence = resized(result.confidence, truth.shape)
            self.reliability.add(confidence, truth, labels, self.classes)
            if result.age:
                self.reliability_of_reuse.add(confidence, truth, labels, self.classes)
        return own

    def _count_age(self, age: int, counts: ConfusionMatrix) -> None:
        self.by_age.setdefault(age, ConfusionMatrix(self.classes)).merge(counts)
        self.frames_by_age[age] += 1

    def _count_unknown(self, truth: Pixels) -> None:
        counts = np.bincount(truth.ravel(), minlength=256)
        for label in range(self.classes, UNLABELLED):
            if counts[label]:
                self.unknown_ids[label] += int(counts[label])


def agreement(labels: Pixels, reference: Pixels | None) -> float:
    """Share of pixels, (H, W) each, with equal labels; NaN without a reference."""
    return math.nan if reference is None else float((labels == reference).mean())


def resized(labels: Pixels, shape: tuple[int, ...]) -> Pixels:
    """(H, W) to another shape, nearest neighbour."""
    if labels.shape == shape:
        return labels
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
