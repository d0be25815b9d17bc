"""Texture sheets: a picture with opacity, reduced ahead of time for far faces."""

from __future__ import annotations

import math

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Bytes

_MAX_LEVEL = 7


class Sheet:
    """A texture with its reduced copies, reduced independently along both axes.

    Attributes:
        rgba: (H, W, 4) uint8; where alpha is 0 the colour still matters to its neighbours.
        opaque: whether alpha is 255 all over.
        mask: (H, W) uint8, 255 where the object counts as present for label and depth, if that is
            not where its colour is: the sky between the twigs of a crown belongs to the crown.
    """

    def __init__(self, rgb: Bytes, alpha: Bytes | None = None, mask: Bytes | None = None) -> None:
        self.opaque = alpha is None
        self.rgba: Bytes = np.empty((*rgb.shape[:2], 4), np.uint8)
        self.rgba[..., :3] = rgb
        self.rgba[..., 3] = 255 if alpha is None else alpha
        self.mask = mask
        self._levels: dict[tuple[int, int], tuple[Bytes, Bytes | None]] = {}

    @property
    def height(self) -> int:
        """Rows in px."""
        return int(self.rgba.shape[0])

    @property
    def width(self) -> int:
        """Columns in px."""
        return int(self.rgba.shape[1])

    def level(self, texels_x: float, texels_y: float) -> tuple[Bytes, Bytes | None]:
        """Choose the reduced copy for a sampling density.

        Args:
            texels_x: texels of this sheet that one image sample steps over along x.
            texels_y: the same along y.

        Returns:
            rgba and mask of the copy.
        """
        key = (_level_of(texels_x, self.width), _level_of(texels_y, self.height))
        found = self._levels.get(key)
        if found is None:
            found = self._levels[key] = self._reduced(*key)
        return found

    def _reduced(self, i: int, j: int) -> tuple[Bytes, Bytes | None]:
        if (i, j) == (0, 0):
            return self.rgba, self.mask
        finer = (i - 1, j) if i >= j else (i, j - 1)
        if finer not in self._levels:
            self._levels[finer] = self._reduced(*finer)
        rgba, mask = self._levels[finer]
        size = (max(1, self.width >> i), max(1, self.height >> j))
        return _area(rgba, size), None if mask is None else _area(mask, size)


def _level_of(texels: float, extent: int) -> int:
    if texels <= 1.0:
        return 0
    return min(_MAX_LEVEL, int(math.log2(texels) + 0.3), extent.bit_length() - 1)


def _area(image: Bytes, size: tuple[int, int]) -> Bytes:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
