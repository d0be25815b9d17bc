"""Counts what the frames of a recording came to; tallies of several recordings add up."""

from __future__ import annotations

import math
from array import array
from collections import Counter

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.confusion import ConfusionMatrix
from dcfm_ros.evaluation.frames import STAGES, FrameRecord, Pixels, SegmentedFrame
from dcfm_ros.network import UNLABELLED
from dcfm_ros.streaming import KeyFrameReason


class Tally:
    """Everything that is measured, in memory that pixels do not add to: about 100 bytes a frame.

    Args:
        classes: number of classes of the network.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.all = ConfusionMatrix(classes)
        self.key = ConfusionMatrix(classes)
        """Key frames alone."""
        self.non_key = ConfusionMatrix(classes)
        """Frames with a reused common feature alone."""
        self.frames = 0
        self.labelled_frames = 0
        self.reasons: Counter[KeyFrameReason] = Counter()
        self.unknown_ids: Counter[int] = Counter()
        """Pixels of the ground truth by id that is neither a class nor 255."""
        self.truth_sizes: set[tuple[int, int]] = set()
        """(height, width) of ground truth that differed from its image."""
        self._predicted: NDArray[np.int64] = np.zeros(256, np.int64)
        self._indices = array("q")
        self._stamps_ns = array("q")
        self._is_key = array("b")
        self._confidence = array("d")
        self._miou = array("d")
        self._stages = {stage: array("d") for stage in STAGES}

    def add(self, frame: SegmentedFrame, recording: str) -> FrameRecord:
        """Count one frame.

        Raises:
            EvaluationError: a predicted label is no class.
        """
        own = None if frame.truth is None else self._compare(frame, frame.truth)
        miou = math.nan if own is None else own.miou()
        self.frames += 1
        self.reasons[frame.reason] += 1
        self._predicted += np.bincount(frame.labels.ravel(), minlength=256)
        self._indices.append(frame.index)
        self._stamps_ns.append(frame.stamp_ns)
        self._is_key.append(frame.is_key_frame)
        self._confidence.append(frame.mean_confidence)
        self._miou.append(miou)
        for stage, values in self._stages.items():
            values.append(frame.stages_ms.get(stage, math.nan))
        return FrameRecord(
            recording=recording,
            index=frame.index,
            stamp_ns=frame.stamp_ns,
            is_key_frame=frame.is_key_frame,
            reason=frame.reason,
            age=frame.age,
            mean_confidence=frame.mean_confidence,
            miou=miou,
            stages_ms=frame.stages_ms,
            counts=None if own is None else own.by_class(),
        )

    def merge(self, other: Tally) -> None:
        """Count what another tally counted, after what this one has."""
        for mine, theirs in (
            (self.all, other.all),
            (self.key, other.key),
            (self.non_key, other.non_key),
        ):
            mine.merge(theirs)
        self.frames += other.frames
        self.labelled_frames += other.labelled_frames
        self.reasons += other.reasons
        self.unknown_ids += other.unknown_ids
        self.truth_sizes |= other.truth_sizes
        self._predicted += other._predicted
        self._indices.extend(other._indices)
        self._stamps_ns.extend(other._stamps_ns)
        self._is_key.extend(other._is_key)
        self._confidence.extend(other._confidence)
        self._miou.extend(other._miou)
        for stage, values in self._stages.items():
            values.extend(other._stages[stage])

    @property
    def predicted_shares(self) -> NDArray[np.float64]:
        """(classes,) share of each class in all predicted pixels."""
        counts = self._predicted[: self.classes]
        shares: NDArray[np.float64] = counts / max(int(self._predicted.sum()), 1)
        return shares

    @property
    def indices(self) -> NDArray[np.int64]:
        """(frames,) place of each frame in its recording, from 0."""
        return np.array(self._indices, np.int64)

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        """(frames,)."""
        return np.array(self._stamps_ns, np.int64)

    @property
    def is_key(self) -> NDArray[np.bool_]:
        """(frames,)."""
        return np.array(self._is_key, np.bool_)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(frames,) mean confidence, 0 … 1."""
        return np.array(self._confidence, np.float64)

    @property
    def miou(self) -> NDArray[np.float64]:
        """(frames,) of each frame alone; NaN without ground truth."""
        return np.array(self._miou, np.float64)

    @property
    def period_ms(self) -> float:
        """Median time from one camera frame to the next, segmented or not; NaN if unknown."""
        steps_ns = np.diff(self.stamps_ns) / np.maximum(np.diff(self.indices), 1)
        if not steps_ns.size or np.median(steps_ns) <= 0:
            return math.nan
        return float(np.median(steps_ns)) / 1e6

    def stage_ms(self, stage: str) -> NDArray[np.float64]:
        """(frames,) of one of `STAGES`; NaN where it was not measured."""
        return np.array(self._stages[stage], np.float64)

    def _compare(self, frame: SegmentedFrame, truth: Pixels) -> ConfusionMatrix:
        """Count a frame's pixels against its ground truth; its own matrix."""
        labels = frame.labels
        if truth.shape != labels.shape:
            self.truth_sizes.add((truth.shape[0], truth.shape[1]))
            size = (truth.shape[1], truth.shape[0])
            labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        own = ConfusionMatrix(self.classes)
        own.add(truth, labels)
        self.all.merge(own)
        (self.key if frame.is_key_frame else self.non_key).merge(own)
        self.labelled_frames += 1
        counts = np.bincount(truth.ravel(), minlength=256)
        for label in range(self.classes, UNLABELLED):
            if counts[label]:
                self.unknown_ids[label] += int(counts[label])
        return own
