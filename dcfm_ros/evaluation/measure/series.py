"""The figures of single frames, in the order in which they came."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.frames import STAGES, SegmentedFrame
from dcfm_ros.evaluation.measure.latency import Latencies

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
