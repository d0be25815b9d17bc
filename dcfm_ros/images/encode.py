"""Pictures and label images as files in memory: the `data` of a CompressedImage."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.errors import ImageError


def rgb_to_jpeg(rgb: np.ndarray, quality: int = 92) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG of quality 1..100."""
    return _encode(".jpg", _bgr(rgb), [cv2.IMWRITE_JPEG_QUALITY, quality])


def rgb_to_png(rgb: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG."""
    return _encode(".png", _bgr(rgb), [])


def labels_to_png(labels: np.ndarray) -> bytes:
    """Encode (H, W) uint8 class ids as grey PNG, which `compressed_to_labels` gives back."""
    if labels.ndim != 2 or labels.dtype != np.uint8 or not labels.size:
        raise ImageError(
            f"labels are {labels.shape} {labels.dtype}, expected (H, W) uint8 class ids"
        )
    return _encode(".png", labels, [])


def _bgr(rgb: np.ndarray) -> np.ndarray:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ImageError(f"picture is {rgb.shape} {rgb.dtype}, expected (H, W, 3) uint8 RGB")
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)


def _encode(extension: str, image: np.ndarray, options: list[int]) -> bytes:
    try:
        done, data = cv2.imencode(extension, image, options)
    except cv2.error:  # what OpenCV 4 raises, 5 returns
        done = False
    if not done:
        raise ImageError(f"an image of {image.shape} is too large to be written as {extension}")
    return data.tobytes()
