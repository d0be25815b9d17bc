"""The true grid of classes around the camera car, as a costmap would show it at its best."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic.faces import Vector
from dcfm_ros.synthetic.noise import Bytes
from dcfm_ros.synthetic.street import Street

_RESOLUTION_M = 0.1
_CELLS = 240
_FRACTION_BITS = 6


@dataclass(frozen=True, eq=False)
class TrueGrid:
    """Axis-aligned in the world.

    Attributes:
        class_ids: (H, W) uint8, row-major from the cell at the origin; 255 where nothing is known.
        origin_m: (x, y) of the corner of cell (0, 0), at whole cells.
        resolution_m: side of a cell.
    """

    class_ids: Bytes
    origin_m: tuple[float, float]
    resolution_m: float


def class_grid(street: Street, index: int, world_from_base: Vector) -> TrueGrid:
    """Grid of 24 x 24 m around the car at the time of a frame.

    Ground counts by the cells' centres; an obstacle has every cell that it touches.

    Args:
        street: the scene.
        index: of the frame.
        world_from_base: (4, 4) the car's pose then.
    """
    corner = np.floor(world_from_base[:2, 3] / _RESOLUTION_M) - _CELLS // 2
    centres = (corner[:, None] + np.arange(_CELLS) + 0.5) * _RESOLUTION_M
    points = np.stack(np.meshgrid(centres[0], centres[1]), -1)
    found = street.ground_truth_grid(index, points)
    for footprint in street.footprints(index):
        cells = footprint.corners / _RESOLUTION_M - corner - 0.5  # centres at whole numbers
        if (cells.max(axis=0) > -1).all() and (cells.min(axis=0) < _CELLS).all():
            _fill(found, cells, footprint.label)
    x, y = (float(value) for value in corner * _RESOLUTION_M)
    return TrueGrid(found, (x, y), _RESOLUTION_M)


def _fill(grid: Bytes, cells: npt.NDArray[np.float64], label: int) -> None:
    fixed = np.rint(cells * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.fillConvexPoly(grid, fixed, int(label), shift=_FRACTION_BITS)
