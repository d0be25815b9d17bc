"""What sensor_msgs/CameraInfo says of an image, in the pixels of that image."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from dcfm_ros.errors import GeometryError
from dcfm_ros.geometry.camera import DISTORTIONS, Camera

_SAME_ASPECT = 0.02
_NO_DISTORTION = ("", "none")
_RECTIFIED = re.compile(r"(?:^|[/_])rect(?:ified)?(?:[/_]|$)")


def camera_from_info(info: Any, width: int, height: int, *, rectified: bool = False) -> Camera:
    """Build the camera model of an image from its CameraInfo.

    Region of interest and binning are applied to K, and what then differs from the image's own size
    is scaled, with pixel centres at integers.

    Args:
        info: with the fields of sensor_msgs/CameraInfo, of rclpy or of a bag.
        width: of the image in px.
        height: of the image in px.
        rectified: the image is rectified already: take P, and no distortion.

    Raises:
        GeometryError: not calibrated, not finite, of another aspect ratio, or of an unknown lens.
    """
    k = _intrinsics(info, rectified)
    offset, region, binning = _window(info, width, height)
    k[0, 2] -= offset[0]
    k[1, 2] -= offset[1]
    scale = width / region[0], height / region[1]
    if abs(scale[0] * binning[0] / (scale[1] * binning[1]) - 1) > _SAME_ASPECT:
        expected = f"{region[0] // binning[0]}x{region[1] // binning[1]}"
        raise GeometryError(
            f"camera_info is for an image of {expected} px, but the image has "
            f"{width}x{height} px, another aspect ratio; use the camera_info that belongs to it"
        )
    return Camera(width, height, *_scaled(k, scale), *_lens(info, rectified))


def rectified_hint(image_topic: str, info: Any) -> str:
    """What to set where images are rectified, by their topic's name, and camera_info is not.

    The lens's distortion is taken out twice then. Empty where nothing speaks for it.
    """
    if not _RECTIFIED.search(image_topic) or not np.any(np.asarray(info.d, np.float64)):
        return ""
    return (
        f"{image_topic} says that images are rectified, but its camera_info has the lens's "
        "distortion, which is taken out again and bends what is straight: set "
        "costmap.projection.rectified (--costmap-set projection.rectified=true)"
    )


def _intrinsics(info: Any, rectified: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    name, given = ("p", info.p) if rectified else ("k", info.k)
    k = np.array(given, np.float64).reshape(3, -1)[:, :3]
    if not np.isfinite(k).all():
        raise GeometryError(
            f"camera_info.{name} has values that are not finite; calibrate the camera"
        )
    if k[0, 0] <= 0 or k[1, 1] <= 0:
        raise GeometryError(
            f"camera_info.{name} has focal lengths {k[0, 0]:g} and {k[1, 1]:g}, expected positive "
            "ones; the camera is not calibrated"
        )
    return k


def _window(
    info: Any, width: int, height: int
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Offset and size of the part of the sensor that the image shows, and its binning."""
    full = int(info.width) or width, int(info.height) or height
    binning = max(1, int(info.binning_x)), max(1, int(info.binning_y))
    roi = info.roi
    region = int(roi.width) or full[0], int(roi.height) or full[1]
    offset = int(roi.x_offset), int(roi.y_offset)
    if offset[0] + region[0] > full[0] or offset[1] + region[1] > full[1]:
        raise GeometryError(
            f"camera_info's region of {region[0]}x{region[1]} px at {offset} reaches beyond "
            f"its {full[0]}x{full[1]} px; correct roi, width and height in its publisher"
        )
    return offset, region, binning


def _scaled(
    k: np.ndarray[Any, np.dtype[np.float64]], scale: tuple[float, float]
) -> tuple[float, float, float, float]:
    """Give fx, fy, cx, cy after a resize: a pixel's centre moves with its area."""
    return (
        float(k[0, 0] * scale[0]),
        float(k[1, 1] * scale[1]),
        float((k[0, 2] + 0.5) * scale[0] - 0.5),
        float((k[1, 2] + 0.5) * scale[1] - 0.5),
    )


def _lens(info: Any, rectified: bool) -> tuple[str, tuple[float, ...]]:
    given = () if rectified else tuple(float(value) for value in info.d)
    model = str(info.distortion_model)
    if not np.isfinite(given).all():
        raise GeometryError("camera_info.d has values that are not finite; calibrate the camera")
    if not any(given) and (model in _NO_DISTORTION or model != "equidistant"):
        return "plumb_bob", ()
    if model not in DISTORTIONS:
        raise GeometryError(
            f"camera_info has distortion model {model!r}, expected one of "
            f"{', '.join(DISTORTIONS)}; calibrate with one of these, or rectify the images"
        )
    if len(given) not in DISTORTIONS[model]:
        counts = " or ".join(str(count) for count in DISTORTIONS[model])
        raise GeometryError(
            f"camera_info has {len(given)} coefficients for {model}, expected {counts}"
        )
    return model, given
