"""What sensor_msgs/CameraInfo says of an image, in the pixels of that image."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from dcfm_ros.errors import GeometryError
from dcfm_ros.geometry.camera import DISTORTIONS, Camera

_SAME_ASPECT = 0.02
_SHORTEST_FOCAL = 0.1
"""Of the image's width; a fisheye lens that sees half a sphere has 0.32."""
_OFF_CENTRE = 0.14
"""Share of width and height by which no lens sits beside the middle of its sensor both ways."""
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
    scaled = _scaled(k, scale)
    if scaled[0] < _SHORTEST_FOCAL * width:
        raise GeometryError(
            f"camera_info has a focal length of {scaled[0]:.3g} px for an image {width} px wide, "
            "which no lens has; give K in pixels, for the width and height beside it"
        )
    return Camera(width, height, *scaled, *_lens(info, rectified))


def info_beside(image_topic: str) -> str:
    """Where the calibration of a camera's images is by convention."""
    return _of_raw(image_topic).rpartition("/")[0] + "/camera_info"


def own_depth_infos(depth_topic: str, camera_info: str) -> tuple[str, ...]:
    """Where a depth camera's own calibration may be, likeliest first: not where the image's is."""
    below = _of_raw(depth_topic) + "/camera_info"
    return tuple(name for name in (info_beside(depth_topic), below) if name != camera_info)


def is_rectified(topic: str) -> bool:
    """Whether a topic's name says that its images are rectified."""
    return bool(_RECTIFIED.search(topic))


def camera_info_hints(image_topic: str, info: Any, *, rectified: bool = False) -> list[str]:
    """What is odd about a CameraInfo that can be used, and bends or shifts what is seen.

    Args:
        image_topic: that it belongs to.
        info: with the fields of sensor_msgs/CameraInfo.
        rectified: the image is said to be rectified.
    """
    hints = [_size_hint(image_topic, info, rectified)]
    if not rectified:
        hints.append(_rectified_hint(image_topic, info))
    return [hint for hint in hints if hint]


def _size_hint(image_topic: str, info: Any, rectified: bool) -> str:
    """Width and height are not those that K was found for: drivers that scale images set both."""
    size = int(info.width), int(info.height)
    k = np.array(info.p if rectified else info.k, np.float64).reshape(3, -1)
    if not all(size) or not np.isfinite(k).all() or k[0, 0] < _SHORTEST_FOCAL * size[0]:
        return ""
    centre = (k[0, 2] + 0.5) / size[0], (k[1, 2] + 0.5) / size[1]
    off = [share - 0.5 for share in centre]
    if min(off) < _OFF_CENTRE and max(off) > -_OFF_CENTRE:
        return ""
    meant = f"{round(2 * k[0, 2] + 1)}x{round(2 * k[1, 2] + 1)}"
    return (
        f"the camera_info of {image_topic} has its optical centre at {k[0, 2]:.0f}, {k[1, 2]:.0f} "
        f"in {size[0]}x{size[1]} px, far from the middle: unless images are cut out of larger "
        f"ones, its {'P' if rectified else 'K'} is for images of about {meant} px; let its "
        "publisher scale both or none"
    )


def _rectified_hint(image_topic: str, info: Any) -> str:
    """What to set where images are rectified, by their topic's name, and camera_info is not.

    The lens's distortion is taken out twice then. Empty where nothing speaks for it.
    """
    if not is_rectified(image_topic) or not np.any(np.asarray(info.d, np.float64)):
        return ""
    return (
        f"{image_topic} says that images are rectified, but its camera_info has the lens's "
        "distortion, which is taken out again and bends what is straight: set "
        "costmap.projection.rectified (--costmap-set projection.rectified=true)"
    )


def _of_raw(topic: str) -> str:
    return topic.removesuffix("/compressed").removesuffix("/compressedDepth")


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
