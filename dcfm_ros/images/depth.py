"""Depth images, by the conventions of REP-118, raw or as image_transport packs them.

RVL: A. D. Wilson, Fast lossless depth image compression, ISS 2017. Lengths of runs of unknown and
of known pixels take turns; a known pixel is its difference from the known one before. All are
numbers of 3 bits a nibble, the least first; a nibble's high bit says that more follow. Nibbles lie
in little-endian words of 32 bits, the highest first.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import ImageError
from dcfm_ros.images.compressed import decode, source_encoding
from dcfm_ros.images.messages import CompressedImage, RawImage, is_compressed, message_bytes
from dcfm_ros.images.picture_file import is_png
from dcfm_ros.images.raw import raw_pixels

Depth = NDArray[np.uint16] | NDArray[np.float32]
"""(H, W), along the optical axis: uint16 in mm, 0 where unknown, or float32 in m, NaN or infinite
where unknown."""

_BYTES_PER_PIXEL = {"16UC1": 2, "mono16": 2, "32FC1": 4}
_HEADER_BYTES = 12
"""What compressed_depth_image_transport puts first: int32 format, float32 quantisation a and b."""
_ADVICE = "give the topic of the depth image that is aligned to the camera's"


def to_depth(message: RawImage | CompressedImage) -> Depth:
    """Read a depth image of either message type; see the two functions for each.

    Raises:
        ImageError: it is no depth image, or cannot be read.
    """
    if is_compressed(message):
        return compressed_depth_to_depth(message)  # type: ignore[arg-type]
    return image_to_depth(message)  # type: ignore[arg-type]


def image_to_depth(message: RawImage) -> Depth:
    """Read a raw depth image.

    Args:
        message: sensor_msgs/Image of encoding 16UC1 (also mono16) or 32FC1.

    Raises:
        ImageError: another encoding, no pixels, a step or data too short.
    """
    size = _BYTES_PER_PIXEL.get(message.encoding)
    if size is None:
        raise ImageError(
            f"depth image has encoding {message.encoding!r}, expected 16UC1 in mm or 32FC1 in m; "
            f"{_ADVICE}"
        )
    pixels = raw_pixels(message, 1, size)
    return pixels if size == 2 else pixels.view(np.float32)


def compressed_depth_to_depth(message: CompressedImage) -> Depth:
    """Read a packed depth image, of the transport compressedDepth or compressed.

    Args:
        message: sensor_msgs/CompressedImage of 16UC1 or 32FC1 as `format` says, without loss: by
            PNG or RVL behind the header of compressedDepth, where 32FC1 is quantised inversely, or
            a PNG or TIFF file alone.

    Raises:
        ImageError: no depth, cut short, or packed in another way.
    """
    data = message_bytes(message.data)
    if "compressedDepth" not in message.format:
        return _checked(decode(message, cv2.IMREAD_UNCHANGED, data), message)
    if data.size <= _HEADER_BYTES:
        raise ImageError(
            f"compressed depth has {data.size} bytes (format {message.format!r}), expected more "
            f"than the header of {_HEADER_BYTES}: the message is cut short"
        )
    packed = data[_HEADER_BYTES:]
    if is_png(packed) or "rvl" not in message.format.lower():
        stored = _checked(decode(message, cv2.IMREAD_UNCHANGED, packed), message)
    else:
        stored = unpack_rvl(packed)
    if source_encoding(message) != "32FC1":
        return stored
    scale, offset = data[4:_HEADER_BYTES].view("<f4").tolist()
    with np.errstate(divide="ignore"):
        metres = np.float32(scale) / (stored.astype(np.float32) - np.float32(offset))
    return np.where(stored == 0, np.float32(np.nan), metres)


def _checked(pixels: np.ndarray, message: CompressedImage) -> Depth:
    if pixels.ndim != 2 or pixels.dtype not in (np.uint16, np.float32):
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        raise ImageError(
            f"compressed depth holds {channels} channels of {pixels.dtype} (format "
            f"{message.format!r}), expected one of 16 bit in mm or of float in m; {_ADVICE}"
        )
    return pixels


_SIZE_BYTES = 8
_MOST_PIXELS = 1 << 28
_NIBBLE_SHIFTS = np.arange(28, -1, -4, dtype=np.uint32)


def unpack_rvl(data: np.ndarray) -> NDArray[np.uint16]:
    """Unpack what compressed_depth_image_transport packs: width, height, and the nibbles.

    Args:
        data: (N,) uint8.

    Returns:
        (H, W) uint16, 0 where unknown.

    Raises:
        ImageError: the data ends before the last pixel, or is no such data.
    """
    width, height = data[:_SIZE_BYTES].view("<u4").tolist() if data.size >= _SIZE_BYTES else (0, 0)
    if not 0 < width * height <= _MOST_PIXELS:
        raise ImageError(
            f"RVL depth of {data.size} bytes says it is {width}x{height} px, expected a size: "
            "the message is cut short or damaged"
        )
    whole = data.size - data.size % 4
    numbers = _numbers(data[_SIZE_BYTES:whole].view("<u4"))
    pixels = np.zeros(height * width, np.int64)
    known = np.zeros(height * width, bool)
    steps: list[NDArray[np.int64]] = []
    at, place = 0, 0
    while place < pixels.size:
        if at + 2 > numbers.size:
            raise _damaged(data, width, height)
        start = place + int(numbers[at])
        place = start + int(numbers[at + 1])
        run = numbers[at + 2 : at + 2 + place - start]
        if place > pixels.size or run.size < place - start:
            raise _damaged(data, width, height)
        known[start:place] = True
        steps.append(run)
        at += 2 + run.size
    zigzag = np.concatenate(steps)
    pixels[known] = np.cumsum((zigzag >> 1) ^ -(zigzag & 1))
    return pixels.astype(np.uint16).reshape(height, width)


def _numbers(words: np.ndarray) -> NDArray[np.int64]:
    """The numbers in a row of words; what is left over at its end is no number."""
    nibbles = ((words[:, None] >> _NIBBLE_SHIFTS) & 15).reshape(-1).astype(np.int64)
    ends = np.flatnonzero(nibbles < 8)
    if not ends.size:
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    nibbles = nibbles[: ends[-1] + 1]
    place = np.arange(nibbles.size) - np.repeat(starts, ends - starts + 1)
    return np.add.reduceat((nibbles & 7) << np.minimum(3 * place, 60), starts)


def _damaged(data: np.ndarray, width: int, height: int) -> ImageError:
    return ImageError(
        f"RVL depth of {data.size} bytes does not hold the {width}x{height} px it names: "
        "the message is cut short or damaged"
    )
