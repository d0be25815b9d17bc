"""The ground plane z = 0: rectangles of road, pavement and green, and what stands on them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic.faces import Face, Label, Vector, ground_quad
from dcfm_ros.synthetic.sheet import Sheet

_FINE_CELL_M = 6.0
_WIDE_CELL_M = 13.0


@dataclass(frozen=True, eq=False)
class GroundRect:
    """An axis-aligned piece of ground; x0 < x1, y0 < y1, m.

    Attributes:
        x0: world, m.
        y0: world, m.
        x1: world, m.
        y1: world, m.
        label: class of the ground.
        sheet: texture, shown at `px_per_m`.
        px_per_m: texels per m.
        gain: brightness factor.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    label: int
    sheet: Sheet
    px_per_m: float
    gain: float = 1.0

    def faces(self) -> list[Face]:
        """Cut into cells small enough for one texture resolution each."""
        cell = _FINE_CELL_M if self.label in (Label.ROAD, Label.PAVEMENT) else _WIDE_CELL_M
        found = []
        for x0, x1 in _cuts(self.x0, self.x1, cell):
            for y0, y1 in _cuts(self.y0, self.y1, _WIDE_CELL_M):
                window = self._window(x0, y0, x1, y1)
                found.append(
                    ground_quad(
                        x0, y0, x1, y1, self.sheet, self.label, gain=self.gain, window=window
                    )
                )
        return found

    def _window(
        self, x0: float, y0: float, x1: float, y1: float
    ) -> tuple[float, float, float, float]:
        """Some part of the sheet for a cell, another one for each."""
        wide = min((x1 - x0) * self.px_per_m, self.sheet.width)
        high = min((y1 - y0) * self.px_per_m, self.sheet.height)
        room_x = max(self.sheet.width - wide, 1e-3)
        room_y = max(self.sheet.height - high, 1e-3)
        left, top = x0 * self.px_per_m * 1.618, y0 * self.px_per_m * 1.618
        return left % room_x, top % room_y, wide, high


def _cuts(low: float, high: float, cell: float) -> list[tuple[float, float]]:
    count = max(1, int(np.ceil((high - low) / cell)))
    edges = np.linspace(low, high, count + 1)
    return list(pairwise(edges.tolist()))


@dataclass(frozen=True, eq=False)
class Footprint:
    """Where an obstacle touches the ground: a convex polygon, counter-clockwise.

    Attributes:
        corners: (N, 2) world x, y in m.
        label: class of the obstacle.
    """

    corners: Vector
    label: int


def box_footprint(
    x: float, y: float, length: float, width: float, yaw: float, label: int
) -> Footprint:
    """Footprint of an upright box around (x, y), its length along `yaw` (rad)."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [length / 2, width / 2]
    c, s = np.cos(yaw), np.sin(yaw)
    return Footprint(half @ np.array([[c, s], [-s, c]]) + [x, y], int(label))


def ground_truth(
    points: Vector, rects: list[GroundRect], footprints: list[Footprint]
) -> npt.NDArray[np.uint8]:
    """Class of the ground plane at given points.

    Args:
        points: (..., 2) world x, y in m.
        rects: pieces of ground; the first that contains a point counts.
        footprints: obstacles standing on it; they win over the ground.

    Returns:
        (...) uint8 class, 255 where there is neither.
    """
    x, y = points[..., 0], points[..., 1]
    found = np.full(x.shape, Label.UNLABELLED, np.uint8)
    for rect in reversed(rects):
        inside = (x >= rect.x0) & (x < rect.x1) & (y >= rect.y0) & (y < rect.y1)
        found[inside] = rect.label
    for footprint in footprints:
        found[_inside_convex(x, y, footprint.corners)] = footprint.label
    return found


def _inside_convex(x: Vector, y: Vector, corners: Vector) -> npt.NDArray[np.bool_]:
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    if not inside.any():
        return np.asarray(inside, np.bool_)
    for p, q in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) >= 0
    return np.asarray(inside, np.bool_)
