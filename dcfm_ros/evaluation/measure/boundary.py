"""How well the outlines of classes are met: the boundary F-score."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.images import Pixels

_TOLERANCE = 0.0075
"""Of the image's diagonal, as in Csurka et al., "What is a good evaluation measure for semantic
segmentation?", BMVC 2013."""


class BoundaryScore:
    """Boundary pixels of each class, true and predicted, and how many have a counterpart nearby.

    A boundary pixel of a class has a neighbour above, below, left or right of another class. What
    is unlabelled in the truth takes no part, on either side. Counts are pooled over all frames
    (Csurka et al. average over images instead).

    Args:
        classes: number of classes; ids from it on are unlabelled.
    """

    def __init__(self, classes: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros((classes, 4), np.int64)
        """(class, ·): true pixels, those with a predicted one nearby; predicted, likewise."""

    def add(self, truth: Pixels, prediction: Pixels) -> None:
        """Count one frame; both (H, W) class ids."""
        known = truth < len(self.counts)
        outlines = [_outlines(labels, known) for labels in (truth, prediction)]
        reach_px = max(1.0, _TOLERANCE * math.hypot(*truth.shape))
        for class_id in range(len(self.counts)):
            true, found = (
                outline & (labels == class_id)
                for outline, labels in zip(outlines, (truth, prediction), strict=True)
            )
            self.counts[class_id, :2] += _matched(true, found, reach_px)
            self.counts[class_id, 2:] += _matched(found, true, reach_px)

    def f_scores(self) -> NDArray[np.float64]:
        """(classes,) harmonic mean of precision and recall; NaN where the truth has no boundary."""
        true, met, predicted, right = self.counts.T.astype(np.float64)
        scores = np.full(len(self.counts), np.nan)
        present = true > 0
        recall = met[present] / true[present]
        precision = right[present] / np.maximum(predicted[present], 1.0)
        total = recall + precision
        scores[present] = np.divide(
            2.0 * recall * precision, total, out=np.zeros_like(total), where=total > 0
        )
        return scores

    def mean(self) -> float:
        """Mean of `f_scores` over the classes present in the truth; NaN without any."""
        scores = self.f_scores()
        return math.nan if np.isnan(scores).all() else float(np.nanmean(scores))


def _outlines(labels: Pixels, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a known pixel has a known neighbour of another label."""
    found = np.zeros(labels.shape, np.bool_)
    for one, other in (
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        differs = (labels[one] != labels[other]) & known[one] & known[other]
        found[one] |= differs
        found[other] |= differs
    return found


def _matched(
    pixels: NDArray[np.bool_], others: NDArray[np.bool_], reach_px: float
) -> NDArray[np.int64]:
    """How many pixels there are, and how many have one of the others within reach."""
    count = np.count_nonzero(pixels)
    if not count or not others.any():
        return np.array((count, 0))
    far = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.array((count, np.count_nonzero(far[pixels] <= reach_px)))
