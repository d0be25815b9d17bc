"""Projection without depth: ground pixels as area on the plane, obstacles where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import SAMPLES, CellRaster, GridFrame
from dcfm_ros.costmap.classes import UNKNOWN_CLASS, ClassTable, Kind
from dcfm_ros.costmap.contacts import Contacts, find_contacts, first_obstacles
from dcfm_ros.costmap.evidence import Cells, Evidence, Floats, no_evidence, strongest
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


def ground_tables(
    pixels: PixelTable, settings: ProjectionSettings, resolution_m: float
) -> GroundTables:
    """Prepare a mounted camera; without view and raster where it sees no ground in range."""
    view = ground_view(pixels, settings, resolution_m)
    raster = CellRaster(view, pixels, resolution_m) if view is not None else None
    return GroundTables(pixels, view, raster)


class GroundPlane:
    """Projects frames of mounted cameras onto the plane z = 0 of the ground frame."""

    def __init__(self, classes: ClassTable, settings: ProjectionSettings) -> None:
        self._kinds, self._heights_m = classes.kinds(), classes.heights_m()
        self._grounds = np.flatnonzero(self._kinds == Kind.GROUND).astype(np.uint8)
        self._range_half_m = np.float32(settings.range_half_m)

    def project(
        self,
        tables: GroundTables,
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
        trust: float,
    ) -> tuple[Evidence, Contacts | None]:
        """Find what a frame says about the cells.

        Args:
            tables: of the camera on its mount.
            labels: (H, W) class ids.
            confidence: (H, W) 0 to 255, or None for full confidence.
            frame: place of the grid.
            grid_from_ground: (4, 4) ground frame to the grid's frame.
            trust: weight of the whole frame, 0 to 1.
        """
        view, raster = tables.view, tables.raster
        if view is None or raster is None:
            return no_evidence(), None
        seen = view.sample(labels)  # (A, R)
        kinds = np.asarray(cv2.LUT(seen, self._kinds), np.uint8)
        obstacle, first = first_obstacles(kinds)
        resolution = frame.resolution_m
        contacts = find_contacts(
            view, tables.pixels, seen, kinds, first, obstacle, self._heights_m, resolution
        )
        sure = view.sample(confidence, 0) if confidence is not None else None
        area = self.area(raster, _open_ground(seen, kinds, first), sure, frame, grid_from_ground)
        cells, shares, weights = area
        found = self._contact_cells(contacts, sure, frame, grid_from_ground)
        free = ~np.isin(cells, found[0])
        return Evidence(
            cells[free],
            self._grounds,
            shares[:, free],
            weights[free] * np.float32(trust),
            found[0],
            found[1],
            found[2] * np.float32(trust),
        ), contacts

    def area(
        self,
        raster: CellRaster,
        ground: NDArray[np.uint8],
        sure: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
    ) -> tuple[Cells, Floats, Floats]:
        """Cells, shares by ground class, and weights of what is visible as ground.

        Args:
            raster: of the camera on its mount.
            ground: (A * R + 1,) sampled labels, unknown where it is not ground; the last unknown.
            sure: (A, R) sampled confidence.
            frame: place of the grid.
            grid_from_ground: (4, 4) ground frame to the grid's frame.
        """
        cells, ranges, steps = raster.look_up(frame, grid_from_ground)
        at = steps.astype(np.intp)
        sampled = ground[at]  # (S, N)
        shares = np.stack([np.count_nonzero(sampled == c, axis=0) for c in self._grounds])
        shares = shares.astype(np.float32) * _PER_SAMPLE
        known = shares.any(axis=0)
        weights = self._by_range(ranges)
        if sure is not None:
            total = np.append(sure.ravel(), np.uint8(0))[at]
            total = np.where(sampled != UNKNOWN_CLASS, total, 0).sum(axis=0, dtype=np.float32)
            count = np.maximum(shares.sum(axis=0), _PER_SAMPLE) / _PER_SAMPLE
            weights *= total / (255 * count)
        return cells[known], shares[:, known], weights[known]

    def _contact_cells(
        self,
        contacts: Contacts,
        sure: NDArray[np.uint8] | None,
        frame: GridFrame,
        grid_from_ground: Matrix,
    ) -> tuple[Cells, NDArray[np.uint8], Floats]:
        weights = self._by_range(contacts.ranges_m)
        if sure is not None:
            share = sure[contacts.directions, contacts.steps] / np.float32(255)
            weights = (weights * share).astype(np.float32)
        x, y = contacts.points_m.T.astype(np.float64)
        turn, shift = grid_from_ground[:2, :2], grid_from_ground[:2, 3]
        placed = turn @ np.vstack([x, y]) + shift[:, None]
        return strongest(frame.index(placed[0], placed[1]), contacts.classes, weights)

    def _by_range(self, ranges_m: Floats) -> Floats:
        return np.asarray(np.exp2(-ranges_m / self._range_half_m), np.float32)


def _open_ground(
    seen: NDArray[np.uint8], kinds: NDArray[np.uint8], first: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """(A * R + 1,) labels of the ground before the first obstacle of each direction."""
    before = np.arange(seen.shape[1]) < first[:, None]
    before &= kinds == Kind.GROUND
    flat = np.full(seen.size + 1, UNKNOWN_CLASS, np.uint8)
    np.copyto(flat[:-1].reshape(seen.shape), seen, where=before)
    return flat
