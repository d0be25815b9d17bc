"""From a camera's image to what the network is given: its size, and normalised colours."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MULTIPLE = 8
"""Sides derived from the image's aspect are multiples of this, in px."""


def network_size(
    image_size: tuple[int, int], training_size: tuple[int, int], requested: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """Choose (height, width) in px for an image.

    Sides that are requested are taken as they are. With neither, the image's aspect decides at the
    area of the training size, so that the cost does not depend on the camera; with one, the aspect
    gives the other.

    Args:
        image_size: (height, width) of the camera image.
        training_size: (height, width) that the network was trained with.
        requested: (height, width), 0 where nothing is requested.
    """
    height, width = requested
    aspect = image_size[1] / image_size[0]
    if height and width:
        return height, width
    if height:
        return height, _side(height * aspect)
    if width:
        return _side(width / aspect), width
    if math.isclose(aspect, training_size[1] / training_size[0], rel_tol=0.01):
        return training_size
    area = training_size[0] * training_size[1]
    return _side(math.sqrt(area / aspect)), _side(math.sqrt(area * aspect))


def _side(length: float) -> int:
    return max(MULTIPLE, round(length / MULTIPLE) * MULTIPLE)


def resized(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 -> (h, w, 3) uint8, C-contiguous.

    Args:
        size: (h, w) that the network sees, in px.
    """
    height, width = size
    if rgb.shape[:2] == (height, width):
        return np.ascontiguousarray(rgb)
    shrinks = height * width < rgb.shape[0] * rgb.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=how), np.uint8)


class Normalizer:
    """Takes pictures to the device, and to the mean and deviation that the network expects.

    Args:
        mean: of R, G and B in 0 … 1.
        std: likewise.
    """

    def __init__(
        self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
    ) -> None:
        self._device = device
        self._mean, self._std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1) * 255.0 for values in (mean, std)
        )

    def __call__(self, rgb: NDArray[np.uint8]) -> Tensor:
        """(h, w, 3) uint8 RGB -> (1, 3, h, w) float32 on the device."""
        planes = torch.from_numpy(_shared(rgb)).to(self._device)
        x = planes.permute(2, 0, 1)[None].to(torch.float32)  # channels last, as the image is
        return x.sub_(self._mean).div_(self._std)


class _Alias:
    """The memory of an array, without the mark that forbids to write to it."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self._array = array
        data = array.__array_interface__["data"][0], False
        self.__array_interface__ = {**array.__array_interface__, "data": data}


def _shared(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same without a copy for torch, which warns of memory that must not be written to.

    A bag's messages are such. Nothing writes to it: the tensor is only read.
    """
    return array if array.flags.writeable else np.asarray(_Alias(array))
