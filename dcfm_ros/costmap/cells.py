"""Cells of the grid, and where they lie for a camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.ground_view import GroundView
from dcfm_ros.costmap.pixel_table import PixelTable
from dcfm_ros.geometry import Matrix

Indices = NDArray[np.intp]
Floats = NDArray[np.float32]

SAMPLES = 3  # along each side of a cell
_RASTER_PER_CELL = 5.0
_BORDER_CELLS = 2.5  # room for cells at the edge of what is seen, with all their samples
_SLACK_CELLS = 0.5  # by which pixels may show more than the rays through their centres
_FRACTION_BITS = 6
_MOST = 4_000_000


@dataclass(frozen=True)
class GridFrame:
    """Place of the grid: axis-aligned in its frame, its corner at whole cells.

    Attributes:
        left: x of the corner of cell (0, 0), in cells.
        bottom: y of that corner, in cells.
        width: number of cells along x.
        height: number of cells along y.
        resolution_m: side of a cell.
    """

    left: int
    bottom: int
    width: int
    height: int
    resolution_m: float

    def index(self, x_m: NDArray[np.floating], y_m: NDArray[np.floating]) -> Indices:
        """Row-major cell of points in the grid's frame; -1 outside."""
        column = np.floor(x_m / self.resolution_m).astype(np.int64) - self.left
        row = np.floor(y_m / self.resolution_m).astype(np.int64) - self.bottom
        inside = (column >= 0) & (column < self.width) & (row >= 0) & (row < self.height)
        return np.where(inside, row * self.width + column, -1)

    def centres_m(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give x (width,) and y (height,) of the cells' centres in the grid's frame."""
        x = (self.left + np.arange(self.width) + 0.5) * self.resolution_m
        y = (self.bottom + np.arange(self.height) + 0.5) * self.resolution_m
        return np.asarray(x, np.float64), np.asarray(y, np.float64)


class CellRaster:
    """For fine squares of the ground around a camera, the step of its ground view that shows them.

    It lies still in the ground frame, so that it is computed once for a mount; cells of the grid,
    which turn against it from frame to frame, are looked up in it at `SAMPLES` by `SAMPLES` points
    each. So a cell takes the pixels that see it in proportion to the area that they cover in it:
    far cells get the one pixel that covers them, near cells a fair sample of many, and each is one
    observation.
    """

    def __init__(self, view: GroundView, pixels: PixelTable, resolution_m: float) -> None:
        step = resolution_m / _RASTER_PER_CELL
        ranges = view.ranges_m[: view.reach]
        x, y = _outline(view, pixels, ranges)
        margin = (_BORDER_CELLS + _SLACK_CELLS) * resolution_m
        extent = max(float(np.ptp(x)), float(np.ptp(y))) + 2 * margin
        self._step = max(step, extent / np.sqrt(_MOST))
        self._x0, self._y0 = float(x.min()) - margin, float(y.min()) - margin
        across = int(np.ceil((float(x.max()) + margin - self._x0) / self._step)) + 1
        along = int(np.ceil((float(y.max()) + margin - self._y0) / self._step)) + 1
        self.nothing = view.source.size
        self._place = np.asarray(pixels.position[:2])
        self._table = self._fill(view, pixels, across, along)
        self._clear_border(math.ceil(_BORDER_CELLS * resolution_m / self._step) + 1)
        self._hull = self._outer_corners()

    def look_up(
        self, frame: GridFrame, grid_from_ground: Matrix
    ) -> tuple[Indices, Floats, Indices]:
        """Find the cells that a camera may see, and what shows them.

        Args:
            frame: place of the grid.
            grid_from_ground: (4, 4) ground frame to the grid's frame.

        Returns:
            (N,) cells, (N,) their distances from the camera's foot in m, and (SAMPLES², N) flat
            indices into the ground view, `nothing` where it shows none.
        """
        turn, shift = grid_from_ground[:2, :2], grid_from_ground[:2, 3]
        cells = self._candidates(frame, turn, shift)
        x_m, y_m = frame.centres_m()
        x = (x_m - shift[0]).astype(np.float32).take(cells % frame.width)
        y = (y_m - shift[1]).astype(np.float32).take(cells // frame.width)
        a, b = (np.linalg.inv(turn) / self._step).astype(np.float32)
        column = a[0] * x + a[1] * y - np.float32(self._x0 / self._step)
        row = b[0] * x + b[1] * y - np.float32(self._y0 / self._step)
        width = self._table.shape[1]
        centre = row.astype(np.int32) * np.int32(width) + column.astype(np.int32)
        seen = self._table.ravel().take(centre) != self.nothing
        cells, column, row = cells[seen], column[seen], row[seen]
        place = (self._place - [self._x0, self._y0]) / self._step
        distance = np.hypot(column - np.float32(place[0]), row - np.float32(place[1]))
        offset = (np.arange(SAMPLES) - (SAMPLES - 1) / 2) * (frame.resolution_m / SAMPLES)
        dx, dy = (part.ravel().astype(np.float32) for part in np.meshgrid(offset, offset))
        shift_column, shift_row = a[0] * dx + a[1] * dy, b[0] * dx + b[1] * dy
        at = (row + shift_row[:, None]).astype(np.int32)
        at *= np.int32(width)
        at += (column + shift_column[:, None]).astype(np.int32)
        return cells, distance * np.float32(self._step), self._table.ravel().take(at)

    def _candidates(
        self, frame: GridFrame, turn: NDArray[np.float64], shift: NDArray[np.float64]
    ) -> Indices:
        """Cells within the hull of all that is seen."""
        corners = (self._hull @ turn.T + shift) / frame.resolution_m
        corners -= [frame.left + 0.5, frame.bottom + 0.5]  # a cell's centre at whole numbers
        within = np.zeros((frame.height, frame.width), np.uint8)
        fixed = np.rint(corners * (1 << _FRACTION_BITS)).astype(np.int32)
        cv2.fillConvexPoly(within, fixed, 1, shift=_FRACTION_BITS)
        return np.flatnonzero(within)

    def _outer_corners(self) -> NDArray[np.float64]:
        """(K, 2) x, y in the ground frame: the convex hull of all squares that something shows."""
        row, column = np.nonzero(self._table != self.nothing)
        if not len(row):
            return np.full((1, 2), 1e6)
        hull = cv2.convexHull(np.column_stack([column, row]).astype(np.int32)).reshape(-1, 2)
        return np.asarray((hull + 0.5) * self._step + [self._x0, self._y0], np.float64)

    def _clear_border(self, squares: int) -> None:
        """Show nothing along the edge, lest a cell of the hull look beyond it."""
        inner = self._table[squares:-squares, squares:-squares].copy()
        self._table[:] = self.nothing
        self._table[squares:-squares, squares:-squares] = inner

    def _fill(self, view: GroundView, pixels: PixelTable, across: int, along: int) -> Indices:
        """(along, across) flat index into the ground view of each square's centre."""
        x = self._x0 + (np.arange(across) + 0.5) * self._step - self._place[0]
        y = self._y0 + (np.arange(along) + 0.5) * self._step - self._place[1]
        forward = pixels.forward
        ahead = x[None, :] * forward[0] + y[:, None] * forward[1]
        aside = y[:, None] * forward[0] - x[None, :] * forward[1]
        slope = view.height_m / np.maximum(np.hypot(ahead, aside), 1e-6)
        azimuth = np.arctan2(aside, ahead)
        spacing = max(float(view.azimuths[1] - view.azimuths[0]), 1e-9)
        direction = np.rint((azimuth - float(view.azimuths[0])) / spacing).astype(np.int64)
        step = _nearest_step(view.slopes[: view.reach], slope)
        inside = (direction >= 0) & (direction < len(view.azimuths)) & (step >= 0)
        flat = direction * len(view.slopes) + step
        seen = inside.copy()
        seen[inside] = view.source.ravel()[flat[inside]] >= 0
        return np.where(seen, flat, self.nothing)


def _outline(view: GroundView, pixels: PixelTable, ranges: Floats) -> tuple[Floats, Floats]:
    """Ground points at the nearest and farthest step of all directions."""
    forward = pixels.forward
    cos, sin = np.cos(view.azimuths), np.sin(view.azimuths)
    east, north = cos * forward[0] - sin * forward[1], sin * forward[0] + cos * forward[1]
    ends = np.array([ranges[0], ranges[-1]])
    x = pixels.position[0] + np.outer(ends, east)
    y = pixels.position[1] + np.outer(ends, north)
    return x.astype(np.float32), y.astype(np.float32)


def _nearest_step(slopes: Floats, wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the nearest step by slope; -1 beyond the first and last by more than a step."""
    rising = slopes[::-1].astype(np.float64)
    borders = (rising[1:] + rising[:-1]) / 2
    index = np.searchsorted(borders, wanted)
    low, high = rising[0], rising[-1] + (rising[-1] - rising[-2]) / 2
    return np.where((wanted >= low) & (wanted <= high), len(slopes) - 1 - index, -1)
