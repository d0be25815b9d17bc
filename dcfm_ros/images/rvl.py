"""Depth packed by RVL: A. D. Wilson, Fast lossless depth image compression, ISS 2017.

Lengths of runs of unknown and of known pixels take turns; a known pixel is its difference from the
known one before. All are numbers of 3 bits a nibble, the least first; a nibble's high bit says that
more follow. Nibbles lie in little-endian words of 32 bits, the highest first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import ImageError

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
