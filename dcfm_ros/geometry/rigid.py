"""Rigid transforms as (4, 4) matrices named `target_from_source`, translations in m."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Matrix = NDArray[np.float64]

_NEARLY_SAME = 1 - 1e-12  # below that the chord is as good as the arc


def rigid(translation: Sequence[float], quaternion: Sequence[float]) -> Matrix:
    """Build a transform.

    Args:
        translation: (x, y, z) in m.
        quaternion: (x, y, z, w), of any length but zero.

    Returns:
        (4, 4) with a proper rotation.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    matrix[:3, 3] = translation
    return matrix


def inverse(transform: Matrix) -> Matrix:
    """Swap target and source of a rigid transform."""
    inverted = np.eye(4)
    inverted[:3, :3] = transform[:3, :3].T
    inverted[:3, 3] = -transform[:3, :3].T @ transform[:3, 3]
    return inverted


def between(
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    share: float,
) -> Matrix:
    """Interpolate two poses (translation, quaternion): linear, and on the shorter great arc.

    Args:
        first: the pose at share 0.
        second: the pose at share 1.
        share: 0 to 1.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(_slerp(first[1], second[1], share)).as_matrix()
    a, b = np.asarray(first[0], np.float64), np.asarray(second[0], np.float64)
    matrix[:3, 3] = a + share * (b - a)
    return matrix


def _slerp(first: Sequence[float], second: Sequence[float], share: float) -> NDArray[np.float64]:
    """Interpolate unit quaternions by the formula of Shoemake (1985), on the shorter great arc.

    SciPy's `Slerp` gives the same, and takes ten times as long for a single one.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    cosine = float(a @ b)
    if cosine < 0:
        b, cosine = -b, -cosine
    if cosine > _NEARLY_SAME:
        return np.asarray(a + share * (b - a), np.float64)
    angle = math.acos(cosine)
    return np.asarray(
        (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle),
        np.float64,
    )


def distance_and_angle(first: Matrix, second: Matrix) -> tuple[float, float]:
    """How far two poses are apart, in m and rad."""
    difference = inverse(first) @ second
    angle = float(Rotation.from_matrix(difference[:3, :3]).magnitude())
    return float(np.linalg.norm(difference[:3, 3])), angle
