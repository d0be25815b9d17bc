"""Stands in for a neighbouring frame where there is none: what a moving camera does to an image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def simulate_motion(rgb: Image, age: int, rng: np.random.Generator) -> Image:
    """The frame as a camera on a moving robot may have seen it `age` frames earlier or later.

    Zoom about a point near the horizon (driving) in proportion to the age, shift and shear
    (turning, pitching) with its root; now and then blur; noise as of a second exposure.

    Args:
        rgb: (H, W, 3).
        age: distance in frames of about 15 Hz, at least 1.
    """
    height, width = rgb.shape[:2]
    zoom = np.exp(rng.normal(0.0, 0.010) * age)
    centre = np.array([width, height]) * (rng.uniform(0.3, 0.7), rng.uniform(0.35, 0.6))
    shift = rng.normal(0.0, (0.006 * width, 0.003 * height)) * np.sqrt(age)
    shear = rng.normal(0.0, 0.004) * np.sqrt(age)
    matrix = np.array([[zoom, shear, 0.0], [0.0, zoom, 0.0]])
    matrix[:, 2] = centre - matrix[:, :2] @ centre + shift
    moved = cv2.warpAffine(
        rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    if rng.random() < 0.25:
        moved = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.4, 1.2))
    noise = rng.standard_normal((height, width, 1), np.float32) * np.float32(rng.uniform(0.0, 4.0))
    gain = np.float32(rng.normal(1.0, 0.03))
    return np.clip(moved * gain + noise, 0, 255).astype(np.uint8)
