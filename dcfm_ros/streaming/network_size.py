"""Which size of image the network gets to see."""

from __future__ import annotations

import math

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
