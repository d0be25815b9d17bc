"""From measured pixels to the cells that they fall into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.cells import GridFrame
from dcfm_ros.costmap.depth_bounds import Millimetres
from dcfm_ros.costmap.evidence import Cells, Floats
from dcfm_ros.costmap.pixel_table import PixelTable
from dcfm_ros.geometry import Matrix


@dataclass(frozen=True, eq=False)
class MeasuredFrame:
    """One frame with depth.

    Attributes:
        pixels: the camera on its mount.
        labels: (H, W) class ids.
        depth_mm: (H, W) along the optical axis.
        confidence: (H, W) 0 to 255, or None for full confidence.
        frame: place of the grid.
        grid_from_ground: (4, 4) ground frame to the grid's frame.
    """

    pixels: PixelTable
    labels: NDArray[np.uint8]
    depth_mm: Millimetres
    confidence: NDArray[np.uint8] | None
    frame: GridFrame
    grid_from_ground: Matrix

    def count(
        self, chosen: Cells, slot_of: NDArray[np.int32], slots: int
    ) -> tuple[Cells, NDArray[np.int64], Floats, Floats]:
        """Count pixels by cell and class.

        Args:
            chosen: (M,) flat indices of pixels with depth.
            slot_of: (256,) slot of each class.
            slots: number of slots.

        Returns:
            (N,) cells, (N, slots) counts, (N,) distances from the camera's foot in m and (N,) mean
            confidence, 0 to 1.
        """
        column, row = self._places(chosen)
        frame = self.frame
        inside = (column >= 0) & (column < frame.width) & (row >= 0) & (row < frame.height)
        if not inside.any():
            empty = np.zeros(0, np.float32)
            return np.zeros(0, np.intp), np.zeros((0, slots), np.int64), empty, empty
        chosen = chosen[inside]
        columns, rows = column[inside].astype(np.int32), row[inside].astype(np.int32)
        left, bottom = int(columns.min()), int(rows.min())
        wide, high = int(columns.max()) - left + 1, int(rows.max()) - bottom + 1
        local = (rows - bottom) * wide + (columns - left)
        key = local * np.int32(slots) + slot_of[self.labels.take(chosen)]
        counts = np.bincount(key, minlength=wide * high * slots).reshape(-1, slots)
        number = counts.sum(axis=1)
        filled = np.flatnonzero(number)
        number = number[filled]
        sure = np.ones(len(filled), np.float32)
        if self.confidence is not None:
            total = np.bincount(local, self.confidence.take(chosen), minlength=wide * high)[filled]
            sure = (total / (255 * number)).astype(np.float32)
        y, x = bottom + filled // wide, left + filled % wide
        return y * frame.width + x, counts[filled], self._distances(x, y), sure

    def _places(self, chosen: Cells) -> tuple[Floats, Floats]:
        """Columns and rows of the grid, fractional, that pixels fall into."""
        size, pixels = self.frame.resolution_m, self.pixels
        turn = (self.grid_from_ground[:2, :3] / (1e3 * size)).astype(np.float32)
        start = (
            self.grid_from_ground[:2, :3] @ pixels.position + self.grid_from_ground[:2, 3]
        ) / size
        x, y, z = (pixels.directions[axis].take(chosen) for axis in range(3))
        depth = self.depth_mm.take(chosen).astype(np.float32)
        column = (turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z) * depth
        row = (turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z) * depth
        column += np.float32(start[0] - self.frame.left)
        row += np.float32(start[1] - self.frame.bottom)
        return column, row

    def _distances(self, x: Cells, y: Cells) -> Floats:
        """Distances of cells from the camera's foot, in m."""
        foot = self.grid_from_ground[:2, :3] @ self.pixels.position + self.grid_from_ground[:2, 3]
        across = (x + (self.frame.left + 0.5)) * self.frame.resolution_m - foot[0]
        along = (y + (self.frame.bottom + 0.5)) * self.frame.resolution_m - foot[1]
        return np.asarray(np.hypot(across, along), np.float32)
