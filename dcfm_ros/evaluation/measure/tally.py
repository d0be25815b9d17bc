"""Counts what the frames of a recording came to."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.accuracy import Accuracy, agreement
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.evaluation.measure.consistency import FlowConsistency
from dcfm_ros.evaluation.measure.frames import STAGES, FrameRecord, SegmentedFrame
from dcfm_ros.evaluation.measure.latency import Latencies
from dcfm_ros.streaming import KeyFrameReason

_COLUMNS = {
    **dict.fromkeys(("indices", "stamps_ns", "ages"), "q"),
    "is_key": "b",
    **dict.fromkeys(("confidence", "miou", "expected_label_change", "agreement"), "d"),
    **dict.fromkeys(STAGES, "d"),
}


class Series:
    """About 150 bytes a frame; pixels add nothing."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any]] = {
            name: array(code) for name, code in _COLUMNS.items()
        }

    def append(self, frame: SegmentedFrame, miou: float, agreement: float) -> None:
        """Note the next frame.

        Args:
            miou: of this frame alone; NaN without ground truth.
            agreement: share of pixels labelled as by the reference; NaN without one.
        """
        result = frame.result
        row = (
            *(frame.index, frame.stamp_ns, result.age, result.is_key_frame),
            *(result.mean_confidence, miou, result.expected_label_change, agreement),
            *(frame.stages_ms.get(stage, math.nan) for stage in STAGES),
        )
        for column, value in zip(self._columns.values(), row, strict=True):
            column.append(value)

    @property
    def indices(self) -> NDArray[np.int64]:
        """(frames,) place of each frame in its recording, from 0."""
        return np.array(self._columns["indices"], np.int64)

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        """(frames,)."""
        return np.array(self._columns["stamps_ns"], np.int64)

    @property
    def ages(self) -> NDArray[np.int64]:
        """(frames,) frames since the key frame whose common feature was used."""
        return np.array(self._columns["ages"], np.int64)

    @property
    def is_key(self) -> NDArray[np.bool_]:
        """(frames,)."""
        return np.array(self._columns["is_key"], np.bool_)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(frames,) mean confidence, 0 … 1; NaN if unknown."""
        return np.array(self._columns["confidence"], np.float64)

    @property
    def miou(self) -> NDArray[np.float64]:
        """(frames,) of each frame alone; NaN without ground truth."""
        return np.array(self._columns["miou"], np.float64)

    @property
    def expected_label_change(self) -> NDArray[np.float64]:
        """(frames,) 0 … 1; NaN if unknown."""
        return np.array(self._columns["expected_label_change"], np.float64)

    @property
    def agreement(self) -> NDArray[np.float64]:
        """(frames,) share of pixels labelled as by the reference; NaN without one."""
        return np.array(self._columns["agreement"], np.float64)

    @property
    def period_ms(self) -> float:
        """Median time from one camera frame to the next, segmented or not; NaN if unknown."""
        steps_ns = np.diff(self.stamps_ns) / np.maximum(np.diff(self.indices), 1)
        if not steps_ns.size or np.median(steps_ns) <= 0:
            return math.nan
        return float(np.median(steps_ns)) / 1e6

    @property
    def latencies(self) -> Latencies:
        """Times by stage, key frames apart from the others."""
        is_key = self.is_key

        def known(chosen: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
            times = {stage: self.stage_ms(stage)[chosen] for stage in STAGES}
            return {stage: values[~np.isnan(values)] for stage, values in times.items()}

        return Latencies(known(is_key), known(~is_key))

    def stage_ms(self, stage: str) -> NDArray[np.float64]:
        """(frames,) of one of `STAGES`; NaN where it was not measured."""
        return np.array(self._columns[stage], np.float64)


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
