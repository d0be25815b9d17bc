"""Compressed camera images: what the file says, against what the message claims."""

from __future__ import annotations

import array
import struct
import zlib
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcfm_ros.images import (
    ImageError,
    compressed_to_rgb,
    labels_to_png,
    rgb_to_jpeg,
    rgb_to_png,
    to_rgb,
)


def message(data: bytes, kind: str = "png") -> Any:
    """A CompressedImage as rclpy holds it."""
    return SimpleNamespace(format=kind, data=array.array("B", data))


def encoded(extension: str, image: np.ndarray, *options: int) -> bytes:
    """A file written by OpenCV, channels in BGR order."""
    return cv2.imencode(extension, image, list(options))[1].tobytes()


def picture(height: int = 24, width: int = 40) -> np.ndarray:
    """A smooth RGB picture in which red, green and blue differ everywhere."""
    v, u = np.mgrid[0:height, 0:width]
    return np.dstack([u * 5, v * 9, 255 - u * 3]).astype(np.uint8)


def test_png_comes_back_as_it_was() -> None:
    rgb = picture()
    np.testing.assert_array_equal(compressed_to_rgb(message(rgb_to_png(rgb))), rgb)


@pytest.mark.parametrize(
    "kind", ["jpeg", "rgb8; jpeg compressed bgr8", "bgr8; jpeg compressed ", ""]
)
def test_jpeg_colours_are_those_of_the_file(kind: str) -> None:
    rgb = picture()
    decoded = compressed_to_rgb(message(rgb_to_jpeg(rgb, 98), kind))
    assert decoded.shape == rgb.shape
    assert np.abs(decoded.astype(int) - rgb).mean() < 4


def test_jpeg_quality_trades_size() -> None:
    assert len(rgb_to_jpeg(picture(), 30)) < len(rgb_to_jpeg(picture(), 95))


def test_grey_files_fill_all_channels() -> None:
    grey = picture()[:, :, 0]
    decoded = to_rgb(message(encoded(".png", grey), "mono8; png compressed "))
    np.testing.assert_array_equal(decoded, np.dstack([grey] * 3))


def test_alpha_is_dropped() -> None:
    bgra = np.dstack([picture()[:, :, ::-1], np.full((24, 40), 9, np.uint8)])
    np.testing.assert_array_equal(compressed_to_rgb(message(encoded(".png", bgra))), picture())


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_png_scales_to_eight(channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (6, 9, channels)).astype(np.uint16)
    decoded = compressed_to_rgb(message(encoded(".png", values), "bgr16; png compressed bgr16"))
    expected = np.rint(values * (255 / 65535)).astype(np.uint8)
    expected = np.repeat(expected, 3, axis=2) if channels == 1 else expected[:, :, ::-1]
    np.testing.assert_array_equal(decoded, expected)


def test_exif_rotation_is_ignored() -> None:
    """The camera's geometry, and with it camera_info, is that of the sensor."""
    jpeg = rgb_to_jpeg(picture(24, 40))
    turned = struct.pack(">2sHI", b"MM", 42, 8) + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    body = b"Exif\0\0" + turned
    with_exif = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(with_exif, np.uint8), cv2.IMREAD_COLOR).shape == (40, 24, 3)
    np.testing.assert_array_equal(
        compressed_to_rgb(message(with_exif, "jpeg")), compressed_to_rgb(message(jpeg, "jpeg"))
    )


@pytest.mark.parametrize("depth", [8, 16])
def test_compressed_bayer_mosaic_is_interpolated(depth: int) -> None:
    """image_transport compresses a Bayer image as grey and names its pattern in the format."""
    mosaic = np.tile(np.array([[200, 120], [120, 40]]), (4, 5))
    mosaic = mosaic.astype(np.uint8) if depth == 8 else (mosaic * 257).astype(np.uint16)
    kind = f"bayer_rggb{depth}; png compressed "
    decoded = compressed_to_rgb(message(encoded(".png", mosaic), kind))
    assert (decoded == (200, 120, 40)).all()


