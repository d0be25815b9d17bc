"""Picture files the right way up: the EXIF orientation applied to pictures and their labels.

For files alone, which viewers and labelling tools turn. Messages of a robot's camera stay as the
sensor saw them, since camera_info knows no rotation.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from dcfm_ros.images.picture_file import is_png, png_chunks

UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
_EXIF = b"Exif\0\0"
_TURN: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image.swapaxes(0, 1), 2),
    8: np.rot90,
}
"""From stored to upright, by the value of the tag (Exif 2.32, 4.6.4 A)."""
_FIRST_SIDEWAYS = 5
"""From this value on, height and width change places."""
_AS_STORED = cv2.IMREAD_IGNORE_ORIENTATION
_SCAN, _APP1 = 0xDA, 0xE1


def orientation(data: bytes) -> int:
    """The EXIF orientation of a picture file, 1 to 8; 1 (upright) where it names none.

    Args:
        data: a JPEG, PNG or WebP file. TIFF counts as upright: its decoder turns it.
    """
    for exif in _exif_blocks(data):
        value = _orientation_tag(exif)
        if value in _TURN:
            return value
    return UPRIGHT


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """A stored picture or label image (H, W, ...) as viewers show it, C-contiguous."""
    turn = _TURN.get(orientation)
    return image if turn is None else np.ascontiguousarray(turn(image))


def upright_file(kind: str, data: bytes) -> tuple[str, bytes]:
    """A picture file whose stored pixels are upright: itself, or a PNG of what viewers show.

    Args:
        kind: its format, for example "jpg".
        data: the file.

    Returns:
        Format and file; one that does not decode comes back as it is.
    """
    value = orientation(data)
    if value == UPRIGHT:
        return kind, data
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | _AS_STORED)
    if pixels is None:
        return kind, data
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return "png", cv2.imencode(".png", turned(pixels, value), fast)[1].tobytes()


def labels_upright(labels: np.ndarray, picture: bytes) -> np.ndarray:
    """The labels of a picture file, turned with it where they lie as it is stored.

    Labelling tools show pictures upright, so that labels mostly are. Those of a picture that lies
    on its side are known by their shape; where it tells nothing, they count as upright.

    Args:
        labels: (H, W) class ids.
        picture: the file that they belong to.
    """
    value = orientation(picture)
    if value < _FIRST_SIDEWAYS:
        return labels
    small = cv2.IMREAD_REDUCED_GRAYSCALE_8 | _AS_STORED
    stored = cv2.imdecode(np.frombuffer(picture, np.uint8), small)
    if stored is None:
        return labels
    as_stored = _wideness(labels) * _wideness(stored) > 0
    return turned(labels, value) if as_stored else labels


def _wideness(image: np.ndarray) -> int:
    """Positive where wider than high, negative where higher, 0 where square."""
    return int(image.shape[1] - image.shape[0])


def _exif_blocks(data: bytes) -> Iterator[bytes]:
    """The EXIF data in a file: a TIFF header with its tags."""
    if data.startswith(b"\xff\xd8"):
        yield from _exif_of_jpeg(data)
    elif is_png(np.frombuffer(data, np.uint8)):
        yield from (bytes(part) for kind, part in png_chunks(memoryview(data)) if kind == b"eXIf")
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        yield from _exif_of_webp(data)


def _exif_of_jpeg(data: bytes) -> Iterator[bytes]:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != _SCAN:
        if data[position + 1] == 0xFF:  # a filling byte
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        segment = data[position + 4 : position + 2 + length]
        if data[position + 1] == _APP1 and segment.startswith(_EXIF):
            yield segment[len(_EXIF) :]
        position += 2 + length


def _exif_of_webp(data: bytes) -> Iterator[bytes]:
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            yield data[position + 8 : position + 8 + length].removeprefix(_EXIF)
        position += 8 + length + length % 2


def _orientation_tag(exif: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", exif, entry)
            if tag == _ORIENTATION_TAG:
                return int(value)
    except struct.error:  # cut short
        pass
    return UPRIGHT
