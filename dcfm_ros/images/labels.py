"""Label images: class ids in, class ids out, never colours."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.errors import ImageError
from dcfm_ros.images.compressed import decode
from dcfm_ros.images.messages import CompressedImage, RawImage, is_compressed, message_bytes
from dcfm_ros.images.picture_file import is_png, with_identity_palette
from dcfm_ros.images.raw import raw_pixels

_BYTES_PER_ID = {"mono8": 1, "8UC1": 1, "mono16": 2, "16UC1": 2, "32SC1": 4}
LABEL_ENCODINGS: tuple[str, ...] = tuple(_BYTES_PER_ID)
"""The encodings of sensor_msgs/Image that `image_to_labels` reads."""


def image_to_labels(message: RawImage) -> np.ndarray:
    """Read a raw label image.

    Args:
        message: sensor_msgs/Image of an encoding in `LABEL_ENCODINGS`, ids 0..255.

    Returns:
        (H, W) uint8 class ids, C-contiguous; shares the memory of `message.data` where that is
        unpadded bytes.

    Raises:
        ImageError: another encoding, an id above 255, no pixels, a step or data too short.
    """
    depth = _BYTES_PER_ID.get(message.encoding)
    if depth is None:
        raise ImageError(
            f"label image has encoding {message.encoding!r}, expected one id per pixel in one of "
            f"{', '.join(LABEL_ENCODINGS)}: colours cannot be turned back into class ids"
        )
    pixels = raw_pixels(message, 1, depth)
    return _as_ids(pixels.view(np.int32) if depth == 4 else pixels)


def compressed_to_labels(message: CompressedImage) -> np.ndarray:
    """Decode a compressed label image.

    Args:
        message: sensor_msgs/CompressedImage holding a grey or palette PNG, whose colours are
            ignored.

    Returns:
        (H, W) uint8 class ids, C-contiguous.

    Raises:
        ImageError: not an image, a lossy format, several channels, or an id above 255.
    """
    data = message_bytes(message.data)
    if data[:2].tobytes() == b"\xff\xd8":
        raise ImageError(
            "label image is a JPEG, whose compression changes class ids, "
            "expected a grey or palette PNG"
        )
    indexed = False
    if is_png(data):
        data, indexed = with_identity_palette(data)
    labels = decode(message, cv2.IMREAD_UNCHANGED, data)
    if indexed and labels.ndim == 3:
        labels = labels[:, :, 0]
    if labels.ndim != 2:
        raise ImageError(
            f"label image has {labels.shape[2]} channels, expected one id per pixel "
            "(grey or palette PNG): colours cannot be turned back into class ids"
        )
    return _as_ids(labels)


def to_labels(message: RawImage | CompressedImage) -> np.ndarray:
    """Read a label image of either message type; see `image_to_labels`, `compressed_to_labels`."""
    if is_compressed(message):
        return compressed_to_labels(message)  # type: ignore[arg-type]
    return image_to_labels(message)  # type: ignore[arg-type]


def _as_ids(labels: np.ndarray) -> np.ndarray:
    if labels.dtype != np.uint8:
        low, high = labels.min(), labels.max()
        if not np.issubdtype(labels.dtype, np.integer) or low < 0 or high > 255:
            raise ImageError(
                f"label image holds {labels.dtype} values {low} to {high}, "
                "expected class ids 0..255: is this a depth image?"
            )
        labels = labels.astype(np.uint8)
    return np.ascontiguousarray(labels)
