"""Camera images as arrays: any encoding, raw or compressed, to (H, W, 3) RGB uint8, and back."""

from __future__ import annotations

import numpy as np

from dcfm_ros.errors import ImageError
from dcfm_ros.images.compressed import compressed_to_rgb, labels_to_png, rgb_to_jpeg, rgb_to_png
from dcfm_ros.images.decoder import PictureDecoder
from dcfm_ros.images.draw import colorize, overlay
from dcfm_ros.images.labels import (
    LABEL_ENCODINGS,
    compressed_to_labels,
    image_to_labels,
    to_labels,
)
from dcfm_ros.images.messages import CompressedImage, Pixels, RawImage, is_compressed
from dcfm_ros.images.raw import ENCODINGS, image_to_rgb

__all__ = [
    "ENCODINGS",
    "LABEL_ENCODINGS",
    "CompressedImage",
    "ImageError",
    "PictureDecoder",
    "Pixels",
    "RawImage",
    "colorize",
    "compressed_to_labels",
    "compressed_to_rgb",
    "image_to_labels",
    "image_to_rgb",
    "is_compressed",
    "labels_to_png",
    "overlay",
    "rgb_to_jpeg",
    "rgb_to_png",
    "to_labels",
    "to_rgb",
]


def to_rgb(message: RawImage | CompressedImage) -> np.ndarray:
    """Read an image of either message type; see `image_to_rgb` and `compressed_to_rgb`.

    `PictureDecoder` does so for the messages of a camera, whose values may need fewer bits.

    Returns:
        (H, W, 3) uint8, C-contiguous, RGB.

    Raises:
        ImageError: the message cannot be read as a picture.
    """
    if is_compressed(message):
        return compressed_to_rgb(message)  # type: ignore[arg-type]
    return image_to_rgb(message)  # type: ignore[arg-type]
