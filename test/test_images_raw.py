"""Raw camera images: channel order, Bayer patterns, step, byte order, and every way to be wrong."""

from __future__ import annotations

import array
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcfm_ros.images import ENCODINGS, ImageError, image_to_rgb, to_rgb

R, G, B = 200, 120, 40
BYTES_PER_PIXEL = {
    "rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1, "8UC3": 3, "8UC4": 4,
    "rgb16": 6, "bgr16": 6, "rgba16": 8, "bgra16": 8, "mono16": 2,
    "yuv422": 2, "uyvy": 2, "yuv422_yuy2": 2, "yuyv": 2, "nv12": 1, "nv21": 1,
    "bayer_rggb8": 1, "bayer_bggr8": 1, "bayer_gbrg8": 1, "bayer_grbg8": 1,
    "bayer_rggb16": 2, "bayer_bggr16": 2, "bayer_gbrg16": 2, "bayer_grbg16": 2,
}  # fmt: skip


def message(encoding: str, rows: np.ndarray, width: int, **changed: Any) -> Any:
    """An image message from (rows, step) uint8; chroma rows of NV12 and NV21 are among them."""
    height = rows.shape[0] * 2 // 3 if encoding.startswith("nv") else rows.shape[0]
    fields = {
        "height": height,
        "width": width,
        "encoding": encoding,
        "is_bigendian": 0,
        "step": rows.shape[1],
        "data": array.array("B", rows.tobytes()),
    }
    return SimpleNamespace(**{**fields, **changed})


def constant(encoding: str, height: int = 6, width: int = 8) -> Any:
    """A picture of one colour in an encoding of interleaved channels."""
    order = {"r": R, "g": G, "b": B, "a": 7}
    pixel = [order[channel] for channel in encoding if channel in order][
        : 4 if "a" in encoding else 3
    ]
    return message(encoding, np.tile(np.array(pixel, np.uint8), (height, width)), width)


