"""Projection with an aligned depth image: every pixel where it was measured."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import GridFrame
from dcfm_ros.costmap.classes import UNKNOWN_CLASS, ClassTable, Kind
from dcfm_ros.costmap.evidence import Area, Cells, Evidence, Floats, combine
from dcfm_ros.costmap.ground_plane import GroundPlane, GroundTables
from dcfm_ros.costmap.scatter import MeasuredFrame
from dcfm_ros.costmap.settings import ProjectionSettings
from dcfm_ros.errors import CostmapError
from dcfm_ros.geometry import Matrix

_FEWEST_PIXELS = 3
_SAME_ASPECT = 0.02
_CHECK_EVERY = 7
_CHECK_PIXELS = 50
_UNIT_RATIO = 3.0
_SLOPE = np.float32(0.05)


def depth_in_m(depth: NDArray[np.uint16] | Floats, height: int, width: int) -> Floats:
    """Bring a depth image to metres and to the size of the labels.

    Args:
        depth: (h, w) uint16 in mm, 0 unknown (16UC1), or float in m, NaN and inf unknown (32FC1).
        height: of the labels.
        width: of the labels.

    Returns:
        (height, width) float32 along the optical axis, not finite or 0 where unknown.

    Raises:
        CostmapError: another aspect ratio, or another type.
    """
    if depth.ndim != 2 or depth.dtype not in (np.uint16, np.float32, np.float64):
        raise CostmapError(
            f"found a depth image of {depth.dtype} with shape {depth.shape}, expected "
            "(height, width) of uint16 in mm or float32 in m"
        )
    if abs(depth.shape[0] * width / (depth.shape[1] * height) - 1) > _SAME_ASPECT:
        raise CostmapError(
            f"found a depth image of {depth.shape[1]}x{depth.shape[0]} px for labels of "
            f"{width}x{height} px, another aspect ratio; align depth to the camera's image"
        )
    sampled: NDArray[Any] = depth
    if depth.shape != (height, width):
        sampled = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    if depth.dtype == np.uint16:
        sampled = np.multiply(sampled, np.float32(1e-3), dtype=np.float32)
    return np.asarray(sampled, np.float32)


class Depth:
    """Projects frames with depth. Holes say nothing; what is too high passes overhead."""

    def __init__(
        self, classes: ClassTable, settings: ProjectionSettings, plane: GroundPlane
    ) -> None:
        self._plane, self._settings = plane, settings
        self._kinds = classes.kinds()
        self._obstacles = np.flatnonzero(self._kinds >= Kind.OBSTACLE).astype(np.uint8)
        self._slots = {
            kind: _slots(chosen)
            for kind, chosen in ((Kind.OBSTACLE, self._obstacles), (Kind.GROUND, plane.grounds))
        }

    def unit_fault(self, tables: GroundTables, labels: NDArray[np.uint8], depth_m: Floats) -> str:
        """Hold the median depth of ground pixels against the mount; empty if they agree."""
        expected = tables.plane_depth_m[::_CHECK_EVERY]
        found = depth_m.ravel()[::_CHECK_EVERY]
        usable = self._kinds[labels.ravel()[::_CHECK_EVERY]] == Kind.GROUND
        usable &= (found > 0) & np.isfinite(found)
        usable &= expected < 2 * self._settings.max_range_m
        if np.count_nonzero(usable) < _CHECK_PIXELS:
            return ""
        ratio = float(np.median(found[usable] / expected[usable]))
        if 1 / _UNIT_RATIO < ratio < _UNIT_RATIO:
            return ""
        return (
            f"the depth of ground pixels is {ratio:.3g} times what the camera's mount says; depth "
            "is taken in mm from 16UC1 and in m from 32FC1, and the mount from tf: correct what "
            "is wrong"
        )

    def project(
        self,
        tables: GroundTables,
        labels: NDArray[np.uint8],
        depth_m: Floats,
        confidence: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
        trust: float,
    ) -> tuple[Evidence, Cells]:
        """Find what a frame says about the cells.

        Args:
            tables: of the camera on its mount.
            labels: (H, W) class ids.
            depth_m: (H, W) along the optical axis.
            confidence: (H, W) 0 to 255, or None for full confidence.
            frame: place of the grid.
            grid_from_ground: (4, 4) ground frame to the grid's frame.
            trust: weight of the whole frame, 0 to 1.

        Returns:
            The evidence, and the flat indices of the pixels that show obstacles.
        """
        planar, rough, solid = self._sort(tables, depth_m.ravel(), labels)
        flat = np.where(planar.reshape(labels.shape), labels, np.uint8(UNKNOWN_CLASS))
        area = self._plane.visible_area(tables, flat, confidence, frame, grid_from_ground)
        seen = MeasuredFrame(
            tables.pixels,
            labels.ravel(),
            depth_m.ravel(),
            None if confidence is None else confidence.ravel(),
            frame,
            grid_from_ground,
        )
        if len(rough):
            area = self._with_rough_ground(area, seen, rough)
        return combine(self._plane.grounds, area, *self._standing(seen, solid), frame, trust), solid

    def _sort(
        self, tables: GroundTables, depth: Floats, labels: NDArray[np.uint8]
    ) -> tuple[NDArray[np.bool_], Cells, Cells]:
        """Pixels of ground in the plane (mask), of ground beside it, and of obstacles (indices)."""
        settings, pixels = self._settings, tables.pixels
        kinds = np.asarray(cv2.LUT(labels, self._kinds), np.uint8).ravel()
        with np.errstate(invalid="ignore", over="ignore"):
            measured = (depth > 0) & (depth < np.float32(settings.max_range_m))
            height = depth * pixels.directions[2]
            height += np.float32(pixels.height_m)
            tolerance = _SLOPE * depth
            tolerance += np.float32(settings.ground_tolerance_m)
            ground = measured & (kinds == Kind.GROUND)
            planar = ground & (np.abs(depth - tables.plane_depth_m) < tables.plane_tolerance_m)
            rough = ground & ~planar & (np.abs(height) < tolerance)
            solid = measured & (kinds >= Kind.OBSTACLE) & (height > -tolerance)
            solid &= height < np.float32(settings.max_obstacle_height_m)
        return planar, np.flatnonzero(rough), np.flatnonzero(solid)

    def _with_rough_ground(self, area: Area, seen: MeasuredFrame, rough: Cells) -> Area:
        """Add cells of ground that does not lie in the plane, by the pixels that hit them."""
        cells, counts, weights = self._counted(seen, rough, Kind.GROUND)
        new = np.ones(seen.frame.width * seen.frame.height, bool)
        new[area.cells] = False
        new = new[cells]
        shares = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
        return Area(
            np.concatenate([area.cells, cells[new]]),
            np.concatenate([area.shares, shares[new].T], axis=1),
            np.concatenate([area.weights, weights[new]]),
            area.hidden,
        )

    def _standing(
        self, seen: MeasuredFrame, solid: Cells
    ) -> tuple[Cells, NDArray[np.uint8], Floats]:
        """Cells, classes and weights of obstacles."""
        cells, counts, weights = self._counted(seen, solid, Kind.OBSTACLE)
        enough = counts.sum(axis=1) >= _FEWEST_PIXELS
        classes = self._obstacles[counts[enough].argmax(axis=1)]
        return cells[enough], classes, weights[enough]

    def _counted(
        self, seen: MeasuredFrame, chosen: Cells, kind: Kind
    ) -> tuple[Cells, NDArray[np.int64], Floats]:
        slots, number = self._slots[kind]
        cells, counts, ranges, sure = seen.count(chosen, slots, number)
        return cells, counts, self._plane.by_range(ranges) * sure


def _slots(classes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    table = np.zeros(256, np.int32)
    table[classes] = np.arange(len(classes))
    return table, max(1, len(classes))
