"""Texture sheets: an RGB picture with opacity, reduced ahead of time for far faces."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Bytes

_MAX_LEVEL = 7


class Sheet:
    """A texture with its reduced copies, reduced independently along both axes.

    Attributes:
        rgb: (H, W, 3) uint8.
        alpha: (H, W) uint8 opacity of the colour, None where opaque all over.
        mask: (H, W) uint8, 255 where the object counts as present for label and depth. It
            may cover more than `alpha`: the sky between the twigs of a crown belongs to it.
    """

    def __init__(self, rgb: Bytes, alpha: Bytes | None = None, mask: Bytes | None = None) -> None:
        self.rgb = np.ascontiguousarray(rgb)
        self.alpha = alpha
        self.mask = alpha if mask is None else mask
        self.lacy = mask is not None
        self._levels: dict[tuple[int, int], tuple[Bytes, Bytes | None, Bytes | None]] = {}

    @property
    def height(self) -> int:
        """Rows in px."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Columns in px."""
        return int(self.rgb.shape[1])

    def level(
        self, texels_x: float, texels_y: float
    ) -> tuple[Bytes, Bytes | None, Bytes | None, float, float]:
        """Choose the reduced copy for a sampling density.

        Args:
            texels_x: texels of this sheet that one image sample steps over along x.
            texels_y: the same along y.

        Returns:
            rgb, alpha and mask of the copy and its scale (x, y) against this sheet.
        """
        i = _level_of(texels_x, self.width)
        j = _level_of(texels_y, self.height)
        if (i, j) not in self._levels:
            self._levels[i, j] = self._reduced(i, j)
        rgb, alpha, mask = self._levels[i, j]
        return rgb, alpha, mask, rgb.shape[1] / self.width, rgb.shape[0] / self.height

    def _reduced(self, i: int, j: int) -> tuple[Bytes, Bytes | None, Bytes | None]:
        size = (max(1, self.width >> i), max(1, self.height >> j))
        if (i, j) == (0, 0):
            return self.rgb, self.alpha, self.mask
        alpha = None if self.alpha is None else _area(self.alpha, size)
        mask = alpha if self.mask is self.alpha else None
        if self.lacy and self.mask is not None:
            mask = _area(self.mask, size)
        return _area(self.rgb, size), alpha, mask


def _level_of(texels: float, extent: int) -> int:
    if texels <= 1.0:
        return 0
    return int(min(_MAX_LEVEL, np.floor(np.log2(texels) + 0.3), np.log2(max(extent, 1))))


def _area(image: Bytes, size: tuple[int, int]) -> Bytes:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def bleed(rgb: Bytes, alpha: Bytes) -> Bytes:
    """Fill the colour of transparent texels from their neighbours, so that edges stay clean."""
    filled = rgb.copy()
    known = (alpha > 0).astype(np.float32)
    weight = cv2.blur(known, (31, 31))
    spread = cv2.blur(rgb.astype(np.float32) * known[..., None], (31, 31))
    near = (known == 0) & (weight > 0)
    filled[near] = (spread[near] / weight[near][:, None]).astype(np.uint8)
    if known.any():
        filled[(known == 0) & (weight <= 0)] = rgb[known > 0].mean(axis=0).astype(np.uint8)
    return filled
