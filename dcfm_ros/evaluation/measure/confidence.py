"""Whether confidence can be believed: how often labels of a given confidence are right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.images import Pixels

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Pixels of similar confidence."""

    confidence: float
    """Mean, 0 … 1."""
    accuracy: float
    """Share that is right."""
    share: float
    """Of all labelled pixels."""


class Reliability:
    """Counts labelled pixels by confidence, right and wrong ones."""

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((256, 2), np.int64)
        """(confidence 0 … 255, wrong or right)."""

    def add(self, confidence: Pixels, truth: Pixels, prediction: Pixels, classes: int) -> None:
        """Count one frame, (H, W) each; true labels from `classes` on are ignored."""
        known = truth < classes
        right = (truth == prediction)[known]
        index = confidence[known].astype(np.int64) * 2 + right
        self.counts += np.bincount(index, minlength=512).reshape(256, 2)

    def without(self, part: Reliability) -> Reliability:
        """What is left of the counts when those of some of the frames are taken away."""
        rest = Reliability()
        rest.counts += self.counts - part.counts
        return rest

    def bins(self, count: int = BINS) -> list[Bin]:
        """Pixels by confidence in `count` intervals of equal width that include their upper end."""
        pixels = self.counts.sum(1)
        total = int(pixels.sum())
        levels = np.arange(256) / 255.0
        place = np.searchsorted(np.linspace(0.0, 1.0, count + 1)[1:-1], levels)
        found = []
        for number in range(count):
            chosen = place == number
            inside = int(pixels[chosen].sum())
            if inside:
                mean = float(levels[chosen] @ pixels[chosen]) / inside
                accuracy = int(self.counts[chosen, 1].sum()) / inside
                found.append(Bin(mean, accuracy, inside / total))
        return found

    def error(self, count: int = BINS) -> float:
        """Expected calibration error (Guo et al., ICML 2017), 0 … 1; NaN without pixels.

        The mean distance of confidence and accuracy over the bins, weighted by their pixels.
        """
        bins = self.bins(count)
        if not bins:
            return math.nan
        return sum(b.share * abs(b.confidence - b.accuracy) for b in bins)
