"""Depth of a camera of its own, as the camera of the labels would have measured it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.depth_bounds import Millimetres
from dcfm_ros.costmap.pixel_table import Floats, optical_rays
from dcfm_ros.geometry import Camera, Matrix

_FARTHEST_MM = 65535
_NEAREST_M = 0.02
_WIDEST = 2.5  # x / z of what is registered: 68 degrees off the axis
_CRACK = np.ones((3, 3), np.uint8)

Pixels = NDArray[np.int32]


class DepthRegistration:
    """Lifts the pixels of one camera, moves them, and looks at them with another.

    Each pixel covers what its angle does in the other image, so that a larger image has no gaps,
    and what is nearer hides what is behind. Cracks of up to two pixels, where neighbours are torn
    apart, take the farther side; what the depth camera did not see stays unknown.

    Args:
        source: the depth camera, at the size of its images.
        target: the camera of the labels, at their size.
    """

    def __init__(self, source: Camera, target: Camera) -> None:
        self.source, self.target = source, target
        self._rays = optical_rays(source).astype(np.float32)
        self._flat, self._lens = _without_lens(target)
        footprint = self._flat.fx / source.fx, self._flat.fy / source.fy
        self._reach = [np.float32(max(1.0, size) / 2) for size in footprint]

    def register(self, depth_mm: Millimetres, target_from_source: Matrix) -> Millimetres:
        """Give (H, W) depth in mm along the optical axis of the target, 0 where unknown.

        Args:
            depth_mm: (h, w) along the optical axis of the source, 0 unknown, 65535 too far.
            target_from_source: (4, 4) between the optical frames, m.
        """
        found = self._nearest(*self._seen(depth_mm.ravel(), target_from_source))
        found = _without_cracks(found)
        if self._lens is not None:
            found = np.asarray(cv2.remap(found, *self._lens, cv2.INTER_NEAREST), np.uint16)
        return found

    def _seen(
        self, depth_mm: Millimetres, target_from_source: Matrix
    ) -> tuple[Floats, Floats, Millimetres]:
        """Where (N,) points are seen, u and v, and how far they are, nearest last."""
        known = np.flatnonzero((depth_mm > 0) & (depth_mm < _FARTHEST_MM))
        pose = target_from_source.astype(np.float32)
        rays = self._rays if len(known) == len(depth_mm) else self._rays[:, known]
        x, y, z = pose[:3, :3] @ rays * (depth_mm[known] * np.float32(1e-3)) + pose[:3, 3:]
        ahead = (z > _NEAREST_M) & (z < _FARTHEST_MM * 1e-3)  # False where the lens has no ray
        camera = self._flat
        with np.errstate(divide="ignore", invalid="ignore"):
            u = x * np.float32(camera.fx) / z + np.float32(camera.cx)
            v = y * np.float32(camera.fy) / z + np.float32(camera.cy)
            ahead &= (u > -1 - camera.width) & (u < 2 * camera.width)  # no overflow later
            ahead &= (v > -1 - camera.height) & (v < 2 * camera.height)
        u, v, z = u[ahead], v[ahead], z[ahead]
        millimetres = np.rint(z * np.float32(1e3)).astype(np.uint16)
        order = np.argsort(_FARTHEST_MM - millimetres, kind="stable")
        return u[order], v[order], millimetres[order]

    def _nearest(self, u: Floats, v: Floats, depth_mm: Millimetres) -> Millimetres:
        """Draw points with what they cover into the image without lens."""
        found = np.full((self._flat.height, self._flat.width), _FARTHEST_MM, np.uint16)
        left, right = _covered(u, self._reach[0])
        top, bottom = _covered(v, self._reach[1])
        for across in range(int(np.max(right - left, initial=0)) + 1):
            for down in range(int(np.max(bottom - top, initial=0)) + 1):
                column, row = left + across, top + down
                drawn = (column <= right) & (row <= bottom)
                drawn &= (column >= 0) & (column < self._flat.width)
                drawn &= (row >= 0) & (row < self._flat.height)
                layer = np.full(found.size, _FARTHEST_MM, np.uint16)
                places = row[drawn] * self._flat.width + column[drawn]
                layer[places] = depth_mm[drawn]  # of several, the last stays
                np.minimum(found, layer.reshape(found.shape), out=found)
        found[found == _FARTHEST_MM] = 0
        return found


def see_alike(one: Camera, other: Camera) -> bool:
    """Whether two cameras, but for the size of their images, see the same in each pixel."""
    shares = np.stack(np.meshgrid([0.1, 0.5, 0.9], [0.1, 0.5, 0.9]), axis=-1).reshape(-1, 2)
    first, second = (
        camera.rays(shares * [camera.width, camera.height] - 0.5) for camera in (one, other)
    )
    return bool((np.abs(first - second) * [other.fx, other.fy] < 1).all())


def _covered(centres: Floats, reach: np.float32) -> tuple[Pixels, Pixels]:
    """First and last pixel of each stretch."""
    first = np.ceil(centres - reach).astype(np.int32)
    return first, np.ceil(centres + reach).astype(np.int32) - 1


def _without_lens(camera: Camera) -> tuple[Camera, tuple[Floats, Floats] | None]:
    """A pinhole camera that sees as much, and where in its image each pixel of the camera looks."""
    if not camera.d:
        return camera, None
    x, y, _ = optical_rays(camera)
    with np.errstate(invalid="ignore"):
        narrow = (np.abs(x) < _WIDEST) & (np.abs(y) < _WIDEST)
    x = np.where(narrow, x, np.nan) * camera.fx + camera.cx
    y = np.where(narrow, y, np.nan) * camera.fy + camera.cy
    left, top = int(np.floor(np.nanmin(x))), int(np.floor(np.nanmin(y)))
    width, height = int(np.ceil(np.nanmax(x))) - left + 1, int(np.ceil(np.nanmax(y))) - top + 1
    flat = Camera(width, height, camera.fx, camera.fy, camera.cx - left, camera.cy - top)
    shape = camera.height, camera.width
    columns, rows = (
        np.where(narrow, place, -10).astype(np.float32).reshape(shape)
        for place in (x - left, y - top)
    )
    return flat, (columns, rows)


def _without_cracks(depth_mm: Millimetres) -> Millimetres:
    known = (depth_mm > 0).view(np.uint8)
    closed = cv2.morphologyEx(known, cv2.MORPH_CLOSE, _CRACK)
    crack = (closed > 0) & (depth_mm == 0)
    return np.where(crack, cv2.dilate(depth_mm, _CRACK), depth_mm).astype(np.uint16, copy=False)