def mosaic(pattern: str, height: int = 6, width: int = 8) -> np.ndarray:
    """What a Bayer sensor sees of one colour; the pattern names (0, 0), (0, 1), (1, 0), (1, 1)."""
    value = {"r": R, "g": G, "b": B}
    tile = np.array([value[letter] for letter in pattern], np.uint8).reshape(2, 2)
    return np.tile(tile, (height // 2, width // 2))


def test_every_supported_encoding_is_tested() -> None:
    assert set(ENCODINGS) == set(BYTES_PER_PIXEL)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8"])
def test_channels_come_out_in_rgb_order(encoding: str) -> None:
    rgb = image_to_rgb(constant(encoding))
    assert rgb.shape == (6, 8, 3)
    assert rgb.dtype == np.uint8
    assert (rgb == (R, G, B)).all()


@pytest.mark.parametrize(
    ("generic", "named"), [("8UC1", "mono8"), ("8UC3", "bgr8"), ("8UC4", "bgra8")]
)
def test_generic_encodings_are_read_as_opencv_orders_them(generic: str, named: str) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (4, 5 * BYTES_PER_PIXEL[named]), np.uint8)
    np.testing.assert_array_equal(
        image_to_rgb(message(generic, rows, 5)), image_to_rgb(message(named, rows, 5))
    )


def test_grey_fills_all_channels() -> None:
    rows = np.arange(12, dtype=np.uint8).reshape(3, 4)
    rgb = image_to_rgb(message("mono8", rows, 4))
    for channel in range(3):
        np.testing.assert_array_equal(rgb[:, :, channel], rows)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_pattern_is_named_from_the_top_left_pixel(pattern: str) -> None:
    """A sensor that sees one colour gives that colour back, at the border too."""
    rgb = image_to_rgb(message(f"bayer_{pattern}8", mosaic(pattern), 8))
    assert (rgb == (R, G, B)).all()


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("big", [False, True])
def test_bayer_16_bit(pattern: str, big: bool) -> None:
    wide = mosaic(pattern).astype(">u2" if big else "<u2") * 257
    wide = wide.astype(">u2" if big else "<u2")
    rows = wide.view(np.uint8).reshape(6, 16)
    rgb = image_to_rgb(message(f"bayer_{pattern}16", rows, 8, is_bigendian=int(big)))
    assert (rgb == (R, G, B)).all()


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", ["mono16", "rgb16", "bgr16", "rgba16", "bgra16"])
def test_sixteen_bits_scale_to_eight_in_either_byte_order(encoding: str, big: bool) -> None:
    channels = BYTES_PER_PIXEL[encoding] // 2
    values = np.random.default_rng(2).integers(0, 65536, (5, 7, channels))
    rows = values.astype(">u2" if big else "<u2").reshape(5, -1).view(np.uint8)
    rgb = image_to_rgb(message(encoding, rows, 7, is_bigendian=big))
    if channels == 1:
        values = np.repeat(values, 3, axis=2)
    elif encoding.startswith("bgr"):
        values = values[:, :, 2::-1]
    np.testing.assert_array_equal(rgb, np.rint(values[:, :, :3] * 255 / 65535).astype(np.uint8))


# ITU-R BT.601, studio range: (Y, U, V) of black, white, grey and the primaries.
YUV = {
    (0, 0, 0): (16, 128, 128),
    (255, 255, 255): (235, 128, 128),
    (255, 0, 0): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (0, 0, 255): (41, 240, 110),
}


def yuv_message(encoding: str, y: int, u: int, v: int) -> Any:
    """4 x 6 px of one colour."""
    if encoding in ("nv12", "nv21"):
        chroma = [u, v] if encoding == "nv12" else [v, u]
        rows = np.vstack([np.full((4, 6), y), np.tile(chroma, (2, 3))])
        return message(encoding, rows.astype(np.uint8), 6)
    pair = [u, y, v, y] if encoding in ("yuv422", "uyvy") else [y, u, y, v]
    return message(encoding, np.tile(np.array(pair, np.uint8), (4, 3)), 6)


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"])
@pytest.mark.parametrize("colour", YUV)
def test_yuv_is_studio_range_bt601(encoding: str, colour: tuple[int, int, int]) -> None:
    rgb = image_to_rgb(yuv_message(encoding, *YUV[colour]))
    assert rgb.shape == (4, 6, 3)
    assert np.abs(rgb.astype(int) - colour).max() <= 2


@settings(deadline=None)
@given(
    encoding=st.sampled_from(ENCODINGS),
    half_height=st.integers(2, 5),
    half_width=st.integers(2, 6),
    padding=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_padding_at_the_end_of_rows_is_never_seen(
    encoding: str, half_height: int, half_width: int, padding: int, seed: int
) -> None:
    """Whatever lies in the padding, the picture is that of the unpadded rows."""
    random = np.random.default_rng(seed)
    height, width = 2 * half_height, 2 * half_width
    row_count = height * 3 // 2 if encoding.startswith("nv") else height
    rows = random.integers(0, 256, (row_count, width * BYTES_PER_PIXEL[encoding]), np.uint8)
    padded = np.hstack([rows, random.integers(0, 256, (row_count, padding), np.uint8)])
    rgb = image_to_rgb(message(encoding, padded, width))
    assert rgb.shape == (height, width, 3)
    assert rgb.flags.c_contiguous
    np.testing.assert_array_equal(rgb, image_to_rgb(message(encoding, rows, width)))


@pytest.mark.parametrize(
    "container",
    [bytes, bytearray, memoryview, list, tuple, lambda data: array.array("B", data),
     lambda data: np.frombuffer(data, np.uint8), lambda data: np.frombuffer(data, np.int8)],
)  # fmt: skip
def test_data_of_any_container(container: Any) -> None:
    rows = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 15)
    rgb = image_to_rgb(message("rgb8", rows, 5, data=container(rows.tobytes())))
    np.testing.assert_array_equal(rgb, rows.reshape(2, 5, 3))


def test_data_in_a_strided_array() -> None:
    rows = np.arange(30, dtype=np.uint8).reshape(2, 15)
    sparse = np.zeros((30, 2), np.uint8)
    sparse[:, 0] = rows.reshape(-1)
    rgb = image_to_rgb(message("rgb8", rows, 5, data=sparse[:, 0]))
    np.testing.assert_array_equal(rgb, rows.reshape(2, 5, 3))


def test_unpadded_rgb_is_not_copied_and_padded_is() -> None:
    data = np.zeros(4 * 20, np.uint8)
    whole = SimpleNamespace(height=4, width=6, encoding="rgb8", is_bigendian=0, step=18, data=data)
    assert np.shares_memory(image_to_rgb(whole), data)
    whole.step = 20
    assert not np.shares_memory(image_to_rgb(whole), data)


def test_more_data_than_the_rows_need_is_ignored() -> None:
    rows = np.arange(24, dtype=np.uint8).reshape(2, 12)
    longer = rows.tobytes() + b"more"
    rgb = image_to_rgb(message("rgb8", rows, 4, data=longer))
    np.testing.assert_array_equal(rgb, rows.reshape(2, 4, 3))


def test_dispatch_by_message_type() -> None:
    assert (to_rgb(constant("bgr8")) == (R, G, B)).all()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"width": 0}, "image is 0x6 px, expected at least 1x1"),
        ({"height": 0}, "image is 8x0 px, expected at least 1x1"),
        ({"step": 23}, r"step is 23 bytes, expected at least 24 \(8 px of rgb8\)"),
        ({"step": 0}, "step is 0 bytes, expected at least 24"),
        ({"step": 25}, "image data has 144 bytes, expected 150"),
        ({"data": b""}, "image data has 0 bytes, expected 144"),
        ({"data": bytes(143)}, r"has 143 bytes, expected 144 \(6 rows of step 24\)"),
        ({"data": None}, "image data is a NoneType, expected bytes"),
        ({"data": [1, 2, 999]}, "image data is a list, expected bytes"),
        ({"encoding": "rgb9"}, r"is 'rgb9', did the driver mean rgb8.*expected one of.*nv12"),
        ({"encoding": ""}, "image encoding is '', expected one of rgb8"),
        ({"encoding": "16UC1"}, "image encoding is 16UC1, which holds depth"),
        ({"encoding": "32FC1"}, "image encoding is 32FC1, which holds depth"),
        ({"encoding": "yuyv", "width": 7}, "yuyv image is 7x6 px, expected an even size"),
        ({"encoding": "nv12", "height": 5}, "nv12 image is 8x5 px, expected an even size"),
        ({"encoding": "bayer_rggb8", "width": 2}, "_rggb8 image is 2x6 px, expected at least 3x3"),
    ],
)  # fmt: skip
def test_wrong_images_are_refused_in_one_line(changed: dict[str, Any], expected: str) -> None:
    wrong = SimpleNamespace(**{**vars(constant("rgb8")), **changed})
    with pytest.raises(ImageError, match=expected) as caught:
        image_to_rgb(wrong)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(
    height=st.integers(-2, 2**40),
    width=st.integers(-2, 2**40),
    step=st.integers(-2, 2**40),
    size=st.integers(0, 64),
    encoding=st.sampled_from([*ENCODINGS, "32SC2", "junk"]),
    big=st.booleans(),
)
def test_any_fields_give_a_picture_or_an_image_error(
    height: int, width: int, step: int, size: int, encoding: str, big: bool
) -> None:
    wild = SimpleNamespace(
        height=height, width=width, encoding=encoding, is_bigendian=big, step=step, data=bytes(size)
    )
    with suppress(ImageError):
        assert image_to_rgb(wild).shape == (height, width, 3)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [({"format": "png"}, "data"), ({"data": b"", "height": 1}, "width"), ({}, "height")],
)
def test_a_message_of_a_damaged_type_is_told(fields, missing):
    """As a recording gives it whose definition of the type was hit."""
    with pytest.raises(ImageError, match=f"the message has no {missing}, expected an Image or"):
        to_rgb(SimpleNamespace(**fields))
