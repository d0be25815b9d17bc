"""Label images as pictures."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.errors import ImageError

_UNLABELLED = 255


def colorize(labels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Paint each pixel with the colour of its class.

    Args:
        labels: (H, W) uint8 class ids.
        palette: (256, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: wrong shapes or types.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ImageError(f"labels are {_describe(labels)}, expected (H, W) uint8 class ids")
    if palette.shape != (256, 3) or palette.dtype != np.uint8:
        raise ImageError(f"palette is {_describe(palette)}, expected (256, 3) uint8 RGB")
    table = np.ascontiguousarray(palette).reshape(256, 1, 3)
    return cv2.applyColorMap(np.ascontiguousarray(labels), table)  # a table look-up; keeps RGB


def overlay(
    rgb: np.ndarray, labels: np.ndarray, palette: np.ndarray, alpha: float = 0.5
) -> np.ndarray:
    """Lay the class colours over a picture.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        labels: (H, W) uint8 class ids; where 255 (unlabelled) the picture stays as it is.
        palette: (256, 3) uint8 RGB.
        alpha: weight of the class colours, 0..1.

    Returns:
        (H, W, 3) uint8 RGB, new memory.

    Raises:
        ImageError: wrong or differing shapes or types.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ImageError(f"picture is {_describe(rgb)}, expected (H, W, 3) uint8 RGB")
    if rgb.shape[:2] != labels.shape:
        raise ImageError(
            f"picture is {_describe(rgb)} and labels are {_describe(labels)}, "
            "expected the same size"
        )
    mixed = cv2.addWeighted(rgb, 1.0 - alpha, colorize(labels, palette), alpha, 0.0)
    unlabelled = (labels == _UNLABELLED).view(np.uint8)
    return cv2.copyTo(rgb, unlabelled, mixed)


def _describe(array: np.ndarray) -> str:
    return f"{array.shape} {array.dtype}"
