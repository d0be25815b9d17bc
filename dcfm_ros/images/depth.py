"""Depth images, by the conventions of REP-118."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import ImageError
from dcfm_ros.images.messages import RawImage
from dcfm_ros.images.raw import raw_pixels

_BYTES_PER_PIXEL = {"16UC1": 2, "mono16": 2, "32FC1": 4}


def image_to_depth(message: RawImage) -> NDArray[np.uint16] | NDArray[np.float32]:
    """Read a depth image.

    Args:
        message: sensor_msgs/Image of encoding 16UC1 (also mono16) or 32FC1.

    Returns:
        (H, W), along the optical axis: uint16 in mm, 0 where unknown, or float32 in m, NaN or
        infinite where unknown.

    Raises:
        ImageError: another encoding, no pixels, a step or data too short.
    """
    size = _BYTES_PER_PIXEL.get(message.encoding)
    if size is None:
        raise ImageError(
            f"depth image has encoding {message.encoding!r}, expected 16UC1 in mm or 32FC1 in m; "
            "give the topic of the raw depth image that is aligned to the camera's"
        )
    pixels = raw_pixels(message, 1, size)
    return pixels if size == 2 else pixels.view(np.float32)
