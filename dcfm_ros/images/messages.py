"""What the image functions need of a message, and the bytes inside it.

Only field names count, so that messages of rclpy, of rosbags and plain dataclasses are all welcome.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import ImageError

Pixels = NDArray[np.uint8]
"""(H, W) class ids or confidence, or (H, W, 3) RGB."""


class RawImage(Protocol):
    """The fields of sensor_msgs/Image; `data` is any buffer of bytes."""

    height: Any
    width: Any
    encoding: Any
    is_bigendian: Any
    step: Any
    data: Any


class CompressedImage(Protocol):
    """The fields of sensor_msgs/CompressedImage; `data` is any buffer of bytes."""

    format: Any
    data: Any


_FIELDS = {
    True: ("format", "data"),
    False: ("height", "width", "encoding", "is_bigendian", "step", "data"),
}
"""Of compressed and of raw images."""


def is_compressed(message: RawImage | CompressedImage) -> bool:
    """Whether a message is a CompressedImage; the two types share no other field than `data`.

    Raises:
        ImageError: it has the fields of neither type.
    """
    compressed = hasattr(message, "format")
    missing = [n for n in _FIELDS[compressed] if not hasattr(message, n)]
    if missing:
        raise ImageError(
            f"the message has no {missing[0]}, expected an Image or CompressedImage: its type's "
            "definition is damaged"
        )
    return compressed


def message_bytes(data: Any) -> np.ndarray:
    """View message data as bytes, without a copy where it is a contiguous buffer.

    Args:
        data: array.array, bytes, bytearray, memoryview, ndarray or a list of integers 0..255.

    Returns:
        (N,) uint8, sharing the memory of `data`; read-only where `data` is.

    Raises:
        ImageError: `data` is none of these.
    """
    try:
        if isinstance(data, (list, tuple)):
            return np.frombuffer(bytes(data), np.uint8)
        if isinstance(data, np.ndarray):
            return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise ImageError(
            f"image data is a {type(data).__name__}, expected bytes ({error})"
        ) from None
