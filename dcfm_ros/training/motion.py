"""Stands in for a neighbouring frame where there is none: what a moving camera does to an image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

FOCAL = 0.95  # of the image's width
CAMERA_HEIGHT_M = 1.5
WALLS_M = (3.0, 12.0)  # a street's, to either side
FAR_M = 60.0
STEP_M = 0.3  # standard deviation of the way along the street, a frame


def simulate_motion(rgb: Image, age: int, rng: np.random.Generator) -> Image:
    """The frame as a camera on a moving robot may have seen it `age` frames earlier or later.

    Driving along a street with flat ground and walls to both sides: what is near moves more. Shift
    and shear (turning, pitching); now and then blur; noise as of a second exposure. Over many draws
    pixels move about as far as on CamVid's 15 Hz validation clip (benchmarks/simulated_motion).

    Args:
        rgb: (H, W, 3).
        age: distance in frames of about 15 Hz, at least 1.
    """
    height, width = rgb.shape[:2]
    horizon_x, horizon_y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.35, 0.6) * height
    x = np.arange(width, dtype=np.float32) - np.float32(horizon_x)
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(horizon_y)
    left, right = rng.uniform(*WALLS_M, 2)
    walls = np.maximum(x / right, -x / left) / (FOCAL * width)
    ground = y / (CAMERA_HEIGHT_M * FOCAL * width)
    nearness = np.maximum(np.maximum(walls, ground), 1.0 / FAR_M)  # 1 / (m to the camera plane)
    way = rng.normal(0.0, STEP_M) * age
    zoom = np.float32(1.0) / np.maximum(1.0 + way * nearness, 0.3).astype(np.float32)
    turn = np.float32(horizon_x + rng.normal(0.0, 0.007) * width * age)
    pitch = np.float32(horizon_y + rng.normal(0.0, 0.003) * height * np.sqrt(age))
    shear = np.float32(rng.normal(0.0, 0.004) * np.sqrt(age))
    moved = cv2.remap(
        rgb,
        zoom * x + shear * y + turn,
        zoom * y + pitch,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    if rng.random() < 0.25:
        moved = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.4, 1.2))
    noise = rng.standard_normal((height, width, 1), np.float32) * np.float32(rng.uniform(0.0, 4.0))
    gain = np.float32(rng.normal(1.0, 0.03))
    return np.clip(moved * gain + noise, 0, 255).astype(np.uint8)
