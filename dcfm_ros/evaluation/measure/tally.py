"""Counts what the frames of a recording came to."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.accuracy import Accuracy, agreement
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.evaluation.measure.consistency import FlowConsistency
from dcfm_ros.evaluation.measure.frames import FrameRecord, SegmentedFrame
from dcfm_ros.evaluation.measure.series import Series
from dcfm_ros.streaming import KeyFrameReason


@dataclass(frozen=True)
class Measures:
    """What is measured beyond that which costs next to nothing."""

    boundary: bool = False
    """Boundary F-score."""
    flow: bool = False
    """Temporal consistency along the optical flow."""
    calibration: bool = False
    """Calibration of the confidence, which has to be computed for it."""


class Tally(Series):
    """Everything that is measured, in memory that pixels do not add to.

    Args:
        classes: number of classes of the network.
    """

    def __init__(self, classes: int, measures: Measures | None = None) -> None:
        super().__init__()
        measures = measures or Measures()
        self.classes = classes
        self.accuracy = Accuracy(classes, boundary=measures.boundary)
        self.flow = FlowConsistency(classes) if measures.flow else None
        self.reference = ConfusionMatrix(classes)
        """Labels by the reference in place of the truth."""
        self.frames = 0
        self.labelled_frames = 0
        self.reasons: Counter[KeyFrameReason] = Counter()
        self.predicted: NDArray[np.int64] = np.zeros(256, np.int64)
        """Pixels by predicted label."""
        self._last: tuple[str, int] | None = None
        """Clip and index of the last frame."""
        self._last_labelled: tuple[str, int] | None = None

    def add(self, frame: SegmentedFrame, recording: str) -> FrameRecord:
        """Count one frame.

        Raises:
            EvaluationError: a predicted label is no class.
        """
        own, result = self._compare(frame), frame.result
        miou = math.nan if own is None else own.miou()
        agreed = agreement(result.labels, frame.reference)
        if frame.reference is not None:
            self.reference.add(frame.reference, result.labels)
        if self.flow is not None:
            if self._last != (frame.clip, frame.index - 1):
                self.flow.end_video()
            self.flow.add(frame.rgb, result.labels)
        self._last = (frame.clip, frame.index)
        self.frames += 1
        self.reasons[result.reason] += 1
        self.predicted += np.bincount(result.labels.ravel(), minlength=256)
        self.append(frame, miou, agreed)
        return FrameRecord(
            recording=recording,
            index=frame.index,
            stamp_ns=frame.stamp_ns,
            is_key_frame=result.is_key_frame,
            reason=result.reason,
            age=result.age,
            mean_confidence=result.mean_confidence,
            miou=miou,
            stages_ms=frame.stages_ms,
            expected_label_change=result.expected_label_change,
            key_budget=result.key_budget,
            agreement=agreed,
            counts=None if own is None else own.by_class(),
            clip=frame.clip,
        )

    def _compare(self, frame: SegmentedFrame) -> ConfusionMatrix | None:
        """Count a frame's pixels against its ground truth, if there is any; its own matrix."""
        if frame.truth is None:
            return None
        follows = self._last_labelled == (frame.clip, frame.index - 1)
        self._last_labelled = (frame.clip, frame.index)
        self.labelled_frames += 1
        return self.accuracy.compare(frame, frame.truth, follows=follows)
