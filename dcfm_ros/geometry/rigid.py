"""Rigid transforms as (4, 4) matrices named `target_from_source`, translations in m."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

Matrix = NDArray[np.float64]


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
    turns = Slerp([0.0, 1.0], Rotation.from_quat([first[1], second[1]]))
    matrix = np.eye(4)
    matrix[:3, :3] = turns(share).as_matrix()
    a, b = np.asarray(first[0], np.float64), np.asarray(second[0], np.float64)
    matrix[:3, 3] = a + share * (b - a)
    return matrix


def distance_and_angle(first: Matrix, second: Matrix) -> tuple[float, float]:
    """How far two poses are apart, in m and rad."""
    difference = inverse(first) @ second
    angle = float(Rotation.from_matrix(difference[:3, :3]).magnitude())
    return float(np.linalg.norm(difference[:3, 3])), angle
