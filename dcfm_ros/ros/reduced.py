"""Size and calibration of the reduced images of ~/nav/*."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from dcfm_ros.geometry import Camera


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
