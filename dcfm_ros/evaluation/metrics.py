"""Tallies as plain figures: what metrics.json holds, apart from what it was measured with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.confusion import ConfusionMatrix
from dcfm_ros.evaluation.cost import FrameCost
from dcfm_ros.evaluation.frames import STAGES, number
from dcfm_ros.evaluation.tally import Tally
from dcfm_ros.network import LabelSet

_PERCENTILES = (50, 95, 99)


def measure(tally: Tally, labels: LabelSet, cost: FrameCost) -> dict[str, Any]:
    """What depends on frames and engine alone, equal in every run. Shares and IoU in 0 … 1."""
    key_frames = int(tally.is_key.sum())
    share = key_frames / tally.frames
    return {
        "frames": tally.frames,
        "key_frames": {
            "count": key_frames,
            "share": share,
            "reasons": {reason.name: tally.reasons[reason] for reason in sorted(tally.reasons)},
        },
        "mean_confidence": _mean(tally.confidence),
        "multiply_adds": {
            "key": cost.key,
            "non_key": cost.non_key,
            "mean": round(cost.key * share + cost.non_key * (1.0 - share)),
        },
        "predicted_shares": _by_class(labels, tally),
        "accuracy": _accuracy(tally, labels) if tally.labelled_frames else None,
    }


def time_stages(tally: Tally) -> dict[str, Any]:
    """Latencies in ms, by stage and by kind of frame; they differ from run to run."""
    total, is_key = tally.stage_ms("total"), tally.is_key
    stages = {stage: tally.stage_ms(stage) for stage in STAGES}
    return {
        "stages_ms": {
            stage: _percentiles(values)
            for stage, values in stages.items()
            if not np.isnan(values).all()
        },
        "total_ms_of_key_frames": _percentiles(total[is_key]),
        "total_ms_of_non_key_frames": _percentiles(total[~is_key]),
    }


def _accuracy(tally: Tally, labels: LabelSet) -> dict[str, Any]:
    counts = tally.all
    columns = zip(
        labels.classes,
        counts.iou(),
        counts.precision(),
        counts.recall(),
        counts.shares(),
        strict=True,
    )
    return {
        "frames": tally.labelled_frames,
        "pixels": counts.pixels,
        "miou": number(counts.miou()),
        "miou_of_key_frames": _miou(tally.key),
        "miou_of_non_key_frames": _miou(tally.non_key),
        "pixel_accuracy": number(counts.pixel_accuracy()),
        "classes": [
            {
                "id": class_id,
                "name": name,
                "iou": number(iou),
                "precision": number(precision),
                "recall": number(recall),
                "share": number(share),
            }
            for class_id, (name, iou, precision, recall, share) in enumerate(columns)
        ],
    }


def _by_class(labels: LabelSet, tally: Tally) -> dict[str, float]:
    return dict(zip(labels.classes, tally.predicted_shares.tolist(), strict=True))


def _miou(counts: ConfusionMatrix) -> float | None:
    return number(counts.miou())


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _percentiles(values: NDArray[np.float64]) -> dict[str, float] | None:
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    found = {f"p{p}": round(float(np.percentile(known, p)), 3) for p in _PERCENTILES}
    return {**found, "mean": round(float(known.mean()), 3), "max": round(float(known.max()), 3)}
