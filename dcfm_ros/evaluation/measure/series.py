"""The figures of single frames, in the order in which they came."""

from __future__ import annotations

import math
from array import array

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.frames import STAGES, SegmentedFrame
from dcfm_ros.evaluation.measure.latency import Latencies

_FIGURES = ("confidence", "miou", "expected_label_change", "agreement")


class Series:
    """About 150 bytes a frame; pixels add nothing."""

    def __init__(self) -> None:
        self._indices = array("q")
        self._stamps_ns = array("q")
        self._ages = array("q")
        self._is_key = array("b")
        self._figures = {name: array("d") for name in _FIGURES}
        self._stages = {stage: array("d") for stage in STAGES}

    def append(self, frame: SegmentedFrame, miou: float, agreement: float) -> None:
        """Note the next frame.

        Args:
            miou: of this frame alone; NaN without ground truth.
            agreement: share of pixels labelled as by the reference; NaN without one.
        """
        self._indices.append(frame.index)
        self._stamps_ns.append(frame.stamp_ns)
        result = frame.result
        self._ages.append(result.age)
        self._is_key.append(result.is_key_frame)
        figures = (result.mean_confidence, miou, result.expected_label_change, agreement)
        for name, value in zip(_FIGURES, figures, strict=True):
            self._figures[name].append(value)
        for stage, values in self._stages.items():
            values.append(frame.stages_ms.get(stage, math.nan))

    def extend(self, other: Series) -> None:
        """Note the frames of another series after the own ones."""
        self._indices.extend(other._indices)
        self._stamps_ns.extend(other._stamps_ns)
        self._ages.extend(other._ages)
        self._is_key.extend(other._is_key)
        for name, values in self._figures.items():
            values.extend(other._figures[name])
        for stage, values in self._stages.items():
            values.extend(other._stages[stage])

    @property
    def indices(self) -> NDArray[np.int64]:
        """(frames,) place of each frame in its recording, from 0."""
        return np.array(self._indices, np.int64)

    @property
    def stamps_ns(self) -> NDArray[np.int64]:
        """(frames,)."""
        return np.array(self._stamps_ns, np.int64)

    @property
    def ages(self) -> NDArray[np.int64]:
        """(frames,) frames since the key frame whose common feature was used."""
        return np.array(self._ages, np.int64)

    @property
    def is_key(self) -> NDArray[np.bool_]:
        """(frames,)."""
        return np.array(self._is_key, np.bool_)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(frames,) mean confidence, 0 … 1; NaN if unknown."""
        return np.array(self._figures["confidence"], np.float64)

    @property
    def miou(self) -> NDArray[np.float64]:
        """(frames,) of each frame alone; NaN without ground truth."""
        return np.array(self._figures["miou"], np.float64)

    @property
    def expected_label_change(self) -> NDArray[np.float64]:
        """(frames,) 0 … 1; NaN if unknown."""
        return np.array(self._figures["expected_label_change"], np.float64)

    @property
    def agreement(self) -> NDArray[np.float64]:
        """(frames,) share of pixels labelled as by the reference; NaN without one."""
        return np.array(self._figures["agreement"], np.float64)

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
        return np.array(self._stages[stage], np.float64)