def test_bayer_format_around_a_colour_file_is_colour() -> None:
    """Newer image_transport interpolates before it compresses."""
    kind = "bayer_rggb8; jpeg compressed bgr8"
    np.testing.assert_array_equal(
        compressed_to_rgb(message(rgb_to_png(picture()), kind)), picture()
    )


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        (b"", "jpeg", r"has no data \(format 'jpeg'\), expected a JPEG or PNG file"),
        (b"hello, I am no picture", "jpeg",
         r"of 22 bytes \(format 'jpeg', starts 68 65 6c 6c 6f 2c 20 49\) does not decode"),
        (rgb_to_png(picture())[:200], "png", "is cut short, expected a whole file"),
        (rgb_to_png(picture())[:-1], "png", "is cut short, expected a whole file"),
        (rgb_to_jpeg(picture())[:300], "jpeg", "is cut short, expected a whole file"),
        (rgb_to_png(picture()), "16UC1; compressedDepth png", "holds depth, expected a picture"),
        (rgb_to_png(picture()), "16UC1; png compressed ", "which holds depth, expected a picture"),
        (rgb_to_png(picture()), "32FC1; compressedDepth", "which holds depth, expected a picture"),
        (encoded(".tiff", picture().astype(np.float32)), "tiff",
         "holds float32 values .*expected 8 or 16 bit integers"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_one_line(data: bytes, kind: str, expected: str) -> None:
    with pytest.raises(ImageError, match=expected) as caught:
        compressed_to_rgb(message(data, kind))
    assert "\n" not in str(caught.value)


def with_thumbnail(jpeg: bytes) -> bytes:
    """The file with a small one in its header, as cameras write it (EXIF, APP1)."""
    thumbnail = b"Exif\0\0" + rgb_to_jpeg(picture(8, 8))
    header = b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    return jpeg[:2] + header + jpeg[2:]


@pytest.mark.parametrize("progressive", [0, 1])
def test_the_end_of_a_thumbnail_is_not_that_of_the_picture(progressive: int) -> None:
    options = (cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, 1)
    whole = with_thumbnail(encoded(".jpg", picture(), *options))
    assert compressed_to_rgb(message(whole, "jpeg")).shape == (24, 40, 3)
    assert compressed_to_rgb(message(whole + b"padding", "jpeg")).shape == (24, 40, 3)
    for kept in (len(whole) - 1, len(whole) - 2, len(whole) * 3 // 4):
        with pytest.raises(ImageError, match="is cut short"):
            compressed_to_rgb(message(whole[:kept], "jpeg"))


@settings(deadline=None)
@given(st.binary(max_size=64), st.sampled_from(["jpeg", "png", "bayer_rggb8; png", "; ;"]))
def test_any_bytes_give_a_picture_or_an_image_error(data: bytes, kind: str) -> None:
    with suppress(ImageError):
        assert compressed_to_rgb(message(data, kind)).ndim == 3


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_gives_a_picture_or_an_image_error(position: int, value: int) -> None:
    data = bytearray(rgb_to_png(picture(5, 7)))
    data[position % len(data)] = value
    with suppress(ImageError):
        assert compressed_to_rgb(message(bytes(data))).shape[2] == 3


def test_a_file_that_claims_more_pixels_than_opencv_takes_is_refused() -> None:
    data = bytearray(rgb_to_png(picture()))
    data[16:24] = struct.pack(">II", 40_000, 40_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(ImageError, match=r"does not decode \(.*\), expected a JPEG"):
        compressed_to_rgb(message(bytes(data)))


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        (np.zeros((1, 70_000, 3), np.uint8), r"\(1, 70000, 3\) is too large to be written as .jpg"),
        (np.zeros((0, 4, 3), np.uint8), r"picture is \(0, 4, 3\) uint8, expected \(H, W, 3\)"),
        (np.zeros((4, 4), np.uint8), r"picture is \(4, 4\) uint8, expected"),
        (np.zeros((4, 4, 3)), r"picture is \(4, 4, 3\) float64, expected"),
    ],
)
def test_what_cannot_be_a_jpeg_is_refused(rgb: np.ndarray, expected: str) -> None:
    with pytest.raises(ImageError, match=expected):
        rgb_to_jpeg(rgb)


def test_labels_are_the_only_thing_labels_to_png_takes() -> None:
    with pytest.raises(
        ImageError, match=r"labels are \(24, 40, 3\) uint8, expected \(H, W\) uint8"
    ):
        labels_to_png(picture())
    with pytest.raises(ImageError, match="float64"):
        labels_to_png(np.zeros((2, 2)))
