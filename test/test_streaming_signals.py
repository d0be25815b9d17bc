"""Signals by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dcfm_ros.streaming import signals
from dcfm_ros.streaming.signals import NetworkImage


def view(value: int, size: tuple[int, int] = (32, 48)) -> NetworkImage:
    return NetworkImage.of(np.full((*size, 3), value, np.uint8))


def test_luma_is_reduced_to_an_eighth_and_to_one_pixel_at_least() -> None:
    assert view(255).luma.shape == (4, 6)
    assert view(255).luma.max() == pytest.approx(1.0)
    assert view(0, (3, 5)).luma.shape == (1, 1)


def test_luma_and_input_change() -> None:
    assert signals.luma_change(view(0), view(51)) == pytest.approx(0.2)
    # A fifth of the range, over standard deviations of 0.5, 0.25 and 0.2.
    expected = (0.2 / 0.5 + 0.2 / 0.25 + 0.2 / 0.2) / 3
    assert signals.input_change(view(0), view(51), (0.5, 0.25, 0.2)) == pytest.approx(expected)


def test_correlation_ignores_brightness_and_tells_scenes_apart() -> None:
    ramp = np.tile(np.arange(0, 96, 2, dtype=np.uint8)[None, :, None], (32, 1, 3))
    one = NetworkImage.of(ramp)
    assert signals.luma_correlation(one, NetworkImage.of(ramp + 60)) == pytest.approx(1.0, abs=1e-3)
    mirrored = NetworkImage.of(np.ascontiguousarray(ramp[:, ::-1]))
    assert signals.luma_correlation(one, mirrored) == pytest.approx(-1.0, abs=1e-3)


def test_a_flat_image_is_like_another_and_unlike_a_scene() -> None:
    rows = np.tile(np.arange(32, dtype=np.uint8)[:, None, None] * 8, (1, 48, 3))
    assert signals.luma_correlation(view(9), view(9)) == 1.0
    assert signals.luma_correlation(view(0), NetworkImage.of(rows)) == 0.0


def test_boundaries_and_changes() -> None:
    labels = np.array([[0, 0, 1], [0, 0, 1]], np.uint8)
    assert signals.boundary_density(labels) == pytest.approx(0.0 + 2 / 4)
    assert signals.boundary_density(np.zeros((1, 1), np.uint8)) == 0.0
    assert signals.change(labels, np.zeros_like(labels)) == pytest.approx(2 / 6)


def test_labels_are_compared_on_some_ninety_rows() -> None:
    assert signals.coarse(np.zeros((360, 480), np.uint8)).shape == (90, 120)
    assert signals.coarse(np.zeros((1080, 1920), np.uint8)).shape == (90, 160)
    assert signals.coarse(np.zeros((7, 9), np.uint8)).shape == (7, 9)
