"""Depth as drivers send it: millimetres or metres, either byte order, padded rows."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dcfm_ros.errors import ImageError
from dcfm_ros.images.depth import compressed_depth_to_depth, image_to_depth, to_depth, unpack_rvl

MILLIMETRES = np.array([[0, 1500, 65535], [12, 13, 14]], np.uint16)
METRES = np.array([[np.nan, 1.5, np.inf], [0.25, 3.0, 4.0]], np.float32)


def message(pixels: np.ndarray, encoding: str, *, big: bool = False, padding: int = 0):
    rows = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<"))
    data = b"".join(row.tobytes() + bytes(padding) for row in rows)
    height, width = pixels.shape
    step = width * pixels.itemsize + padding
    return SimpleNamespace(
        height=height, width=width, encoding=encoding, is_bigendian=int(big), step=step, data=data
    )


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("pixels", "encoding"), [(MILLIMETRES, "16UC1"), (MILLIMETRES, "mono16"), (METRES, "32FC1")]
)
def test_depth_comes_as_it_was_measured(pixels, encoding, big):
    found = image_to_depth(message(pixels, encoding, big=big, padding=4))
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(found, pixels)


def test_what_is_no_depth_is_refused():
    with pytest.raises(ImageError, match="depth image has encoding 'rgb8', expected 16UC1 in mm"):
        image_to_depth(message(MILLIMETRES, "rgb8"))
    short = message(METRES, "32FC1")
    short.data = short.data[:-1]
    with pytest.raises(ImageError, match="cut short"):
        image_to_depth(short)


# --- packed ------------------------------------------------------------------------------------

HEADER = struct.pack("<iff", 0, 1000.0, 0.5)
"""Inverse quantisation: depth in m = 1000 / (stored - 0.5)."""


def packed(kind: str, data: bytes) -> SimpleNamespace:
    """A CompressedImage."""
    return SimpleNamespace(format=kind, data=np.frombuffer(data, np.uint8))


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def rvl(pixels: np.ndarray) -> bytes:
    """The packer of the paper, a number at a time."""
    nibbles: list[int] = []

    def put(number: int) -> None:
        while number > 7:
            nibbles.append(number & 7 | 8)
            number >>= 3
        nibbles.append(number)

    values, at, last = pixels.reshape(-1).tolist(), 0, 0
    while at < len(values):
        known = at
        while known < len(values) and not values[known]:
            known += 1
        end = known
        while end < len(values) and values[end]:
            end += 1
        put(known - at)
        put(end - known)
        for value in values[known:end]:
            put((value - last) << 1 if value >= last else ((last - value) << 1) - 1)
            last = value
        at = end
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        int("".join(f"{n:x}" for n in nibbles[i : i + 8]), 16) for i in range(0, len(nibbles), 8)
    ]
    size = struct.pack("<II", pixels.shape[1], pixels.shape[0])
    return size + struct.pack(f"<{len(words)}I", *words)


def scene(seed: int = 0) -> np.ndarray:
    """Depth with holes, steps and noise, as a camera gives it."""
    rng = np.random.default_rng(seed)
    depth = rng.integers(300, 65536, (7, 9)).repeat(5, 0).repeat(8, 1).astype(np.uint16)
    depth[rng.random(depth.shape) < 0.3] = 0
    depth[10:20] = 0
    return depth


def test_rvl_by_hand():
    """0 5 7 0: one unknown, two known, +5 (10), +2 (4), one unknown, none known."""
    data = struct.pack("<III", 2, 2, 0x12A14100)
    np.testing.assert_array_equal(unpack_rvl(np.frombuffer(data, np.uint8)), [[0, 5], [7, 0]])
    assert rvl(np.array([[0, 5], [7, 0]])) == data


@pytest.mark.parametrize("pixels", [scene(), np.zeros((3, 5), np.uint16), np.full((1, 1), 65535)])
def test_rvl_gives_back_what_was_packed(pixels):
    np.testing.assert_array_equal(unpack_rvl(np.frombuffer(rvl(pixels), np.uint8)), pixels)


@pytest.mark.parametrize(
    ("kind", "pack"),
    [
        ("16UC1; compressedDepth png", png),
        ("16UC1; compressedDepth", png),
        ("16UC1; compressedDepth rvl", rvl),
        ("16UC1; compressedDepth RVL", rvl),
    ],
)
def test_millimetres_come_as_they_were_packed(kind, pack):
    message = packed(kind, HEADER + pack(scene()))
    for found in (compressed_depth_to_depth(message), to_depth(message)):
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, scene())


@pytest.mark.parametrize(("kind", "pack"), [("png", png), ("rvl", rvl)])
def test_metres_are_quantised_inversely(kind, pack):
    """Stored 500 is 1000 / 499.5 m; 0 is unknown."""
    stored = np.array([[500, 0, 200]], np.uint16)
    found = to_depth(packed(f"32FC1; compressedDepth {kind}", HEADER + pack(stored)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[1000 / 499.5, np.nan, 1000 / 199.5]], rtol=1e-6)


def test_a_png_of_millimetres_alone():
    found = to_depth(packed("16UC1; png compressed ", png(scene())))
    np.testing.assert_array_equal(found, scene())


def test_raw_depth_by_either_function():
    np.testing.assert_array_equal(to_depth(message(METRES, "32FC1")), METRES)


@pytest.mark.parametrize("end", range(0, 90, 7))
@pytest.mark.parametrize(("kind", "pack"), [("png", png), ("rvl", rvl)])
def test_packed_depth_cut_short_is_refused(kind, pack, end):
    data = (HEADER + pack(scene()))[:end]
    with pytest.raises(ImageError, match=r"cut short|no data|of 2 bytes .* does not decode"):
        to_depth(packed(f"16UC1; compressedDepth {kind}", data))


def test_what_packs_no_depth_is_refused():
    picture = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ImageError, match=r"holds 3 channels of uint8 .*expected one of 16 bit"):
        to_depth(packed("bgr8; jpeg compressed bgr8", png(picture)))
    with pytest.raises(ImageError, match="holds 1 channels of uint8"):
        to_depth(packed("mono8; png compressed", png(picture[..., 0])))
    with pytest.raises(ImageError, match="does not decode"):
        to_depth(packed("16UC1; compressedDepth zstd", HEADER + b"(\xb5/\xfd" + bytes(50)))
    with pytest.raises(ImageError, match="says it is 0x4294967295 px"):
        to_depth(packed("16UC1; compressedDepth rvl", HEADER + struct.pack("<II", 0, 2**32 - 1)))
