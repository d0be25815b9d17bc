"""One augmentation for both frames of a pair: the same geometry, photometric jitter as an option."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.network.labels import UNLABELLED
from dcfm_ros.settings import check, option

Image = NDArray[np.uint8]

_FILL = (124, 116, 104)  # the mean colour that the normalisation subtracts


@dataclass(frozen=True)
class AugmentSettings:
    """How far training images may differ from the recorded ones."""

    crop_height: int = option(256, "Height of the crop in px.", low=32, high=4096)
    crop_width: int = option(320, "Width of the crop in px.", low=32, high=4096)
    min_scale: float = option(0.6, "Smallest zoom of the image.", low=0.1, high=4.0)
    max_scale: float = option(1.8, "Largest zoom of the image.", low=0.1, high=4.0)
    rotation_deg: float = option(6.0, "Largest rotation either way.", low=0.0, high=45.0)
    jitter: float = option(
        0.3, "Brightness, contrast and saturation vary by up to this share.", low=0.0, high=0.9
    )
    neighbour_jitter: float = option(
        0.05, "Further jitter of the neighbour alone.", low=0.0, high=0.9
    )

    def __post_init__(self) -> None:
        check(self)


def augment_pair(
    labelled: Image,
    labels: Image,
    neighbour: Image | None,
    settings: AugmentSettings,
    rng: np.random.Generator,
) -> tuple[Image, Image, Image | None]:
    """Zoom, rotate, flip, crop and recolour.

    Args:
        labelled: (H, W, 3) RGB.
        labels: (H, W) class ids.
        neighbour: (H, W, 3) RGB or None.

    Returns:
        The same three at the crop size; 255 in the labels outside of the image.
    """
    matrix = _geometry(labelled.shape[:2], settings, rng)
    size = (settings.crop_width, settings.crop_height)

    def warp(image: Image, interpolation: int, fill: tuple[int, ...]) -> Image:
        return cv2.warpAffine(image, matrix, size, flags=interpolation, borderValue=fill)

    labels = warp(labels, cv2.INTER_NEAREST, (UNLABELLED,))
    colors = _Colors.draw(settings.jitter, rng)
    labelled = colors.apply(warp(labelled, cv2.INTER_LINEAR, _FILL))
    if neighbour is not None:
        own = _Colors.draw(settings.neighbour_jitter, rng)
        neighbour = own.apply(colors.apply(warp(neighbour, cv2.INTER_LINEAR, _FILL)))
    return labelled, labels, neighbour


def _geometry(
    size: tuple[int, ...], settings: AugmentSettings, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(2, 3) affine matrix from image to crop, px."""
    height, width = size
    low, high = np.log(settings.min_scale), np.log(settings.max_scale)
    scale = float(np.exp(rng.uniform(low, high)))
    angle = rng.uniform(-settings.rotation_deg, settings.rotation_deg)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)
    # The zoomed image's centre lies at (width / 2, height / 2); move a random window of it to the origin.
    for axis, extent, crop in ((0, width, settings.crop_width), (1, height, settings.crop_height)):
        spare = extent * scale - crop
        start = extent / 2 - extent * scale / 2
        offset = rng.uniform(0, spare) if spare > 0 else spare / 2
        matrix[axis, 2] -= start + offset
    return np.asarray(matrix, np.float64)


@dataclass(frozen=True)
class _Colors:
    gain: float
    bias: float
    saturation: float
    gamma: float

    @classmethod
    def draw(cls, strength: float, rng: np.random.Generator) -> _Colors:
        gain, saturation, gamma = np.exp(rng.uniform(-strength, strength, 3))
        return cls(gain, rng.uniform(-strength, strength) * 60, saturation, gamma)

    def apply(self, rgb: Image) -> Image:
        levels = np.arange(256) / 255.0
        curve = 255.0 * np.power(levels, self.gamma) * self.gain + self.bias
        toned = cv2.LUT(rgb, np.clip(curve, 0, 255).astype(np.uint8))
        grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        mixed = cv2.addWeighted(toned, self.saturation, grey, 1.0 - self.saturation, 0.0)
        return np.asarray(mixed, np.uint8)
