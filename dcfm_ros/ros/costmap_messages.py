"""What the costmap publishes as messages: grids, clouds of points, the calibration of ~/nav/*.

Grids are axis-aligned in the global frame, row-major from the corner of cell 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from nav_msgs.msg import MapMetaData, OccupancyGrid
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, PointCloud2, PointField
from std_msgs.msg import Header

from dcfm_ros.costmap import CostGrid, GridSettings
from dcfm_ros.costmap.classes import UNKNOWN_CLASS
from dcfm_ros.geometry import Camera
from dcfm_ros.msg import ClassGrid
from dcfm_ros.ros.messages import int8_field, time_message, uint8_field
from dcfm_ros.ros.settings import LiveCostmapSettings

_PLACE = ("x", "y", "z")
_OBSTACLE = np.dtype(
    {
        "names": [*_PLACE, "class_id", "confidence"],
        "formats": ["<f4", "<f4", "<f4", "u1", "u1"],
        "offsets": [0, 4, 8, 12, 13],
        "itemsize": 16,
    }
)
_BARE = np.dtype([(name, "<f4") for name in _PLACE])
_TYPES = {"<f4": PointField.FLOAT32, "|u1": PointField.UINT8}


def occupancy_grid(grid: CostGrid, frame_id: str) -> OccupancyGrid:
    """Costs: -1 unknown, 0 to 98 graded, 100 lethal."""
    message = OccupancyGrid()
    message.header = _header(grid, frame_id)
    message.info = _info(grid)
    message.data = int8_field(grid.costs)
    return message


def class_grid(grid: CostGrid, frame_id: str) -> ClassGrid:
    """Classes and confidence, with the geometry and the stamp of the costs."""
    message = ClassGrid()
    message.header = _header(grid, frame_id)
    message.info = _info(grid)
    message.class_id = uint8_field(grid.class_ids)
    message.confidence = uint8_field(grid.confidence)
    return message


def unknown_grid(
    settings: GridSettings, origin_m: tuple[float, float] | None, stamp_ns: int
) -> CostGrid:
    """A grid of which nothing is known, as it clears what consumers hold.

    Args:
        settings: its size.
        origin_m: (x, y) of the corner of cell (0, 0); None for one around the frame's origin.
        stamp_ns: its time.
    """
    width, height = settings.cells
    size = settings.resolution_m
    return CostGrid(
        costs=np.full((height, width), settings.unknown_value, np.int8),
        class_ids=np.full((height, width), UNKNOWN_CLASS, np.uint8),
        confidence=np.zeros((height, width), np.uint8),
        origin_m=origin_m or (-(width // 2) * size, -(height // 2) * size),
        resolution_m=size,
        stamp_ns=stamp_ns,
    )


def _header(grid: CostGrid, frame_id: str) -> Header:
    return Header(stamp=time_message(grid.stamp_ns), frame_id=frame_id)


def _info(grid: CostGrid) -> MapMetaData:
    info = MapMetaData()
    info.map_load_time = time_message(grid.stamp_ns)
    info.resolution = float(grid.resolution_m)
    info.height, info.width = grid.costs.shape
    info.origin.position.x, info.origin.position.y = map(float, grid.origin_m)
    info.origin.orientation.w = 1.0
    return info


def obstacle_cloud(
    header: Header,
    points: NDArray[np.float32],
    class_ids: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
) -> PointCloud2:
    """Points with class and confidence, in no order.

    Args:
        points: (N, 3) x, y, z in m in the frame of the header.
        class_ids: (N,).
        confidence: (N,) 0 to 255.
    """
    rows = np.zeros(len(points), _OBSTACLE)
    for axis, name in enumerate(_PLACE):
        rows[name] = points[:, axis]
    rows["class_id"], rows["confidence"] = class_ids, confidence
    return _cloud(header, rows.reshape(1, -1), dense=True)


def organised_cloud(header: Header, points: NDArray[np.float32]) -> PointCloud2:
    """One point for each pixel of an image, NaN where it is unknown.

    Args:
        points: (H, W, 3) x, y, z in m in the frame of the header.
    """
    rows = np.ascontiguousarray(points, "<f4").view(_BARE)[..., 0]
    return _cloud(header, rows, dense=False)


def _cloud(header: Header, rows: np.ndarray[Any, Any], *, dense: bool) -> PointCloud2:
    kind = rows.dtype
    message = PointCloud2()
    message.header = header
    message.height, message.width = rows.shape
    message.fields = [_field(name, *kind.fields[name][:2]) for name in kind.names]
    message.is_bigendian = False
    message.point_step = kind.itemsize
    message.row_step = kind.itemsize * rows.shape[1]
    message.data = uint8_field(rows)
    message.is_dense = dense
    return message


def _field(name: str, kind: np.dtype[Any], offset: int) -> PointField:
    return PointField(name=name, offset=offset, datatype=_TYPES[kind.str], count=1)


def nav_scale(settings: LiveCostmapSettings, focal_px: float) -> float:
    """Size of ~/nav/* as a share of the image's: as set, or what leaves few cells without a pixel.

    At half a cell across the range that is looked at, every cell is met across the view, and along
    it up to where the flat view gets too steep: some 6 m at 1.5 m above the ground.

    Args:
        focal_px: of the full image.
    """
    if settings.nav_scale:
        return settings.nav_scale
    pixels_per_radian = settings.projection.max_range_m / (0.5 * settings.grid.resolution_m)
    return min(1.0, pixels_per_radian / focal_px)


def reduced_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """(height, width) of an image reduced by a share of its size; at least one pixel."""
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduced_info(header: Header, info: Any, camera: Camera, *, rectified: bool) -> CameraInfo:
    """The calibration of a reduced image, without region and binning, which are applied to it.

    Args:
        header: the image's.
        info: sensor_msgs/CameraInfo of the camera.
        camera: its model at the reduced size.
        rectified: whether `camera` comes from P, as that of an image that is rectified already.
    """
    message = CameraInfo()
    message.header = header
    message.height, message.width = camera.height, camera.width
    message.distortion_model = camera.model
    message.d = [float(value) for value in (camera.d or (0.0,) * 5)]
    message.k = camera.k.reshape(-1)
    message.r = np.eye(3).reshape(-1) if rectified else np.array(info.r, np.float64)
    given = np.array(info.p if rectified else info.k, np.float64).reshape(3, -1)[:, :3]
    reduced_from_given = camera.k @ _without_skew(given)
    message.p = (reduced_from_given @ np.array(info.p, np.float64).reshape(3, 4)).reshape(-1)
    return message


def _without_skew(k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels to rays, (3, 3)."""
    plain = np.array([[k[0, 0], 0, k[0, 2]], [0, k[1, 1], k[1, 2]], [0, 0, 1.0]])
    return np.asarray(np.linalg.inv(plain), np.float64)
