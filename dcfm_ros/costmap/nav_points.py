"""Points for a reduced label image, pixel by pixel: what semantic layers of planners take."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.classes import UNKNOWN_CLASS, Kind
from dcfm_ros.costmap.contacts import Contacts
from dcfm_ros.costmap.depth_bounds import FARTHEST_MM, Millimetres
from dcfm_ros.costmap.evidence import Cells, Floats
from dcfm_ros.costmap.ground_plane import GroundTables
from dcfm_ros.costmap.ground_view import GroundView


def reduced_pixels(height: int, width: int, to_height: int, to_width: int) -> tuple[Cells, Cells]:
    """Rows (to_height,) and columns (to_width,) that `cv2.INTER_NEAREST_EXACT` keeps."""
    kept = []
    for size, to_size in ((height, to_height), (width, to_width)):
        index = np.arange(size, dtype=np.float32)[None]
        reduced = cv2.resize(index, (to_size, 1), interpolation=cv2.INTER_NEAREST_EXACT)
        kept.append(np.asarray(reduced[0], np.intp))
    return kept[0], kept[1]


def reduce_nearest(image: NDArray[np.uint8], to_height: int, to_width: int) -> NDArray[np.uint8]:
    """Reduce an (H, W) image to the pixels that `reduced_pixels` names, contiguous."""
    height, width = image.shape
    rows, columns = reduced_pixels(height, width, to_height, to_width)
    return np.ascontiguousarray(image[rows[:, None], columns])


def measured_points(tables: GroundTables, depth_mm: Millimetres, pixels: Cells) -> Floats:
    """(M, 3) points of flat pixels in the optical frame; NaN where depth is not known."""
    depth = depth_mm.take(pixels)
    known = (depth > 0) & (depth <= FARTHEST_MM)
    depth_m = np.where(known, depth * np.float32(1e-3), np.float32(np.nan))
    return _along_rays(tables, pixels, depth_m)


def plane_points(
    tables: GroundTables,
    labels: NDArray[np.uint8],
    pixels: Cells,
    kinds: NDArray[np.uint8],
    contacts: Contacts,
) -> Floats:
    """Place ground pixels on the plane, and obstacle pixels above the contact below them.

    Args:
        tables: of the camera on its mount.
        labels: (M,) class ids.
        pixels: (M,) their flat indices in the full image.
        kinds: (256,) by class.
        contacts: of the frame.

    Returns:
        (M, 3) float32 in the optical frame, m; NaN where the place is not known or out of range.
    """
    depth = np.full(len(pixels), np.nan, np.float32)
    view, table = tables.view, tables.pixels
    if view is None:
        return _along_rays(tables, pixels, depth)
    x, y, z = table.directions.take(pixels, axis=1)
    way = np.maximum(np.hypot(x, y), np.float32(1e-9))  # horizontal m per m of depth
    kind = np.asarray(cv2.LUT(labels[None], kinds), np.uint8)[0]
    direction, in_view = _directions(view, table.forward, x, y)
    reach = np.full(len(view.azimuths), np.nan, np.float32)
    classes = np.full(len(view.azimuths), UNKNOWN_CLASS, np.uint8)
    reach[contacts.directions], classes[contacts.directions] = contacts.ranges_m, contacts.classes
    with np.errstate(invalid="ignore"):
        fall = -z / way
        in_range = (fall >= view.slopes[view.reach - 1]) & (fall <= view.slopes[0])
        ground = in_view & in_range & (kind == Kind.GROUND)
        stands = in_view & (kind == Kind.OBSTACLE) & (labels == classes[direction])
    depth[ground] = np.float32(table.height_m) / -z[ground]
    depth[stands] = reach[direction[stands]] / way[stands]
    return _along_rays(tables, pixels, depth)


def _directions(
    view: GroundView, forward: Floats, x: Floats, y: Floats
) -> tuple[Cells, NDArray[np.bool_]]:
    """(M,) nearest direction of the ground view to each ray, and whether it has one."""
    azimuth = np.arctan2(forward[0] * y - forward[1] * x, forward[0] * x + forward[1] * y)
    spacing = view.azimuths[1] - view.azimuths[0]
    nearest = np.rint((np.nan_to_num(azimuth, nan=99.0) - view.azimuths[0]) / spacing)
    inside = (nearest >= 0) & (nearest < len(view.azimuths))
    return np.where(inside, nearest, 0).astype(np.intp), inside


def _along_rays(tables: GroundTables, pixels: Cells, depth: Floats) -> Floats:
    rays = tables.pixels.directions.take(pixels, axis=1) * depth  # (3, M) in the ground frame
    camera_from_ground = tables.pixels.ground_from_camera[:3, :3].T.astype(np.float32)
    return np.ascontiguousarray((camera_from_ground @ rays).T, np.float32)
