"""What stands in view as points, for obstacle and voxel layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.contacts import Contacts
from dcfm_ros.costmap.depth_bounds import Millimetres
from dcfm_ros.costmap.evidence import Cells, Floats
from dcfm_ros.costmap.ground_plane import GroundTables
from dcfm_ros.costmap.settings import CostmapSettings

_LOWEST_M = 0.05  # exactly on the ground, rounding could put them below it
_SPACING_M = 0.25
_FULL = 255


@dataclass(frozen=True, eq=False)
class ObstaclePoints:
    """Obstacles of one frame.

    Attributes:
        points: (N, 3) float32 x, y, z in the ground frame, m.
        class_ids: (N,) uint8.
        confidence: (N,) uint8, 0 to 255.
        frame_id: the ground frame.
        stamp_ns: of the image.
    """

    points: Floats
    class_ids: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    frame_id: str
    stamp_ns: int


def from_contacts(
    contacts: Contacts,
    tables: GroundTables,
    confidence: NDArray[np.uint8] | None,
    heights_m: Floats,
    settings: CostmapSettings,
    frame_id: str,
    stamp_ns: int,
) -> ObstaclePoints:
    """Raise each contact to the height that its class usually has.

    Args:
        contacts: where obstacles touch the ground.
        tables: of the camera on its mount.
        confidence: (H, W) 0 to 255, or None for full confidence.
        heights_m: (256,) by class.
        settings: of the costmap.
        frame_id: the ground frame.
        stamp_ns: of the image.
    """
    heights = np.minimum(heights_m, np.float32(settings.projection.max_obstacle_height_m))
    levels = np.arange(_LOWEST_M, heights.max() + _LOWEST_M, _SPACING_M, dtype=np.float32)
    reached = levels <= np.maximum(heights[contacts.classes], np.float32(_LOWEST_M))[:, None]
    contact, level = np.nonzero(reached)
    sure = np.full(len(contact), _FULL, np.uint8)
    if confidence is not None and tables.view is not None:
        pixel = tables.view.source[contacts.directions, contacts.steps]
        sure = confidence.ravel()[pixel][contact]
    points = np.column_stack([contacts.points_m[contact], levels[level]])
    return ObstaclePoints(points, contacts.classes[contact], sure, frame_id, stamp_ns)


def from_depth(
    solid: Cells,
    tables: GroundTables,
    labels: NDArray[np.uint8],
    depth_mm: Millimetres,
    confidence: NDArray[np.uint8] | None,
    settings: CostmapSettings,
    frame_id: str,
    stamp_ns: int,
) -> ObstaclePoints:
    """Give one measured point for each cube, of a cell's size, that pixels of obstacles fall into.

    Args:
        solid: (M,) flat indices of the pixels that show obstacles.
        tables: of the camera on its mount.
        labels: (H, W) class ids.
        depth_mm: (H, W) along the optical axis.
        confidence: (H, W) 0 to 255, or None for full confidence.
        settings: of the costmap.
        frame_id: the ground frame.
        stamp_ns: of the image.
    """
    pixels = tables.pixels
    points = pixels.directions.take(solid, axis=1) * (depth_mm.take(solid) * np.float32(1e-3))
    points += pixels.position.astype(np.float32)[:, None]
    first = _one_of_each_cube(points, settings.grid.resolution_m)
    kept = solid[first]
    sure = np.full(len(kept), _FULL, np.uint8) if confidence is None else confidence.take(kept)
    kept_points = np.ascontiguousarray(points[:, first].T)
    return ObstaclePoints(kept_points, labels.take(kept), sure, frame_id, stamp_ns)


def _one_of_each_cube(points: Floats, size_m: float) -> Cells:
    """Find one of (3, M) points for each cube of space that has any, in order of the cubes."""
    if points.shape[1] == 0:
        return np.zeros(0, np.intp)
    cubes = np.floor(points * np.float32(1 / size_m)).astype(np.int32)
    cubes -= cubes.min(axis=1, keepdims=True)
    across, along, up = (int(side) + 1 for side in cubes.max(axis=1))
    key = (cubes[2] * along + cubes[1]) * across + cubes[0]
    of_cube = np.full(across * along * up, -1, np.int32)
    of_cube[key] = np.arange(points.shape[1], dtype=np.int32)
    return np.asarray(of_cube[of_cube >= 0], np.intp)
