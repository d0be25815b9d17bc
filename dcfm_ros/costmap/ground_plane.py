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
from dcfm_ros.costmap.evidence import Area, Cells, Evidence, Floats, combine, no_area, strongest
from dcfm_ros.costmap.ground_view import GroundView, ground_view
from dcfm_ros.costmap.pixel_table import PixelTable
from dcfm_ros.costmap.settings import ProjectionSettings
from dcfm_ros.geometry import Matrix

_PER_SAMPLE = np.float32(1 / SAMPLES**2)
_SAME_PLACE_CELLS = 0.5


@dataclass(frozen=True, eq=False)
class GroundTables:
    """What stays the same while a camera and its mount do."""

    pixels: PixelTable
    view: GroundView | None
    raster: CellRaster | None
    resolution_m: float

    @cached_property
    def plane_depth_m(self) -> Floats:
        """(H * W,) depth at which each pixel's ray meets the ground; inf where it does not."""
        falls = self.pixels.directions[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.float32(self.pixels.height_m) / -falls
        return np.where(falls < 0, depth, np.float32(np.inf))

    @cached_property
    def plane_tolerance_m(self) -> Floats:
        """(H * W,) how much depth may differ from it before the pixel shows another cell."""
        x, y, _ = self.pixels.directions
        way = np.maximum(np.hypot(x, y), np.float32(1e-6))
        tolerance = np.float32(_SAME_PLACE_CELLS * self.resolution_m) / way
        return np.asarray(tolerance, np.float32)


def ground_tables(
    pixels: PixelTable, settings: ProjectionSettings, resolution_m: float
) -> GroundTables:
    """Prepare a mounted camera; without view and raster where it sees no ground in range."""
    view = ground_view(pixels, settings, resolution_m)
    raster = CellRaster(view, pixels, resolution_m) if view is not None else None
    return GroundTables(pixels, view, raster, resolution_m)


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
            sure = None
        else:
            seen = view.sample(labels)  # (A, R)
            kinds = np.asarray(cv2.LUT(seen, self._kinds), np.uint8)
            first = first_obstacles(kinds)
            sure = None if confidence is None else view.sample(confidence, 0)
            contacts = find_contacts(
                view, tables.pixels, seen, kinds, first, self._heights_m, frame.resolution_m
            )
            open_ground = _open_ground(seen, kinds, first)
            area = self._area(raster, open_ground, sure, frame, grid_from_ground)
        standing = self._standing(contacts, sure, frame, grid_from_ground)
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
        if tables.view is None or tables.raster is None:
            return no_area(len(self.grounds))
        seen = np.append(tables.view.sample(ground).ravel(), np.uint8(UNKNOWN_CLASS))
        sure = None if confidence is None else tables.view.sample(confidence, 0)
        return self._area(tables.raster, seen, sure, frame, grid_from_ground)

    def by_range(self, ranges_m: Floats) -> Floats:
        """Trust in what is seen at distances from the camera's foot."""
        return np.asarray(np.exp2(ranges_m * (-1 / self._range_half_m)), np.float32)

    def _area(
        self,
        raster: CellRaster,
        ground: NDArray[np.uint8],
        sure: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
    ) -> Area:
        """Sum up (A * R + 1,) ground labels, the last unknown, and (A, R) confidence by cell."""
        cells, ranges, steps = raster.look_up(frame, grid_from_ground)
        sampled = ground[steps]  # (S, N)
        counts = np.stack([_count(sampled == ground_class) for ground_class in self.grounds])
        visible = counts.any(axis=0)
        weights = self.by_range(ranges)
        if sure is not None:
            at = np.append(sure.ravel(), np.uint8(0))[steps]
            total = np.where(sampled != UNKNOWN_CLASS, at, 0).sum(axis=0, dtype=np.float32)
            weights *= total / (np.float32(255) * np.maximum(counts.sum(axis=0), 1))
        shares = counts[:, visible].astype(np.float32)
        shares *= _PER_SAMPLE
        return Area(cells[visible], shares, weights[visible], cells[~visible])

    def _standing(
        self,
        contacts: Contacts,
        sure: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
    ) -> tuple[Cells, NDArray[np.uint8], Floats]:
        """Cells, classes and weights of contacts."""
        weights = self.by_range(contacts.ranges_m)
        if sure is not None:
            weights *= sure[contacts.directions, contacts.steps] / np.float32(255)
        turn, shift = grid_from_ground[:2, :2], grid_from_ground[:2, 3]
        x, y = turn @ contacts.points_m.T.astype(np.float64) + shift[:, None]
        return strongest(frame.index(x, y), contacts.classes, weights)


def _count(samples: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How many of (S, N) are set, (N,)."""
    return np.asarray(np.add.reduce(samples.view(np.uint8), axis=0, dtype=np.uint8), np.uint8)


def _open_ground(
    seen: NDArray[np.uint8], kinds: NDArray[np.uint8], first: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """(A * R + 1,) labels of the ground before the first obstacle of each direction."""
    before = np.arange(seen.shape[1]) < first[:, None]
    before &= kinds == Kind.GROUND
    flat = np.full(seen.size + 1, UNKNOWN_CLASS, np.uint8)
    np.copyto(flat[:-1].reshape(seen.shape), seen, where=before)
    return flat
