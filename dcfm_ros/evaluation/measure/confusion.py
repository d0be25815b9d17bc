"""The confusion matrix, the accuracies that follow from it, and whether they are chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import EvaluationError


class ConfusionMatrix:
    """Counts of (true class, predicted class) over the pixels of many frames.

    Args:
        classes: number of classes. True labels from it on (255 among them) are ignored.
        counts: (true, predicted) to begin with.
    """

    def __init__(self, classes: int, counts: NDArray[np.int64] | None = None) -> None:
        self.counts: NDArray[np.int64] = np.zeros((classes, classes), np.int64)
        """(true, predicted)."""
        if counts is not None:
            self.counts += counts

    def add(self, truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> None:
        """Count one frame; both (H, W) class ids.

        Raises:
            EvaluationError: the sizes differ, or a prediction is no class where the truth is one.
        """
        if truth.shape != prediction.shape:
            raise EvaluationError(
                f"ground truth is {truth.shape[1]}x{truth.shape[0]} px, the prediction "
                f"{prediction.shape[1]}x{prediction.shape[0]}; resize one to the other first"
            )
        n = len(self.counts)
        known = truth < n
        predicted = prediction[known]
        if predicted.size and predicted.max() >= n:
            raise EvaluationError(
                f"the prediction holds label {predicted.max()}, expected 0 to {n - 1}"
            )
        index = truth[known].astype(np.int64) * n + predicted
        self.counts += np.bincount(index, minlength=n * n).reshape(n, n)

    def merge(self, other: ConfusionMatrix) -> None:
        """Count the frames of another matrix of the same classes, too."""
        self.counts += other.counts

    @property
    def pixels(self) -> int:
        """Pixels counted: those whose truth is a class."""
        return int(self.counts.sum())

    def iou(self) -> NDArray[np.float64]:
        """(classes,) intersection over union; NaN for a class that the truth never shows."""
        hits = np.diag(self.counts).astype(np.float64)
        true = self.counts.sum(1)
        union = true + self.counts.sum(0) - hits
        iou = np.full(len(hits), np.nan)
        np.divide(hits, union, out=iou, where=true > 0)
        return iou

    def miou(self, *, absent_as_zero: bool = False) -> float:
        """Mean of `iou` over the classes present in the truth; NaN without any labelled pixel.

        Args:
            absent_as_zero: count absent classes as 0, as the reference implementation of DCFM does.
        """
        if not self.counts.any():
            return float("nan")
        iou = self.iou()
        return float(np.nan_to_num(iou).mean() if absent_as_zero else np.nanmean(iou))

    def by_class(self) -> tuple[tuple[int, int, int, int], ...]:
        """Class id, pixels found, true and predicted, of each class that has any."""
        hits, true, predicted = np.diag(self.counts), self.counts.sum(1), self.counts.sum(0)
        return tuple(
            (int(i), int(hits[i]), int(true[i]), int(predicted[i]))
            for i in np.flatnonzero(true + predicted)
        )

    def recall(self) -> NDArray[np.float64]:
        """(classes,) share of a class's true pixels that were found; NaN for an absent class."""
        true = self.counts.sum(1)
        recall = np.full(len(true), np.nan)
        np.divide(np.diag(self.counts), true, out=recall, where=true > 0)
        return recall

    def precision(self) -> NDArray[np.float64]:
        """(classes,) share of the pixels predicted as a class that are it; NaN if none are."""
        predicted = self.counts.sum(0)
        precision = np.full(len(predicted), np.nan)
        np.divide(np.diag(self.counts), predicted, out=precision, where=predicted > 0)
        return precision

    def pixel_accuracy(self) -> float:
        """Share of labelled pixels whose class is right; NaN without any."""
        return float(np.diag(self.counts).sum() / self.pixels) if self.pixels else float("nan")

    def mean_accuracy(self) -> float:
        """Mean of `recall` over the classes present in the truth; NaN without any."""
        return float(np.nanmean(self.recall())) if self.pixels else float("nan")

    def frequency_weighted_iou(self) -> float:
        """Mean of `iou` weighted by each class's share of the labelled pixels; NaN without any."""
        if not self.pixels:
            return float("nan")
        return float(np.nan_to_num(self.iou()) @ self.shares())

    def shares(self) -> NDArray[np.float64]:
        """(classes,) share of each class in the labelled pixels; NaN without any."""
        if not self.pixels:
            return np.full(len(self.counts), np.nan)
        shares: NDArray[np.float64] = self.counts.sum(1) / self.pixels
        return shares


CHANCE = 0.1
"""Below this kappa there is no more agreement than by chance."""
_GAIN = 0.3
"""Of kappa, that other ids must bring before they are likely."""
_LEAST_SHARE = 0.001
"""Of the pixels: rarer ids are not spoken of."""


def kappa(counts: NDArray[np.int64]) -> float:
    """Cohen's kappa: agreement beyond chance, 1 at most; NaN where the truth has one class alone.

    Args:
        counts: (true, predicted) pixels.
    """
    total = float(counts.sum())
    true, predicted = counts.sum(1), counts.sum(0)
    if not total or true.max() == total:
        return float("nan")
    chance = float(true @ predicted) / total**2
    return (float(np.trace(counts)) / total - chance) / (1.0 - chance)


def likely_ids(matrix: ConfusionMatrix) -> dict[int, int]:
    """Class id of the network that each id of the ground truth seems to mean, where they differ.

    The one-to-one assignment under which most pixels agree; empty where it is hardly better than
    the ids as they are, or tells nothing itself.
    """
    from scipy.optimize import linear_sum_assignment

    true_ids, meant = linear_sum_assignment(-matrix.counts)
    better = kappa(matrix.counts[:, meant])
    if not better > max(CHANCE, kappa(matrix.counts)) + _GAIN:
        return {}
    shares = matrix.shares()
    pairs = zip(true_ids.tolist(), meant.tolist(), strict=True)
    return {i: j for i, j in pairs if i != j and shares[i] >= _LEAST_SHARE}
