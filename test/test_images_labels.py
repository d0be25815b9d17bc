"""Label images: ids survive whatever way they were stored."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcfm_ros.images import (
    ImageError,
    compressed_to_labels,
    image_to_labels,
    labels_to_png,
    rgb_to_jpeg,
    rgb_to_png,
    to_labels,
)


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(ids: np.ndarray, bits: int, colour_type: int, *extra: bytes) -> bytes:
    """A PNG written by hand: `bits` per value, chunks `extra` before the pixels."""
    height, width = ids.shape
    places = np.arange(bits - 1, -1, -1)
    rows = ((ids[:, :, None] >> places) & 1).reshape(height, -1).astype(np.uint8)
    packed = np.packbits(rows, axis=1)
    lines = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def compressed(data: bytes, kind: str = "png") -> Any:
    """A CompressedImage."""
    return SimpleNamespace(format=kind, data=data)


def raw(encoding: str, values: np.ndarray, **changed: Any) -> Any:
    """An Image of one value per pixel."""
    fields = {
        "height": values.shape[0],
        "width": values.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": values.shape[1] * values.itemsize,
        "data": values.tobytes(),
    }
    return SimpleNamespace(**{**fields, **changed})


def ids_below(limit: int, height: int = 5, width: int = 7) -> np.ndarray:
    """(H, W) uint8 with every id below the limit, and the highest."""
    ids = np.arange(height * width, dtype=np.int64).reshape(height, width) * 37 % limit
    ids[0, 0] = limit - 1
    return ids.astype(np.uint8)


@settings(deadline=None)
@given(
    bits=st.sampled_from([1, 2, 4, 8]),
    indexed=st.booleans(),
    height=st.integers(1, 6),
    width=st.integers(1, 9),
    transparent=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_png_values_come_out_as_stored(
    bits: int, indexed: bool, height: int, width: int, transparent: bool, seed: int
) -> None:
    """Palette or grey, packed or not, transparent or not: never a colour, never scaled."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, 2**bits, (height, width)).astype(np.uint8)
    extra = []
    if indexed:
        extra.append(
            chunk(b"PLTE", random.integers(0, 256, 3 * 2**bits).astype(np.uint8).tobytes())
        )
    if transparent:
        extra.append(
            chunk(b"tRNS", bytes(2**bits) if indexed else struct.pack(">H", int(ids[0, 0])))
        )
    labels = compressed_to_labels(compressed(png(ids, bits, 3 if indexed else 0, *extra)))
    assert labels.dtype == np.uint8
    assert labels.flags.c_contiguous
    np.testing.assert_array_equal(labels, ids)


def test_opencv_alone_would_return_the_palette() -> None:
    """Why the file is rewritten before it is decoded."""
    ids = ids_below(12)
    colours = chunk(b"PLTE", np.arange(768).astype(np.uint8)[::-1].tobytes())
    data = np.frombuffer(png(ids, 8, 3, colours), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_UNCHANGED).ndim == 3
    assert not np.array_equal(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), ids)


def test_labels_round_trip() -> None:
    ids = ids_below(256, 30, 17)
    np.testing.assert_array_equal(to_labels(compressed(labels_to_png(ids))), ids)


def test_sixteen_bit_png_of_small_ids() -> None:
    ids = ids_below(200)
    data = cv2.imencode(".png", ids.astype(np.uint16))[1].tobytes()
    np.testing.assert_array_equal(compressed_to_labels(compressed(data)), ids)


def test_other_lossless_files() -> None:
    ids = ids_below(200)
    data = cv2.imencode(".tiff", ids)[1].tobytes()
    np.testing.assert_array_equal(compressed_to_labels(compressed(data, "tiff")), ids)


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("mono8", "u1"), ("8UC1", "u1"), ("mono16", "<u2"), ("16UC1", "<u2"), ("32SC1", "<i4")],
)
def test_raw_labels(encoding: str, kind: str) -> None:
    ids = ids_below(256)
    np.testing.assert_array_equal(to_labels(raw(encoding, ids.astype(kind))), ids)


def test_big_endian_raw_labels() -> None:
    ids = ids_below(256)
    labels = image_to_labels(raw("mono16", ids.astype(">u2"), is_bigendian=1))
    np.testing.assert_array_equal(labels, ids)


def test_padded_raw_labels() -> None:
    ids = ids_below(100)
    padded = np.hstack([ids, np.full((5, 3), 255, np.uint8)])
    labels = image_to_labels(raw("mono8", padded, width=7))
    np.testing.assert_array_equal(labels, ids)
    assert labels.flags.c_contiguous


def test_real_camvid_palette_png_equals_its_decoding_by_pillow(shared_dir: Path) -> None:
    """An independent decoder, which gives palette indices by itself."""
    image = pytest.importorskip("PIL.Image")
    files = sorted((shared_dir / "data/camvid/valannot").glob("*.png"))[:5]
    assert files
    for path in files:
        labels = compressed_to_labels(compressed(path.read_bytes()))
        np.testing.assert_array_equal(labels, np.asarray(image.open(path)))
        assert labels.max() <= 11


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (raw("rgb8", np.zeros((2, 6), np.uint8), width=2), "has encoding 'rgb8', expected one id"),
        (raw("mono16", np.full((2, 2), 256, np.uint16)), "uint16 values 256 to 256, expected"),
        (raw("32SC1", np.full((2, 2), -1, np.int32)), "int32 values -1 to -1, expected class"),
        (raw("mono8", np.zeros((2, 2), np.uint8), data=b"1"), "image data has 1 bytes, expected 4"),
        (raw("mono8", np.zeros((2, 0), np.uint8)), "image is 0x2 px"),
        (compressed(rgb_to_jpeg(np.zeros((8, 8, 3), np.uint8)), "jpeg"), "JPEG, whose compression"),
        (compressed(rgb_to_png(np.zeros((8, 8, 3), np.uint8))), "label image has 3 channels"),
        (compressed(cv2.imencode(".tiff", np.ones((4, 4), np.float32))[1]), "float32 values 1.0"),
        (compressed(b""), "compressed image has no data"),
        (compressed(b"nonsense"), "does not decode"),
        (compressed(labels_to_png(ids_below(9))[:60]), "is cut short"),
        (compressed(b"\x89PNG\r\n\x1a\n"), "is cut short"),
    ],
)  # fmt: skip
def test_what_holds_no_ids_is_refused_in_one_line(message: Any, expected: str) -> None:
    with pytest.raises(ImageError, match=expected) as caught:
        to_labels(message)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_gives_labels_or_an_image_error(position: int, value: int) -> None:
    palette = chunk(b"PLTE", bytes(768))
    data = bytearray(png(ids_below(12), 8, 3, palette))
    data[position % len(data)] = value
    with suppress(ImageError):
        assert compressed_to_labels(compressed(bytes(data))).ndim == 2
