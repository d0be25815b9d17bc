"""Whether labels and ground truth have anything to do with each other, or only by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix

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
