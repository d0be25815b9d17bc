"""Signals of a due key frame, nearly free: what is known before the deep features are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LUMA_STEP = 8
_COARSE_ROWS = 90
"""Labels are compared on a grid of about this many rows, or columns of an upright image."""


@dataclass(frozen=True)
class NetworkImage:
    """A frame as the network sees it."""

    rgb: NDArray[np.uint8]
    """(h, w, 3)."""
    luma: NDArray[np.float32]
    """(h/8, w/8) in 0 … 1."""

    @classmethod
    def of(cls, rgb: NDArray[np.uint8]) -> NetworkImage:
        """Reduce (h, w, 3) RGB by area to an eighth of its sides."""
        height, width = (max(1, side // _LUMA_STEP) for side in rgb.shape[:2])
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        return cls(rgb, np.multiply(grey, 1 / 255, dtype=np.float32))


@dataclass(frozen=True)
class Output:
    """What the network made of a frame."""

    labels: NDArray[np.uint8]
    """Class ids on a coarse grid, see `coarse`."""
    confidence: float
    """Mean softmax maximum, 0 … 1."""


@dataclass(frozen=True)
class Signals:
    """A frame against the key frame whose common feature it would reuse."""

    age: int
    """Frames since the key frame, at least 1."""
    luma_change: float
    """Mean absolute difference of luma, 0 … 1."""
    drift: float
    """Share of pixels whose label was another in the last output than on the key frame."""
    confidence_fall: float
    """By how much the mean confidence of the last output is below the key frame's; at least 0."""
    boundary: float
    """Density of class boundaries on the key frame: share of neighbours of different classes."""
    input_change: float = math.nan
    """Mean absolute difference of the normalised input; NaN where no policy asks for it."""


def coarse(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every n-th label in both directions, so that the shorter side has about 90."""
    step = max(1, round(min(labels.shape) / _COARSE_ROWS))
    return labels[::step, ::step].copy()


def boundary_density(labels: NDArray[np.uint8]) -> float:
    """Share of vertical plus share of horizontal neighbours that are of different classes."""
    down = labels[1:] != labels[:-1]
    right = labels[:, 1:] != labels[:, :-1]
    return sum(float(d.mean()) for d in (down, right) if d.size)


def change(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Share of elements that differ; 0 … 1."""
    return float(np.count_nonzero(one != other)) / one.size


def luma_change(image: NetworkImage, other: NetworkImage) -> float:
    """Mean absolute difference of luma, 0 … 1."""
    return float(np.abs(image.luma - other.luma).mean())


def luma_correlation(image: NetworkImage, other: NetworkImage) -> float:
    """Pearson's correlation of the lumas, −1 … 1; of a flat image with another flat one: 1."""
    one, two = image.luma - image.luma.mean(), other.luma - other.luma.mean()
    power = math.sqrt(float((one * one).sum()) * float((two * two).sum()))
    if power < 1e-6 * one.size:
        return 1.0 if abs(one).max() + abs(two).max() < 1e-2 else 0.0
    return float((one * two).sum()) / power


def input_change(
    image: NetworkImage, other: NetworkImage, std: tuple[float, float, float]
) -> float:
    """Mean absolute difference of the images as the network gets them, normalised by `std`.

    The criterion of DCFM's reference implementation for its adaptive key frames.
    """
    red, green, blue, _ = cv2.mean(cv2.absdiff(image.rgb, other.rgb))
    return (red / std[0] + green / std[1] + blue / std[2]) / (3 * 255.0)
