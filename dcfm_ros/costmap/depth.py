"""Projection with an aligned depth image: every pixel where it was measured."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import GridFrame
from dcfm_ros.costmap.classes import ClassTable, Kind
from dcfm_ros.costmap.depth_bounds import Millimetres
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


def depth_in_mm(depth: NDArray[np.uint16] | Floats, height: int, width: int) -> Millimetres:
    """Bring a depth image to millimetres and to the size of the labels.

    Args:
        depth: (h, w) uint16 in mm, 0 unknown (16UC1), or float in m, NaN and inf unknown (32FC1).
        height: of the labels.
        width: of the labels.

    Returns:
        (height, width) uint16 along the optical axis; 0 where unknown, 65535 where too far.

    Raises:
        CostmapError: another aspect ratio, or another type.
    """
    if depth.ndim != 2 or depth.dtype not in (np.uint16, np.float32, np.float64):
        raise CostmapError(
            f"found a depth image of {depth.dtype} with shape {depth.shape}, expected "
            "(height, width) of uint16 in mm or float32 in m"
        )
    if not is_same_aspect(depth.shape, (height, width)):
        raise CostmapError(
            f"found a depth image of {depth.shape[1]}x{depth.shape[0]} px for labels of "
            f"{width}x{height} px, another aspect ratio; align depth to the camera's image"
        )
    found: NDArray[Any] = depth
    if depth.dtype != np.uint16:
        finite = np.nan_to_num(depth.astype(np.float32, copy=False), nan=0.0, posinf=0.0)
        found = np.asarray(cv2.addWeighted(finite, 1e3, finite, 0, 0, dtype=cv2.CV_16U))
    if found.shape != (height, width):
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.ascontiguousarray(found, np.uint16)


def is_same_aspect(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether an image of (height, width) may be resized to another."""
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= _SAME_ASPECT


class Depth:
    """Projects frames with depth. Holes say nothing; what is too high passes overhead."""

    def __init__(
        self, classes: ClassTable, settings: ProjectionSettings, plane: GroundPlane
    ) -> None:
        self._plane, self._settings = plane, settings
        self._kinds = classes.kinds()
        self._is_ground = np.where(self._kinds == Kind.GROUND, 255, 0).astype(np.uint8)
        self._is_solid = np.where(self._kinds >= Kind.OBSTACLE, 255, 0).astype(np.uint8)
        self._obstacles = np.flatnonzero(self._kinds >= Kind.OBSTACLE).astype(np.uint8)
        self._slots = {
            kind: _slots(chosen)
            for kind, chosen in ((Kind.OBSTACLE, self._obstacles), (Kind.GROUND, plane.grounds))
        }

    def unit_fault(
        self, tables: GroundTables, labels: NDArray[np.uint8], depth_mm: Millimetres
    ) -> str:
        """Whether it measures anything, and what the mount says of ground; empty if so."""
        if not depth_mm.any():
            return (
                "its depth image measures nothing at any pixel, so that nothing is seen at all; "
                "check the depth camera and its topic"
            )
        expected = tables.depth_bounds.plane_mm.ravel()[::_CHECK_EVERY]
        found = depth_mm.ravel()[::_CHECK_EVERY]
        usable = self._kinds[labels.ravel()[::_CHECK_EVERY]] == Kind.GROUND
        usable &= (found > 0) & (expected > 0)
        usable &= expected < 2e3 * self._settings.max_range_m
        if np.count_nonzero(usable) < _CHECK_PIXELS:
            return ""
        ratio = float(np.median(found[usable] / expected[usable].astype(np.float32)))
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
        depth_mm: Millimetres,
        confidence: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
        trust: float,
    ) -> tuple[Evidence, Cells]:
        """Find what a frame says about the cells.

        Args:
            tables: of the camera on its mount.
            labels: (H, W) class ids.
            depth_mm: (H, W) along the optical axis, 0 unknown.
            confidence: (H, W) 0 to 255, or None for full confidence.
            frame: place of the grid.
            grid_from_ground: (4, 4) ground frame to the grid's frame.
            trust: weight of the whole frame, 0 to 1.

        Returns:
            The evidence, and the flat indices of pixels that show obstacles.
        """
        off_plane = cv2.bitwise_not(tables.depth_bounds.planar.holds(depth_mm))
        flat = np.asarray(cv2.bitwise_or(labels, off_plane), np.uint8)  # 255 off the plane
        area = self._plane.visible_area(tables, flat, confidence, frame, grid_from_ground)
        rough = self._rough_ground(tables, labels, depth_mm, off_plane)
        solid = self._solid(tables, labels, depth_mm)
        seen = MeasuredFrame(tables.pixels, labels, depth_mm, confidence, frame, grid_from_ground)
        if len(rough):
            area = self._with_rough_ground(area, seen, rough)
        return combine(self._plane.grounds, area, *self._standing(seen, solid), frame, trust), solid

    def _rough_ground(
        self,
        tables: GroundTables,
        labels: NDArray[np.uint8],
        depth_mm: Millimetres,
        off_plane: cv2.typing.MatLike,
    ) -> Cells:
        """Pixels of ground beside the plane."""
        found = cv2.bitwise_and(cv2.LUT(labels, self._is_ground), off_plane)
        found = cv2.bitwise_and(found, tables.depth_bounds.ground.holds(depth_mm))
        return np.flatnonzero(found)

    def _solid(
        self, tables: GroundTables, labels: NDArray[np.uint8], depth_mm: Millimetres
    ) -> Cells:
        """Pixels of obstacles, of every `stride`-th row and column."""
        bounds = tables.depth_bounds
        part = (slice(None, None, bounds.stride),) * 2
        near = bounds.solid.holds(np.ascontiguousarray(depth_mm[part]))
        found = cv2.bitwise_and(near, cv2.LUT(np.ascontiguousarray(labels[part]), self._is_solid))
        row, column = np.divmod(np.flatnonzero(found), near.shape[1])
        return np.asarray((row * labels.shape[1] + column) * bounds.stride, np.intp)

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
