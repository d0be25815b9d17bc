"""Projection without depth: ground pixels as area of the plane, obstacles where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import SAMPLES, CellRaster, GridFrame
from dcfm_ros.costmap.classes import UNKNOWN_CLASS, ClassTable, Kind
from dcfm_ros.costmap.contacts import Contacts, find_contacts, first_obstacles, no_contacts
from dcfm_ros.costmap.depth_bounds import DepthBounds, depth_bounds
from dcfm_ros.costmap.evidence import Area, Cells, Evidence, Floats, combine, no_area, strongest
from dcfm_ros.costmap.ground_view import GroundView, ground_view
from dcfm_ros.costmap.pixel_table import PixelTable
from dcfm_ros.costmap.settings import ProjectionSettings
from dcfm_ros.geometry import Matrix

_PER_SAMPLE = np.float32(1 / SAMPLES**2)


@dataclass(frozen=True, eq=False)
class GroundTables:
    """What stays the same while a camera and its mount do."""

    pixels: PixelTable
    view: GroundView | None
    raster: CellRaster | None
    settings: ProjectionSettings
    resolution_m: float

    @cached_property
    def depth_bounds(self) -> DepthBounds:
        """What depths mean in it; computed when first asked for."""
        return depth_bounds(self.pixels, self.settings, self.resolution_m)


def ground_tables(
    pixels: PixelTable, settings: ProjectionSettings, resolution_m: float
) -> GroundTables:
    """Prepare a mounted camera; without view and raster where it sees no ground in range."""
    view = ground_view(pixels, settings, resolution_m)
    raster = CellRaster(view, pixels, resolution_m) if view is not None else None
    return GroundTables(pixels, view, raster, settings, resolution_m)


class GroundPlane:
    """Projects frames of mounted cameras onto the plane z = 0 of the ground frame.

    Attributes:
        grounds: (K,) the ground classes.
    """

    def __init__(self, classes: ClassTable, settings: ProjectionSettings) -> None:
        self._kinds, self._heights_m = classes.kinds(), classes.heights_m()
        self._range_half_m = np.float32(settings.range_half_m)
        self.grounds = np.flatnonzero(self._kinds == Kind.GROUND).astype(np.uint8)

    def project(
        self,
        tables: GroundTables,
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
        trust: float,
    ) -> tuple[Evidence, Contacts]:
        """Find what a frame says about the cells.

        Args:
            tables: of the camera on its mount.
            labels: (H, W) class ids.
            confidence: (H, W) 0 to 255, or None for full confidence.
            frame: place of the grid.
            grid_from_ground: (4, 4) ground frame to the grid's frame.
            trust: weight of the whole frame, 0 to 1.

        Returns:
            The evidence, and where obstacles touch the ground.
        """
        view, raster = tables.view, tables.raster
        if view is None or raster is None:
            contacts, area = no_contacts(), no_area(len(self.grounds))
        else:
            seen = view.sample(labels)  # (A, R)
            kinds = np.asarray(cv2.LUT(seen, self._kinds), np.uint8)
            first = first_obstacles(kinds)
            contacts = find_contacts(
                view, tables.pixels, seen, kinds, first, self._heights_m, frame.resolution_m
            )
            _hide_behind(seen, first)
            area = self._area(view, raster, seen, confidence, frame, grid_from_ground)
        standing = self._standing(view, contacts, confidence, frame, grid_from_ground)
        return combine(self.grounds, area, *standing, frame, trust), contacts

    def visible_area(
        self,
        tables: GroundTables,
        ground: NDArray[np.uint8],
        confidence: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
    ) -> Area:
        """Find the cells that (H, W) labels show, which are unknown where there is no ground."""
        view, raster = tables.view, tables.raster
        if view is None or raster is None:
            return no_area(len(self.grounds))
        return self._area(view, raster, view.sample(ground), confidence, frame, grid_from_ground)

    def by_range(self, ranges_m: Floats) -> Floats:
        """Trust in what is seen at distances from the camera's foot."""
        return np.asarray(np.exp2(ranges_m * (-1 / self._range_half_m)), np.float32)

    def _area(
        self,
        view: GroundView,
        raster: CellRaster,
        ground: NDArray[np.uint8],
        confidence: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
    ) -> Area:
        """Sum up (A, R) labels by cell; only those of ground classes count.

        The confidence of a cell is that of the pixel which shows its centre.
        """
        cells, ranges, steps = raster.look_up(frame, grid_from_ground)
        sampled = np.append(ground.ravel(), np.uint8(UNKNOWN_CLASS)).take(steps)  # (S, N)
        counts = np.stack([_count(sampled == ground_class) for ground_class in self.grounds])
        visible = counts.any(axis=0)
        weights = self.by_range(ranges)
        if confidence is not None:
            centre = view.source.ravel().take(steps[len(steps) // 2])
            weights *= confidence.ravel().take(centre) * np.float32(1 / 255)
        shares = counts[:, visible].astype(np.float32)
        shares *= _PER_SAMPLE
        return Area(cells[visible], shares, weights[visible], cells[~visible])

    def _standing(
        self,
        view: GroundView | None,
        contacts: Contacts,
        confidence: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
    ) -> tuple[Cells, NDArray[np.uint8], Floats]:
        """Cells, classes and weights of contacts."""
        weights = self.by_range(contacts.ranges_m)
        if confidence is not None and view is not None:
            pixel = view.source[contacts.directions, contacts.steps]
            weights *= confidence.ravel().take(pixel) * np.float32(1 / 255)
        turn, shift = grid_from_ground[:2, :2], grid_from_ground[:2, 3]
        x, y = turn @ contacts.points_m.T.astype(np.float64) + shift[:, None]
        return strongest(frame.index(x, y), contacts.classes, weights)


def _count(samples: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How many of (S, N) are set, (N,)."""
    return np.asarray(np.add.reduce(samples.view(np.uint8), axis=0, dtype=np.uint8), np.uint8)


def _hide_behind(seen: NDArray[np.uint8], first: NDArray[np.intp]) -> None:
    """Make (A, R) labels unknown from the first obstacle of each direction on, in place."""
    steps = np.arange(seen.shape[1], dtype=np.int16)
    behind = steps >= first.astype(np.int16)[:, None]
    np.bitwise_or(seen, np.negative(behind.view(np.int8)).view(np.uint8), out=seen)
