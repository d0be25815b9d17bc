"""Depth as drivers send it: millimetres or metres, either byte order, padded rows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dcfm_ros.errors import ImageError
from dcfm_ros.images.depth import image_to_depth

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
