"""A tally made again from counts that were added up, for the figures of a fleet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.accuracy import Accuracy
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.evaluation.measure.consistency import WINDOWS
from dcfm_ros.evaluation.measure.counts import Counts, centres_ms
from dcfm_ros.evaluation.measure.frames import STAGES
from dcfm_ros.evaluation.measure.tally import Measures, Tally
from dcfm_ros.streaming import KeyFrameReason


class PooledTally(Tally):
    """Equal to the merged tallies in every sum; frames stand in the order of their latency.

    What a tally holds by frame is filled with means, and latencies with the middle of their bin.

    Args:
        classes: number of classes.
        measures: that the counts were made with.
    """

    def __init__(self, counts: Counts, classes: int, measures: Measures) -> None:
        super().__init__(classes, measures)
        self._counts = counts
        self.frames, self.labelled_frames, self._key_frames = map(int, counts["frames"])
        for reason in KeyFrameReason:
            if counts["reasons"][reason]:
                self.reasons[reason] = int(counts["reasons"][reason])
        self.predicted += counts["predicted"]
        self.reference.counts += counts["reference"]
        if self.flow is not None:
            self.flow.counts.counts += counts["flow"]
        _fill(self.accuracy, counts)

    @property
    def is_key(self) -> NDArray[np.bool_]:
        """(frames,) key frames first."""
        return np.arange(self.frames) < self._key_frames

    @property
    def ages(self) -> NDArray[np.int64]:
        """(frames,) with the true sum, and spread evenly."""
        total = int(self._counts["ages"][0])
        steps = np.arange(self.frames + 1) * total // max(self.frames, 1)
        return np.diff(steps)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(frames,) the mean; NaN where it is unknown."""
        return self._mean("confidence")

    @property
    def expected_label_change(self) -> NDArray[np.float64]:
        """(frames,) the mean; NaN where it is unknown."""
        return self._mean("expected_label_change")

    @property
    def agreement(self) -> NDArray[np.float64]:
        """(frames,) the mean; NaN where it is unknown."""
        return self._mean("agreement")

    def stage_ms(self, stage: str) -> NDArray[np.float64]:
        """(frames,) of one of `STAGES`, key frames first; NaN where it was not measured."""
        parts = []
        sizes = (self._key_frames, self.frames - self._key_frames)
        for counts, size in zip(
            self._counts["latency"][:, STAGES.index(stage)], sizes, strict=True
        ):
            known = centres_ms(counts)
            parts += [known, np.full(size - known.size, np.nan)]
        return np.concatenate(parts)

    def _mean(self, name: str) -> NDArray[np.float64]:
        total, known = self._counts[f"mean.{name}"]
        values = np.full(self.frames, np.nan)
        values[: round(known)] = total / known if known else np.nan
        return values


def _fill(accuracy: Accuracy, counts: Counts) -> None:
    for matrix, name in (
        (accuracy.all, "truth.all"),
        (accuracy.key, "truth.key"),
        (accuracy.non_key, "truth.non_key"),
    ):
        matrix.counts += counts[name]
    for age, frames in enumerate(counts["truth.frames_by_age"].tolist()):
        if frames:
            matrix = ConfusionMatrix(accuracy.classes)
            matrix.counts += counts["truth.by_age"][age]
            accuracy.by_age[age] = matrix
            accuracy.frames_by_age[age] = frames
    for label, pixels in enumerate(counts["truth.unknown"].tolist()):
        if pixels:
            accuracy.unknown_ids[label] = pixels
    accuracy.reliability.counts += counts["reliability"]
    accuracy.reliability_of_reuse.counts += counts["reliability_of_reuse"]
    for place, n in enumerate(WINDOWS):
        accuracy.consistency.windows[n] = int(counts["vc.windows"][place])
        accuracy.consistency.sums[n] = float(counts["vc.sums"][place])
    if accuracy.boundary is not None:
        accuracy.boundary.counts += counts["boundary"]
