"""Counts as plain figures: what metrics.json holds, apart from what it was measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.accuracy import Accuracy
from dcfm_ros.evaluation.measure.confidence import Reliability
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.evaluation.measure.consistency import WINDOWS
from dcfm_ros.evaluation.measure.cost import FrameCost
from dcfm_ros.evaluation.measure.counts import Counts, accuracy_of
from dcfm_ros.evaluation.measure.frames import number
from dcfm_ros.network import LabelSet
from dcfm_ros.streaming import KeyFrameReason


@dataclass(frozen=True)
class Conventions:
    """How figures are to be read."""

    absent_as_zero: bool = False
    """Count classes that the truth never shows as 0 in every mIoU, as DCFM's authors do."""
    own_reference: bool = False
    """The reference is the same network with a key frame in every place: what differs from it is
    the label change that reuse has truly caused."""


def measure(
    counts: Counts, labels: LabelSet, cost: FrameCost, conventions: Conventions | None = None
) -> dict[str, Any]:
    """What depends on frames and engine alone, equal in every run. Shares and IoU in 0 … 1."""
    conventions = conventions or Conventions()
    frames, labelled_frames, key_frames = counts["frames"].tolist()
    share = key_frames / frames
    accuracy = accuracy_of(counts)
    agreement = _mean(counts, "agreement")
    predicted = counts["predicted"]
    predicted_shares = predicted[: len(labels.classes)] / max(int(predicted.sum()), 1)
    return {
        "frames": frames,
        "key_frames": {
            "count": key_frames,
            "share": share,
            "reasons": {
                reason.name: int(counts["reasons"][reason])
                for reason in sorted(KeyFrameReason)
                if counts["reasons"][reason]
            },
            "mean_age": int(counts["ages"][0]) / frames,
        },
        "mean_confidence": _mean(counts, "confidence"),
        "multiply_adds": {
            "key": cost.key,
            "non_key": cost.non_key,
            "mean": round(cost.key * share + cost.non_key * (1.0 - share)),
        },
        "predicted_shares": dict(zip(labels.classes, predicted_shares.tolist(), strict=True)),
        "label_change": {
            "expected": _mean(counts, "expected_label_change"),
            "true": (
                1.0 - agreement if conventions.own_reference and agreement is not None else None
            ),
        },
        "reference": _reference(ConfusionMatrix(len(labels.classes), counts["reference"])),
        "consistency": {
            **{f"vc{n}": number(accuracy.consistency.value(n)) for n in WINDOWS},
            "flow": (
                number(ConfusionMatrix(len(labels.classes), counts["flow"]).miou())
                if "flow" in counts
                else None
            ),
        },
        "accuracy": (
            _accuracy(labelled_frames, accuracy, labels, conventions.absent_as_zero)
            if labelled_frames
            else None
        ),
        "calibration": _calibration(accuracy) if labelled_frames else None,
    }


def _accuracy(
    frames: int, accuracy: Accuracy, labels: LabelSet, absent_as_zero: bool
) -> dict[str, Any]:
    counts = accuracy.all

    def miou(matrix: Any) -> float | None:
        return number(matrix.miou(absent_as_zero=absent_as_zero))

    return {
        "frames": frames,
        "pixels": counts.pixels,
        "miou": miou(counts),
        "miou_of_key_frames": miou(accuracy.key),
        "miou_of_non_key_frames": miou(accuracy.non_key),
        "pixel_accuracy": number(counts.pixel_accuracy()),
        "mean_accuracy": number(counts.mean_accuracy()),
        "frequency_weighted_iou": number(counts.frequency_weighted_iou()),
        "boundary_f_score": number(accuracy.boundary.mean()) if accuracy.boundary else None,
        "by_age": [
            {
                "age": age,
                "frames": accuracy.frames_by_age[age],
                "miou": miou(matrix),
                "pixel_accuracy": number(matrix.pixel_accuracy()),
            }
            for age, matrix in sorted(accuracy.by_age.items())
        ],
        "classes": _classes(accuracy, labels),
    }


def _classes(accuracy: Accuracy, labels: LabelSet) -> list[dict[str, Any]]:
    counts = accuracy.all
    nothing = np.full(len(labels.classes), np.nan)
    columns: dict[str, Sequence[float] | NDArray[np.float64]] = {
        "iou": counts.iou(),
        "precision": counts.precision(),
        "recall": counts.recall(),
        "boundary_f_score": accuracy.boundary.f_scores() if accuracy.boundary else nothing,
        "share": counts.shares(),
    }
    return [
        {
            "id": class_id,
            "name": name,
            **{column: number(values[class_id]) for column, values in columns.items()},
        }
        for class_id, name in enumerate(labels.classes)
    ]


def _reference(counts: ConfusionMatrix) -> dict[str, Any] | None:
    """Labels against those of another run over the same frames; null without one."""
    if not counts.pixels:
        return None
    return {"agreement": number(counts.pixel_accuracy()), "miou": number(counts.miou())}


def _calibration(accuracy: Accuracy) -> dict[str, Any] | None:
    """Of the confidence; null where it was not computed."""
    if not accuracy.reliability.counts.any():
        return None
    kinds = {
        "": accuracy.reliability,
        "_of_fresh": accuracy.reliability.without(accuracy.reliability_of_reuse),
        "_of_reuse": accuracy.reliability_of_reuse,
    }
    return {
        **{f"error{kind}": number(found.error()) for kind, found in kinds.items()},
        **{f"bins{kind}": _bins(found) for kind, found in kinds.items()},
    }


def _bins(reliability: Reliability) -> list[dict[str, float]]:
    return [asdict(one) for one in reliability.bins()]


def _mean(counts: Counts, name: str) -> float | None:
    """Of the frames for which it is known."""
    total, known = counts[f"mean.{name}"].tolist()
    return total / known if known else None
