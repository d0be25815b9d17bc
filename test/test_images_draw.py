"""Class colours over pictures."""

from __future__ import annotations

import numpy as np
import pytest

from dcfm_ros.images import ImageError, colorize, overlay


def palette() -> np.ndarray:
    """(256, 3) with a colour of its own for each id."""
    ids = np.arange(256)
    return np.stack([ids, 255 - ids, ids * 7 % 256], axis=1).astype(np.uint8)


def test_colorize_looks_each_id_up() -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    np.testing.assert_array_equal(colorize(labels, palette()), palette()[labels])


def test_colorize_takes_strided_input() -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)[::2, ::2]
    colours = np.hstack([palette(), palette()])[:, :3]
    np.testing.assert_array_equal(colorize(labels, colours), palette()[labels])


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, 100), (0.25, 112), (0.5, 125), (1.0, 150)])
def test_overlay_weighs_the_colours(alpha: float, expected: int) -> None:
    rgb = np.full((3, 5, 3), 100, np.uint8)
    colours = np.full((256, 3), 150, np.uint8)
    mixed = overlay(rgb, np.zeros((3, 5), np.uint8), colours, alpha)
    assert np.abs(mixed.astype(int) - expected).max() <= 1
    assert (rgb == 100).all()


def test_unlabelled_pixels_keep_the_picture() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    labels = np.zeros((4, 6), np.uint8)
    labels[1:3, 2:5] = 255
    mixed = overlay(rgb, labels, np.zeros((256, 3), np.uint8), 1.0)
    np.testing.assert_array_equal(mixed[1:3, 2:5], rgb[1:3, 2:5])
    assert not mixed[0].any()


PICTURE = np.zeros((4, 4, 3), np.uint8)
LABELS = np.zeros((4, 4), np.uint8)


@pytest.mark.parametrize(
    ("rgb", "labels", "colours", "expected"),
    [
        (LABELS, LABELS, palette(), r"picture is \(4, 4\) uint8, expected \(H, W, 3\)"),
        (PICTURE.astype(float), LABELS, palette(), r"picture is \(4, 4, 3\) float64"),
        (np.zeros((4, 5, 3), np.uint8), LABELS, palette(), "expected the same size"),
        (PICTURE, LABELS.astype(int), palette(), r"labels are \(4, 4\) int64, expected \(H, W\)"),
        (PICTURE, LABELS, palette()[:19], r"palette is \(19, 3\) uint8, expected \(256, 3\)"),
    ],
)
def test_wrong_arrays_are_refused(
    rgb: np.ndarray, labels: np.ndarray, colours: np.ndarray, expected: str
) -> None:
    with pytest.raises(ImageError, match=expected):
        overlay(rgb, labels, colours)
