"""Figures of a run again from its frame log, under weights: what the bootstrap draws from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dcfm_ros.evaluation.bootstrap import Floats, Statistic, weighted_percentile
from dcfm_ros.evaluation.frame_log import HITS, PREDICTED, TRUE, FrameLog

_ROUNDING = 1e-6

Estimator = Callable[[FrameLog], Statistic]


def estimator(name: str, setup: Mapping[str, Any]) -> Estimator | None:
    """How to compute a figure of `quantities`, in its unit; None where frames do not give it.

    Args:
        setup: of the metrics.json.
    """
    classes: Sequence[str] = setup["classes"]
    if name == "miou":
        return _miou_with_absent_classes if setup.get("absent_as_zero") else _miou
    kind, _, rest = name.partition(".")
    if kind in ("iou", "precision", "recall") and rest in classes:
        return lambda log: _of_class(log, kind, classes.index(rest))
    if kind == "latency" and rest.startswith("p") and rest[1:].isdigit():
        return lambda log: lambda w: weighted_percentile(log.total_ms, w, float(rest[1:]))
    return _PLAIN.get(name)


def agrees(found: float, expected: float) -> bool:
    """Whether two figures are the same but for rounding."""
    return abs(found - expected) <= _ROUNDING * max(1.0, abs(expected))


def joined(logs: Sequence[FrameLog]) -> FrameLog:
    """The frames of several recordings after each other."""
    return FrameLog(
        np.concatenate([log.stamps_ns for log in logs]),
        np.concatenate([log.is_key for log in logs]),
        np.concatenate([log.confidence for log in logs]),
        np.concatenate([log.miou for log in logs]),
        np.concatenate([log.total_ms for log in logs]),
        np.concatenate([log.counts for log in logs]),
    )


def _ious(log: FrameLog, weights: Floats) -> Floats:
    """(draws, classes) NaN for a class that the truth does not show."""
    hits, true, predicted = _sums(log, weights)
    iou = np.full(hits.shape, np.nan)
    np.divide(hits, true + predicted - hits, out=iou, where=true > 0)
    return iou


def _sums(log: FrameLog, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """(draws, classes) pixels found, true and predicted."""
    frames, _, classes = log.counts.shape
    sums = (weights @ log.counts.reshape(frames, -1)).reshape(-1, 3, classes)
    return sums[:, HITS], sums[:, TRUE], sums[:, PREDICTED]


def _of_class(log: FrameLog, kind: str, class_id: int) -> Statistic:
    def statistic(weights: Floats) -> Floats:
        if kind == "iou":
            return 100.0 * _ious(log, weights)[:, class_id]
        hits, true, predicted = _sums(log, weights)
        whole = (true if kind == "recall" else predicted)[:, class_id]
        return 100.0 * _ratio(hits[:, class_id], whole)

    return statistic


def _miou(log: FrameLog) -> Statistic:
    def statistic(weights: Floats) -> Floats:
        iou = _ious(log, weights)
        present = (~np.isnan(iou)).sum(1)
        return 100.0 * _ratio(np.nansum(iou, 1), present.astype(np.float64))

    return statistic


def _miou_with_absent_classes(log: FrameLog) -> Statistic:
    return lambda weights: 100.0 * np.asarray(np.nan_to_num(_ious(log, weights)).mean(1))


def _frequency_weighted_iou(log: FrameLog) -> Statistic:
    def statistic(weights: Floats) -> Floats:
        _, true, _ = _sums(log, weights)
        return 100.0 * _ratio(np.nansum(_ious(log, weights) * true, 1), true.sum(1))

    return statistic


def _pixel_accuracy(log: FrameLog) -> Statistic:
    def statistic(weights: Floats) -> Floats:
        hits, true, _ = _sums(log, weights)
        return 100.0 * _ratio(hits.sum(1), true.sum(1))

    return statistic


def _mean_accuracy(log: FrameLog) -> Statistic:
    def statistic(weights: Floats) -> Floats:
        hits, true, _ = _sums(log, weights)
        recall = np.full(hits.shape, np.nan)
        np.divide(hits, true, out=recall, where=true > 0)
        return 100.0 * _ratio(np.nansum(recall, 1), (true > 0).sum(1).astype(np.float64))

    return statistic


def _mean(values: Floats, factor: float) -> Statistic:
    known = ~np.isnan(values)

    def statistic(weights: Floats) -> Floats:
        return factor * _ratio(weights[:, known] @ values[known], weights[:, known].sum(1))

    return statistic


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio = np.full(part.shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


_PLAIN: dict[str, Estimator] = {
    "frequency_weighted_iou": _frequency_weighted_iou,
    "pixel_accuracy": _pixel_accuracy,
    "mean_accuracy": _mean_accuracy,
    "key_share": lambda log: _mean(log.is_key, 100.0),
    "mean_confidence": lambda log: _mean(log.confidence, 100.0),
    "latency.mean": lambda log: _mean(log.total_ms, 1.0),
}
