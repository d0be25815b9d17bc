"""The camera's image resampled along the ground: one row for each direction, steps outward in it.

Whatever the lens, pitch and roll, a row is a vertical plane through the camera, so that upright
things stand along it, and the first obstacle pixel of a row is its lowest contact with the ground.
Directions and steps are as fine as the pixels, but no finer than a fraction of a cell: more would
be wasted.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.classes import UNKNOWN_CLASS
from dcfm_ros.costmap.pixel_table import Floats, PixelTable
from dcfm_ros.costmap.settings import ProjectionSettings

_DIRECTION_CELLS = 0.25  # of a cell at the farthest range
_STEP_CELLS = 0.2
_STEPS_PER_PIXEL = 2.0
_DIRECTIONS_PER_PIXEL = 1.25
_LOOK_UP_M = 1.0  # how high above the ground it still sees at the farthest range
_MOST = 6_000_000


@dataclass(frozen=True, eq=False)
class GroundView:
    """Sampling of one mounted camera.

    Attributes:
        azimuths: (A,) direction of each row in rad from the camera's own, rising.
        slopes: (R,) fall per m of way of each step, falling: nearest ground first.
        reach: how many of the steps lie within the range limits; later ones look beyond, for
            heights.
        source: (A, R) index of the pixel that is seen, -1 outside the image.
        height_m: of the camera.
    """

    azimuths: Floats
    slopes: Floats
    reach: int
    source: NDArray[np.int32]
    height_m: float
    _map: NDArray[np.int16]

    def sample(self, image: NDArray[np.uint8], outside: int = UNKNOWN_CLASS) -> NDArray[np.uint8]:
        """Resample an (H, W) image to (A, R), nearest neighbour."""
        return np.asarray(
            cv2.remap(  # type: ignore[call-overload]  # the stubs want a second map, too
                image,
                self._map,
                None,
                cv2.INTER_NEAREST,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=outside,
            ),
            np.uint8,
        )

    @property
    def ranges_m(self) -> Floats:
        """(R,) way from the camera's foot to the ground of each step; inf above the horizon."""
        with np.errstate(divide="ignore"):
            return np.where(self.slopes > 0, self.height_m / self.slopes, np.inf).astype(np.float32)


def ground_view(
    pixels: PixelTable, settings: ProjectionSettings, resolution_m: float
) -> GroundView | None:
    """Lay out the sampling of a mounted camera; None where it sees no ground in range."""
    height = pixels.height_m
    nearest = height / max(settings.min_range_m, 1e-3)
    farthest = height / settings.max_range_m
    azimuth, slope = pixels.azimuths(), pixels.slopes()
    half_view = np.deg2rad(settings.field_of_view_deg) / 2
    with np.errstate(invalid="ignore"):
        seen = (slope > farthest) & (slope < nearest) & (np.abs(azimuth) <= half_view)
    if not seen.any():
        return None
    azimuths = _azimuths(azimuth[seen], pixels, settings, resolution_m)
    lowest = max((height - _LOOK_UP_M) / settings.max_range_m, 0.0)
    slopes = _slopes(
        float(slope[seen].max()), farthest, min(lowest, farthest), pixels, resolution_m
    )
    reach = int(np.count_nonzero(slopes >= farthest))
    u, v = _project(pixels, azimuths, slopes)
    with np.errstate(invalid="ignore"):
        column, row = np.rint(u), np.rint(v)
        inside = (column >= 0) & (column < pixels.camera.width)
        inside &= (row >= 0) & (row < pixels.camera.height)
    source = np.where(inside, row * pixels.camera.width + column, -1).astype(np.int32)
    maps = cv2.convertMaps(
        np.where(inside, column, -1).astype(np.float32),
        np.where(inside, row, -1).astype(np.float32),
        cv2.CV_16SC2,
        nninterpolation=True,
    )
    return GroundView(azimuths, slopes, reach, source, height, np.asarray(maps[0], np.int16))


def _azimuths(
    seen: Floats, pixels: PixelTable, settings: ProjectionSettings, resolution_m: float
) -> Floats:
    low, high = float(seen.min()), float(seen.max())
    finest = _DIRECTION_CELLS * resolution_m / settings.max_range_m
    step = max(1.0 / (_DIRECTIONS_PER_PIXEL * pixels.camera.fx), finest)
    return np.linspace(low, high, max(2, round((high - low) / step) + 1)).astype(np.float32)


def _slopes(
    nearest: float, farthest: float, lowest: float, pixels: PixelTable, resolution_m: float
) -> Floats:
    """Depressions from the nearest ground outward, by equal ways near and by pixels far."""
    height, pixel = pixels.height_m, 1.0 / (_STEPS_PER_PIXEL * pixels.camera.fy)
    way = _STEP_CELLS * resolution_m
    found, depression = [], float(np.arctan(farthest))
    while depression < np.arctan(nearest):
        found.append(depression)
        distance = height / np.tan(depression)
        depression += max(pixel, way * height / (distance**2 + height**2))
    found.append(float(np.arctan(nearest)))
    beyond = np.arange(np.arctan(farthest) - pixel, np.arctan(lowest), -_STEPS_PER_PIXEL * pixel)
    slopes = np.tan(np.concatenate([found[::-1], beyond]))
    return np.asarray(slopes, np.float32)


def _project(
    pixels: PixelTable, azimuths: Floats, slopes: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixel coordinates (A, R) of all directions and steps."""
    forward = pixels.forward
    cos, sin = np.cos(azimuths), np.sin(azimuths)
    x = (cos * forward[0] - sin * forward[1])[:, None] * np.ones_like(slopes)
    y = (sin * forward[0] + cos * forward[1])[:, None] * np.ones_like(slopes)
    z = -slopes * np.ones_like(azimuths)[:, None]
    rays = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float64)
    found = pixels.camera.project(rays @ pixels.ground_from_camera[:3, :3])
    shape = (len(azimuths), len(slopes))
    return found[:, 0].reshape(shape), found[:, 1].reshape(shape)
