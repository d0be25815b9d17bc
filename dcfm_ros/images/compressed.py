"""Compressed images: sensor_msgs/CompressedImage to RGB, and pictures and labels to its files.

Whatever OpenCV decodes is read, JPEG and PNG above all. The file inside decides about colours, as
in cv_bridge; of `format` only what the file cannot tell is used: that it holds depth, or an
undemosaiced Bayer pattern.
"""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.errors import ImageError
from dcfm_ros.images.messages import CompressedImage, message_bytes
from dcfm_ros.images.picture_file import (
    JPEG_START,
    PNG_BIT_DEPTH,
    is_png,
    is_whole_jpeg,
    is_whole_png,
)
from dcfm_ros.images.raw import DEPTH_ENCODINGS, FULL_BITS, demosaic, is_bayer, to_rgb8

# Pixels stay where the sensor saw them: camera_info and label image know no EXIF rotation.
_AS_STORED = cv2.IMREAD_IGNORE_ORIENTATION | cv2.IMREAD_ANYDEPTH


def compressed_to_rgb(message: CompressedImage, bits: int = FULL_BITS) -> np.ndarray:
    """Decode a compressed image.

    Args:
        message: sensor_msgs/CompressedImage with a JPEG, PNG or any other file that OpenCV decodes.
            Alpha is dropped, EXIF orientation is ignored.
        bits: significant bits of 16-bit values, which are scaled by 255 / (2^bits - 1).

    Returns:
        (H, W, 3) uint8, C-contiguous, RGB.

    Raises:
        ImageError: no data, not an image, depth, or values that are not 8 or 16 bit integers.
    """
    source = source_encoding(message)
    if source in DEPTH_ENCODINGS or "compressedDepth" in message.format:
        raise ImageError(
            f"compressed image has format {message.format!r}, which holds depth, "
            "expected a picture: give the colour camera's compressed topic"
        )
    if is_bayer(source):
        decoded = decode(message, _AS_STORED | cv2.IMREAD_ANYCOLOR)
        if decoded.ndim == 2:
            return to_rgb8(demosaic(decoded, source), bits)
    else:
        decoded = decode(message, _AS_STORED | cv2.IMREAD_COLOR)
    if decoded.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"compressed image holds {decoded.dtype} values (format {message.format!r}), "
            "expected 8 or 16 bit integers: give the colour camera's compressed topic"
        )
    return to_rgb8(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), bits)


def decode_16_bit(message: CompressedImage) -> np.ndarray | None:
    """The stored values of a 16-bit PNG, uint16; None of any other image, or a broken one."""
    data = message_bytes(message.data)
    if not is_png(data) or data.size <= PNG_BIT_DEPTH or data[PNG_BIT_DEPTH] != FULL_BITS:
        return None
    try:
        return decode(message, cv2.IMREAD_UNCHANGED, data)
    except ImageError:  # reading it as a picture says why
        return None


def source_encoding(message: CompressedImage) -> str:
    """The encoding before compression, which image_transport names before a semicolon, or empty."""
    before, semicolon, _ = str(message.format).partition(";")
    return before.strip() if semicolon else ""


def decode(message: CompressedImage, flags: int, data: np.ndarray | None = None) -> np.ndarray:
    """Decode the file in a message.

    Args:
        message: sensor_msgs/CompressedImage.
        flags: of cv2.imdecode.
        data: (N,) uint8 to decode in place of the message's own.

    Returns:
        (H, W) or (H, W, channels in BGR order) of the depth that the flags ask for.

    Raises:
        ImageError: no data, or nothing that OpenCV decodes.
    """
    if data is None:
        data = message_bytes(message.data)
    if data.size == 0:
        raise ImageError(
            f"compressed image has no data (format {message.format!r}), "
            "expected a JPEG or PNG file: check the camera's compression node"
        )
    if _is_cut_short(data):
        raise ImageError(f"{_described(message, data)} is cut short, expected a whole file")
    reason = ""
    try:
        decoded = cv2.imdecode(data, flags)
    except cv2.error as error:
        decoded, reason = None, f" ({error.err})"
    if decoded is None or decoded.size == 0:
        raise ImageError(
            f"{_described(message, data)} does not decode{reason}, expected a JPEG or PNG file"
        )
    return decoded


def _is_cut_short(data: np.ndarray) -> bool:
    """Whether a file lacks its end: OpenCV 4 paints the rest grey, 5 trusts any length in it."""
    if is_png(data):
        return not is_whole_png(data)
    file = data.tobytes()
    return file.startswith(JPEG_START) and not is_whole_jpeg(file)


def _described(message: CompressedImage, data: np.ndarray) -> str:
    start = data[:8].tobytes().hex(" ")
    return f"compressed image of {data.size} bytes (format {message.format!r}, starts {start})"


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
