"""Where every pixel of a mounted camera looks, in the frame of the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import GeometryError
from dcfm_ros.geometry import Camera, Matrix

Floats = NDArray[np.float32]
Rays = NDArray[np.float64]

_LOWEST_M = 0.02


@dataclass(frozen=True, eq=False)
class PixelTable:
    """A camera on its mount, pixel by pixel.

    Attributes:
        camera: the lens and the image size.
        ground_from_camera: (4, 4) optical frame to ground frame, m.
        directions: (3, H * W) ray of each pixel in the ground frame, 1 m long along the optical
            axis, so that depth times direction is the way to the point; NaN where the lens has
            none.
    """

    camera: Camera
    ground_from_camera: Matrix
    directions: Floats

    @property
    def position(self) -> NDArray[np.float64]:
        """(3,) the camera in the ground frame, m."""
        return self.ground_from_camera[:3, 3]

    @property
    def height_m(self) -> float:
        """Height of the camera above the ground plane."""
        return float(self.ground_from_camera[2, 3])

    def slopes(self) -> Floats:
        """(H * W,) how far each ray falls per horizontal metre; negative above the horizon."""
        x, y, z = self.directions
        return np.asarray(-z / np.maximum(np.hypot(x, y), np.float32(1e-9)), np.float32)

    def azimuths(self) -> Floats:
        """(H * W,) horizontal direction of each ray in rad, from the camera's own, -π to π."""
        x, y, _ = self.directions
        forward = self.forward
        across = forward[0] * y - forward[1] * x
        return np.asarray(np.arctan2(across, forward[0] * x + forward[1] * y), np.float32)

    @property
    def forward(self) -> Floats:
        """(2,) horizontal direction of the optical axis, unit; the image's up if it looks down."""
        axis = self.ground_from_camera[:2, 2]
        if np.hypot(*axis) < 0.1:
            axis = -self.ground_from_camera[:2, 1]
        return np.asarray(axis / max(float(np.hypot(*axis)), 1e-9), np.float32)


def optical_rays(camera: Camera) -> Rays:
    """(3, H * W) ray of each pixel in the optical frame, z = 1; NaN where the lens has none."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = camera.rays(np.column_stack([u.ravel(), v.ravel()]).astype(np.float64))
    return np.vstack([rays.T, np.ones(len(rays))])


def pixel_table(camera: Camera, ground_from_camera: Matrix, rays: Rays | None = None) -> PixelTable:
    """Compute the rays of all pixels of a mounted camera.

    Args:
        camera: the lens and the image size.
        ground_from_camera: (4, 4) optical frame to ground frame, m.
        rays: of `optical_rays`, where they are at hand.

    Raises:
        GeometryError: the camera does not stand above the ground plane.
    """
    height = float(ground_from_camera[2, 3])
    if not height > _LOWEST_M:
        raise GeometryError(
            f"the camera stands {height:.3f} m above the ground plane, expected more than "
            f"{_LOWEST_M} m; correct its transform, or name the frame on the ground in ground_frame"
        )
    optical = optical_rays(camera) if rays is None else rays
    directions = (ground_from_camera[:3, :3] @ optical).astype(np.float32)
    return PixelTable(camera, ground_from_camera, np.ascontiguousarray(directions))
