"""sensor_msgs/Image to RGB: every camera encoding, its step and its byte order.

Where cv_bridge (ros-perception/vision_opencv) converts to rgb8, results are equal: mosaic names
names count from the top-left pixel, 16-bit values scale by 255 / 65535, mosaics are interpolated
bilinearly. The generic 8UC1, 8UC3 and 8UC4, which cv_bridge refuses, are read as RViz reads them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import cv2
import numpy as np

from dcfm_ros.errors import ImageError
from dcfm_ros.images.messages import RawImage, message_bytes


@dataclass(frozen=True)
class _Encoding:
    """How the bytes of one encoding are laid out, and how OpenCV turns them into RGB."""

    channels: int
    to_rgb: int | None = None
    depth: int = 1
    """Bytes per channel."""
    width_multiple: int = 1
    planar: bool = False
    """Half-resolution chroma rows follow the luma rows (NV12, NV21)."""
    demosaic: bool = False


def _bayer(pattern: int, depth: int) -> _Encoding:
    return _Encoding(1, pattern, depth, demosaic=True)


_UYVY = _Encoding(2, cv2.COLOR_YUV2RGB_UYVY, width_multiple=2)
_YUYV = _Encoding(2, cv2.COLOR_YUV2RGB_YUY2, width_multiple=2)

# OpenCV names a Bayer pattern by its second row, from the second column: rggb is its "BG".
_ENCODINGS: dict[str, _Encoding] = {
    "rgb8": _Encoding(3),
    "bgr8": _Encoding(3, cv2.COLOR_BGR2RGB),
    "rgba8": _Encoding(4, cv2.COLOR_RGBA2RGB),
    "bgra8": _Encoding(4, cv2.COLOR_BGRA2RGB),
    "mono8": _Encoding(1, cv2.COLOR_GRAY2RGB),
    "8UC1": _Encoding(1, cv2.COLOR_GRAY2RGB),
    "8UC3": _Encoding(3, cv2.COLOR_BGR2RGB),  # OpenCV's own channel order, as in RViz
    "8UC4": _Encoding(4, cv2.COLOR_BGRA2RGB),
    "rgb16": _Encoding(3, depth=2),
    "bgr16": _Encoding(3, cv2.COLOR_BGR2RGB, depth=2),
    "rgba16": _Encoding(4, cv2.COLOR_RGBA2RGB, depth=2),
    "bgra16": _Encoding(4, cv2.COLOR_BGRA2RGB, depth=2),
    "mono16": _Encoding(1, cv2.COLOR_GRAY2RGB, depth=2),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": _Encoding(1, cv2.COLOR_YUV2RGB_NV12, width_multiple=2, planar=True),
    "nv21": _Encoding(1, cv2.COLOR_YUV2RGB_NV21, width_multiple=2, planar=True),
    "bayer_rggb8": _bayer(cv2.COLOR_BayerBG2RGB, 1),
    "bayer_bggr8": _bayer(cv2.COLOR_BayerRG2RGB, 1),
    "bayer_gbrg8": _bayer(cv2.COLOR_BayerGR2RGB, 1),
    "bayer_grbg8": _bayer(cv2.COLOR_BayerGB2RGB, 1),
    "bayer_rggb16": _bayer(cv2.COLOR_BayerBG2RGB, 2),
    "bayer_bggr16": _bayer(cv2.COLOR_BayerRG2RGB, 2),
    "bayer_gbrg16": _bayer(cv2.COLOR_BayerGR2RGB, 2),
    "bayer_grbg16": _bayer(cv2.COLOR_BayerGB2RGB, 2),
}

ENCODINGS: tuple[str, ...] = tuple(_ENCODINGS)
"""The encodings of sensor_msgs/Image that `image_to_rgb` reads."""

DEPTH_ENCODINGS = ("16UC1", "32FC1", "64FC1")
"""Encodings that hold depth by convention (REP-118), never a picture."""


FULL_BITS = 16


def image_to_rgb(message: RawImage, bits: int = FULL_BITS) -> np.ndarray:
    """Read a raw image as RGB.

    Args:
        message: sensor_msgs/Image of any encoding in `ENCODINGS`.
        bits: significant bits of 16-bit channels, which are scaled by 255 / (2^bits - 1).

    Returns:
        (H, W, 3) uint8, C-contiguous. For unpadded rgb8 it shares the memory of `message.data` (and
        is read-only where that is); otherwise it is new.

    Raises:
        ImageError: no pixels, unknown encoding, depth, a step or data too short.
    """
    encoding = _find(message.encoding)
    odd_width = message.width % encoding.width_multiple
    if odd_width or (encoding.planar and message.height % 2):
        raise ImageError(
            f"{_described(message)}, expected an even size: two neighbouring pixels share "
            "their colour; check the camera driver's settings"
        )
    pixels = raw_pixels(message, encoding.channels, encoding.depth, planar=encoding.planar)
    if encoding.demosaic and min(pixels.shape) < 3:
        raise ImageError(f"{_described(message)}, expected at least 3x3")
    rgb = pixels if encoding.to_rgb is None else cv2.cvtColor(pixels, encoding.to_rgb)
    return to_rgb8(rgb, bits)


def pixels_of_16_bit(message: RawImage) -> np.ndarray | None:
    """The stored values of a 16-bit picture, uint16; None of any other image, or a broken one."""
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None or encoding.depth != 2:
        return None
    try:
        return raw_pixels(message, encoding.channels, encoding.depth)
    except ImageError:  # reading it as a picture says why
        return None


def raw_pixels(message: RawImage, channels: int, depth: int, *, planar: bool = False) -> np.ndarray:
    """View the data of a raw image as an array that skips the padding at the end of its rows.

    Args:
        message: sensor_msgs/Image.
        channels: channels per pixel.
        depth: bytes per channel, 1, 2 or 4 (unsigned; copied to native byte order where not 1).
        planar: half as many rows of chroma follow.

    Returns:
        (H, W) or (H, W, channels) uint8, uint16 or uint32; (3 H / 2, W) where planar.

    Raises:
        ImageError: no pixels, a step too small, or data shorter than the fields say.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    if height <= 0 or width <= 0:
        raise ImageError(
            f"image is {width}x{height} px, expected at least 1x1: "
            "the camera driver publishes empty frames; check the camera"
        )
    row_bytes = width * channels * depth
    if step < row_bytes:
        raise ImageError(
            f"image step is {step} bytes, expected at least {row_bytes} ({width} px of "
            f"{message.encoding}): the publisher fills width, step or encoding wrongly"
        )
    data = message_bytes(message.data)
    rows = height * 3 // 2 if planar else height
    if data.size < step * rows:
        raise ImageError(
            f"image data has {data.size} bytes, expected {step * rows} "
            f"({rows} rows of step {step}): the message is cut short or its size is wrong"
        )
    order = ">" if message.is_bigendian else "<"
    shape: tuple[int, ...] = (rows, width) if channels == 1 else (rows, width, channels)
    strides = (step, depth) if channels == 1 else (step, channels * depth, depth)
    view = np.ndarray(shape, f"{order}u{depth}", buffer=data, strides=strides)
    return view if depth == 1 else np.array(view, dtype=f"=u{depth}", order="C")


