"""Pictures and label images as files in memory: the `data` of a CompressedImage."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.errors import ImageError


def rgb_to_jpeg(rgb: np.ndarray, quality: int = 92) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG of quality 1..100."""
    return _encode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )


def rgb_to_png(rgb: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 RGB as PNG."""
    return _encode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [])


def labels_to_png(labels: np.ndarray) -> bytes:
    """Encode (H, W) uint8 class ids as grey PNG, which `compressed_to_labels` gives back."""
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ImageError(
            f"labels are {labels.shape} {labels.dtype}, expected (H, W) uint8 class ids"
        )
    return _encode(".png", labels, [])


def _encode(extension: str, image: np.ndarray, options: list[int]) -> bytes:
    done, data = cv2.imencode(extension, image, options)
    if not done:
        raise ImageError(f"cannot encode an image of {image.shape} as {extension}")
    return data.tobytes()
