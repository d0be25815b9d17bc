"""One augmentation for both frames of a pair: the same geometry, optional colour jitter.

And before it, for frames that stand alone, things pasted from another frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import SettingsError
from dcfm_ros.network.labels import UNLABELLED
from dcfm_ros.settings import check, option

Image = NDArray[np.uint8]

_FILL = (124, 116, 104)  # the mean colour that the normalisation subtracts


@dataclass(frozen=True)
class AugmentSettings:
    """How far training images may differ from the recorded ones."""

    crop_height: int = option(256, "Height of the crop, px.", low=32, high=4096)
    crop_width: int = option(320, "Width of the crop, px.", low=32, high=4096)
    scaled: str = option(
        "image",
        "What the scale applies to: the whole image, of which the crop is cut, or the window that "
        "is cut from the image and then resized to the crop.",
        choices=("image", "window"),
    )
    min_scale: float = option(0.6, "Smallest scale.", low=0.1, high=8.0)
    max_scale: float = option(1.8, "Largest scale.", low=0.1, high=8.0)
    rotation_deg: float = option(6.0, "Largest rotation either way.", low=0.0, high=45.0)
    jitter: float = option(
        0.0,
        "Brightness, contrast and saturation vary by up to this share, alike in both frames.",
        low=0.0,
        high=0.9,
    )
    labelled_jitter: float = option(
        0.0, "Further jitter of the labelled frame alone.", low=0.0, high=0.9
    )
    neighbour_jitter: float = option(
        0.0, "Further jitter of the neighbour alone.", low=0.0, high=0.9
    )
    hue: float = option(
        0.0, "Hue varies by this share of the jitter; 1 turns jitter 0.5 into all colours.",
        low=0.0, high=1.0,
    )  # fmt: skip

    paste: float = option(
        0.0,
        "Into this share of the frames, things of another labelled frame are pasted where they "
        "stand there; not into frames that have recorded neighbours.",
        low=0.0,
        high=1.0,
    )
    paste_below: float = option(
        0.03,
        "What is pasted: the classes that cover less than this share of their frame, each with "
        "probability one half.",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.min_scale > self.max_scale:
            raise SettingsError(
                f"augment.min_scale is {self.min_scale}, expected at most augment.max_scale "
                f"({self.max_scale})"
            )


def paste_things(
    target: tuple[Image, Image], donor: tuple[Image, Image], below: float, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Paste half of the donor's rare classes, mirrored or not, at the same place.

    One camera sees things of a class at alike heights and sizes, so they land where such things
    are (as ClassMix, Olsson et al., WACV 2021, but of rare classes alone: they lack examples).

    Args:
        target: (H, W, 3) RGB and (H, W) class ids.
        donor: the same of another frame; resized if its size differs.
        below: a class is rare if it covers less than this share of the donor.
    """
    rgb, labels = donor
    if rng.random() < 0.5:
        rgb, labels = rgb[:, ::-1], labels[:, ::-1]
    height, width = target[1].shape
    if labels.shape != (height, width):
        size = (width, height)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    counts = np.bincount(labels.ravel(), minlength=256)[:UNLABELLED]
    rare = np.flatnonzero((counts > 0) & (counts < below * labels.size))
    chosen = np.isin(labels, rare[rng.random(len(rare)) < 0.5])
    return np.where(chosen[..., None], rgb, target[0]), np.where(chosen, labels, target[1])


def augment_pair(
    labelled: Image,
    labels: Image,
    neighbour: Image | None,
    settings: AugmentSettings,
    rng: np.random.Generator,
) -> tuple[Image, Image, Image | None]:
    """Scale, rotate, flip, crop and recolour.

    Args:
        labelled: (H, W, 3) RGB.
        labels: (H, W) class ids.
        neighbour: (H, W, 3) RGB, where there is one.

    Returns:
        The same three at the crop size; 255 in the labels outside of the image.
    """
    matrix = _geometry(labelled.shape[:2], settings, rng)
    size = (settings.crop_width, settings.crop_height)

    def warp(image: Image, interpolation: int, fill: tuple[int, ...]) -> Image:
        warped = cv2.warpAffine(image, matrix, size, flags=interpolation, borderValue=fill)
        return np.asarray(warped, np.uint8)

    labels = warp(labels, cv2.INTER_NEAREST, (UNLABELLED,))
    both, first, second = (
        _Colors.draw(strength, settings.hue, rng)
        for strength in (settings.jitter, settings.labelled_jitter, settings.neighbour_jitter)
    )
    labelled = first.apply(both.apply(warp(labelled, cv2.INTER_LINEAR, _FILL)))
    if neighbour is not None:
        neighbour = second.apply(both.apply(warp(neighbour, cv2.INTER_LINEAR, _FILL)))
    return labelled, labels, neighbour


def _geometry(
    size: tuple[int, ...], settings: AugmentSettings, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(2, 3) affine matrix from image to crop, px."""
    height, width = size
    scale = float(rng.uniform(settings.min_scale, settings.max_scale))
    if settings.scaled == "window":
        scale = 1.0 / scale
    angle = rng.uniform(-settings.rotation_deg, settings.rotation_deg)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)
    # The scaled image's centre lies at (width / 2, height / 2); move a random window to the origin.
    for axis, extent, crop in ((0, width, settings.crop_width), (1, height, settings.crop_height)):
        spare = extent * scale - crop
        start = extent / 2 - extent * scale / 2
        offset = rng.uniform(0, spare) if spare > 0 else spare / 2
        matrix[axis, 2] -= start + offset
    return np.asarray(matrix, np.float64)


@dataclass(frozen=True)
class _Colors:
    """Factors of brightness, contrast and saturation, and a turn of the hue in units of 2°."""

    brightness: float
    contrast: float
    saturation: float
    hue: int

    @classmethod
    def draw(cls, strength: float, hue: float, rng: np.random.Generator) -> _Colors:
        brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
        turn = rng.uniform(-strength, strength) * hue
        return cls(brightness, contrast, saturation, round(180 * turn))

    def apply(self, rgb: Image) -> Image:
        if (self.brightness, self.contrast, self.saturation, self.hue) == (1, 1, 1, 0):
            return rgb
        levels = np.clip(np.arange(256) * self.brightness, 0, 255)
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        mean = levels[grey].mean()
        curve = np.clip(mean + (levels - mean) * self.contrast, 0, 255)
        toned = cv2.LUT(rgb, curve.astype(np.uint8))
        grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        mixed = cv2.addWeighted(toned, self.saturation, grey, 1.0 - self.saturation, 0.0)
        if self.hue:
            hsv = cv2.cvtColor(mixed, cv2.COLOR_RGB2HSV)
            hsv[..., 0] = (hsv[..., 0].astype(np.int16) + self.hue) % 180
            mixed = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        return np.asarray(mixed, np.uint8)
