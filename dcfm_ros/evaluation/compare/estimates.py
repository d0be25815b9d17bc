"""Figures of a run again from its frame log, for each draw of the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.compare.bootstrap import Floats, weighted_percentile
from dcfm_ros.evaluation.compare.frame_log import HITS, PREDICTED, TRUE, FrameLog
from dcfm_ros.evaluation.measure.figures import Figure

_ROUNDING = 1e-6
_CHUNK = 4_000_000
"""Weights of frames held at a time."""


class Resampled:
    """The frames of a run in every draw: sums by class and by frame.

    Args:
        log: the frames of all recordings after each other.
        sizes: (blocks,) frames of each block.
        weights: (draws, blocks) how often each block is drawn.
    """

    def __init__(self, log: FrameLog, sizes: NDArray[np.int64], weights: Floats) -> None:
        starts = np.cumsum(sizes) - sizes
        self._log, self._sizes, self._weights, self._starts = log, sizes, weights, starts
        frames, _, classes = log.counts.shape
        sums = weights @ np.add.reduceat(log.counts.reshape(frames, -1), starts)
        by_class = sums.reshape(-1, 3, classes)
        self.hits: Floats = by_class[:, HITS]
        """(draws, classes) pixels found, as `true` and `predicted`."""
        self.true: Floats = by_class[:, TRUE]
        self.predicted: Floats = by_class[:, PREDICTED]

    @property
    def iou(self) -> Floats:
        """(draws, classes) NaN for a class that the truth does not show."""
        iou = np.full(self.hits.shape, np.nan)
        union = self.true + self.predicted - self.hits
        np.divide(self.hits, union, out=iou, where=self.true > 0)
        return iou

    def mean(self, values: Floats) -> Floats:
        """(draws,) of a figure of single frames, (frames,); NaN frames are left out."""
        known = ~np.isnan(values)
        sums = np.add.reduceat(np.where(known, values, 0.0), self._starts)
        counts = np.add.reduceat(known.astype(np.float64), self._starts)
        return _ratio(self._weights @ sums, self._weights @ counts)

    def percentile(self, values: Floats, percent: float) -> Floats:
        """(draws,) of a figure of single frames, (frames,) without NaN."""
        order = np.argsort(values, kind="stable")
        place = np.repeat(np.arange(len(self._sizes)), self._sizes)[order]
        step = max(1, _CHUNK // max(1, len(values)))
        parts = [
            weighted_percentile(values[order], self._weights[i : i + step, place], percent)
            for i in range(0, len(self._weights), step)
        ]
        return np.concatenate(parts)

    @property
    def log(self) -> FrameLog:
        """Every frame once."""
        return self._log


Estimate = Callable[[Resampled], Floats]


def estimate(figure: Figure, setup: Mapping[str, Any]) -> Estimate | None:
    """How to compute a figure, in its unit; None where frames do not give it.

    Args:
        setup: of the metrics.json.
    """
    match figure.path:
        case ("total", "accuracy", "miou") if setup.get("absent_as_zero"):
            return _miou_with_absent_classes
        case ("total", "accuracy", "classes", label, kind) if kind in _OF_CLASS:
            place = setup["classes"].index(label)
            return lambda drawn: 100.0 * _OF_CLASS[kind](drawn)[:, place]
        case ("timings", "total", "stages_ms", "total", part) if part[1:].isdigit():
            return lambda drawn: drawn.percentile(drawn.log.total_ms, float(part[1:]))
    return _PLAIN.get(figure.name)


def agrees(found: float, expected: float) -> bool:
    """Whether two figures are the same but for rounding."""
    return abs(found - expected) <= _ROUNDING * max(1.0, abs(expected))


def _miou(drawn: Resampled) -> Floats:
    iou = drawn.iou
    present = (~np.isnan(iou)).sum(1)
    return 100.0 * _ratio(np.nansum(iou, 1), present.astype(np.float64))


def _miou_with_absent_classes(drawn: Resampled) -> Floats:
    return 100.0 * np.asarray(np.nan_to_num(drawn.iou).mean(1))


def _frequency_weighted_iou(drawn: Resampled) -> Floats:
    return 100.0 * _ratio(np.nansum(drawn.iou * drawn.true, 1), drawn.true.sum(1))


def _pixel_accuracy(drawn: Resampled) -> Floats:
    return 100.0 * _ratio(drawn.hits.sum(1), drawn.true.sum(1))


def _mean_accuracy(drawn: Resampled) -> Floats:
    recall = _ratio(drawn.hits, drawn.true)
    return 100.0 * _ratio(np.nansum(recall, 1), (drawn.true > 0).sum(1).astype(np.float64))


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio = np.full(part.shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


_OF_CLASS: dict[str, Estimate] = {
    "iou": lambda drawn: drawn.iou,
    "precision": lambda drawn: _ratio(drawn.hits, drawn.predicted),
    "recall": lambda drawn: _ratio(drawn.hits, drawn.true),
}
"""(draws, classes)."""

_PLAIN: dict[str, Estimate] = {
    "miou": _miou,
    "frequency_weighted_iou": _frequency_weighted_iou,
    "pixel_accuracy": _pixel_accuracy,
    "mean_accuracy": _mean_accuracy,
    "key_share": lambda drawn: 100.0 * drawn.mean(drawn.log.is_key),
    "mean_confidence": lambda drawn: 100.0 * drawn.mean(drawn.log.confidence),
    "latency.mean": lambda drawn: drawn.mean(drawn.log.total_ms),
}
