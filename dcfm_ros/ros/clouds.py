"""Points as sensor_msgs/PointCloud2."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from dcfm_ros.ros.messages import uint8_field

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