def to_rgb8(rgb: np.ndarray, bits: int = FULL_BITS) -> np.ndarray:
    """Bring (H, W, 3) uint8 or uint16 to contiguous uint8; see `image_to_rgb` on 16 bits."""
    if rgb.dtype == np.uint16:
        return cv2.convertScaleAbs(rgb, alpha=255.0 / (2**bits - 1))
    return np.ascontiguousarray(rgb)


def demosaic(pixels: np.ndarray, name: str) -> np.ndarray:
    """Interpolate a Bayer mosaic (H, W) of the encoding `name` to RGB of the same depth."""
    code = _find(name).to_rgb
    assert code is not None
    return cv2.cvtColor(pixels, code)


def is_bayer(name: str) -> bool:
    """Whether an encoding names a Bayer mosaic."""
    return name in _ENCODINGS and _ENCODINGS[name].demosaic


def _described(message: RawImage) -> str:
    return f"{message.encoding} image is {message.width}x{message.height} px"


def _find(name: str) -> _Encoding:
    found = _ENCODINGS.get(name)
    if found is not None:
        return found
    if name in DEPTH_ENCODINGS:
        raise ImageError(
            f"image encoding is {name}, which holds depth, expected a colour or grey image: "
            "give the colour camera's topic as the image and this one as depth"
        )
    nearest = difflib.get_close_matches(str(name), ENCODINGS, n=1)
    advice = f"did the driver mean {nearest[0]}? " if nearest else ""
    raise ImageError(f"image encoding is {name!r}, {advice}expected one of {', '.join(ENCODINGS)}")
