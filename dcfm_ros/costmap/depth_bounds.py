"""Between which depths a pixel shows what: computed once for a mount, compared in every frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.evidence import Floats
from dcfm_ros.costmap.pixel_table import PixelTable
from dcfm_ros.costmap.settings import ProjectionSettings

Millimetres = NDArray[np.uint16]

FARTHEST_MM = 65534
"""16UC1 reaches no farther."""

_SLOPE = 0.05
_SAME_PLACE_CELLS = 0.5
_SAMPLES_PER_CELL = 2.0
_MOST_STRIDE = 4


@dataclass(frozen=True, eq=False)
class Interval:
    """Depths from `low` to `high`, both included, for each pixel; none where low > high."""

    low: Millimetres
    high: Millimetres

    def holds(self, depth_mm: Millimetres) -> NDArray[np.uint8]:
        """255 where a depth lies within, else 0; of the shape of the bounds."""
        found = cv2.inRange(depth_mm, self.low, self.high)
        return np.asarray(found, np.uint8)


@dataclass(frozen=True, eq=False)
class DepthBounds:
    """What depths mean in a mounted camera.

    Attributes:
        plane_mm: (H, W) depth of the ground plane, 0 where a ray does not meet it.
        planar: (H, W) the pixel shows the cell that it would show if it lay in the plane.
        ground: (H, W) the pixel lies near enough to the ground plane to drive on.
        solid: of every `stride`-th row and column: the pixel lies where an obstacle stands.
        stride: pixels from one that is looked at for obstacles to the next; as fine as cells need.
    """

    plane_mm: Millimetres
    planar: Interval
    ground: Interval
    solid: Interval
    stride: int


def depth_bounds(
    pixels: PixelTable, settings: ProjectionSettings, resolution_m: float
) -> DepthBounds:
    """Compute the bounds of a mounted camera.

    Heights are held against a tolerance that grows with the distance, by what mounts and depth are
    uncertain.
    """
    shape = (pixels.camera.height, pixels.camera.width)
    x, y, z = (axis.reshape(shape) for axis in pixels.directions)
    camera_m, tolerance_m = pixels.height_m, settings.ground_tolerance_m
    way = np.maximum(np.hypot(x, y), 1e-6)  # horizontal m per m of depth
    farthest = settings.max_range_m / way
    nearest = settings.min_range_m / way
    seen = np.abs(pixels.azimuths()).reshape(shape) <= np.deg2rad(settings.field_of_view_deg) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        plane = np.where(z < 0, camera_m / -z, np.inf)
        same = _SAME_PLACE_CELLS * resolution_m / way
        # height + tolerance > 0, and height - tolerance < 0
        above = np.where(-z > _SLOPE, (camera_m + tolerance_m) / (-z - _SLOPE), np.inf)
        below = np.where(-z > -_SLOPE, (camera_m - tolerance_m) / (-z + _SLOPE), np.inf)
        over = settings.max_obstacle_height_m - camera_m  # height < max_obstacle_height_m
        low = np.where((z < 0) & (over < 0), over / z, 0.0)
        high = np.where(z > 0, over / z, np.inf)
        high = np.where((z >= 0) & (over <= 0), 0.0, high)
    stride = _stride(pixels, settings, resolution_m)
    part = (slice(None, None, stride), slice(None, None, stride))
    solid_low, solid_high = np.maximum(low, nearest), np.minimum.reduce([above, high, farthest])
    return DepthBounds(
        np.where(plane < FARTHEST_MM / 1e3, plane * 1e3, 0).astype(np.uint16),
        _interval(plane - same, plane + same, seen),
        _interval(np.maximum(below, nearest), np.minimum(above, farthest), seen),
        _interval(solid_low[part], solid_high[part], seen[part]),
        stride,
    )


def _interval(low_m: Floats, high_m: Floats, seen: NDArray[np.bool_]) -> Interval:
    with np.errstate(invalid="ignore"):
        low = np.clip(np.ceil(low_m * 1e3), 1, FARTHEST_MM + 1)
        high = np.clip(np.floor(high_m * 1e3), 0, FARTHEST_MM)
        usable = seen & (low <= high)  # no NaN
    return Interval(
        np.where(usable, low, FARTHEST_MM + 1).astype(np.uint16),
        np.where(usable, high, 0).astype(np.uint16),
    )


def _stride(pixels: PixelTable, settings: ProjectionSettings, resolution_m: float) -> int:
    pixel_m = min(settings.max_range_m, FARTHEST_MM / 1e3) / pixels.camera.fx
    return int(np.clip(resolution_m / (_SAMPLES_PER_CELL * pixel_m), 1, _MOST_STRIDE))
