"""Depth images as they come, brought to the pixels of the labels."""

from __future__ import annotations

from typing import Any

from dcfm_ros.costmap.builder import CostmapBuilder, DepthImage
from dcfm_ros.costmap.depth import depth_in_mm, is_same_aspect
from dcfm_ros.costmap.depth_matches import not_registered, other_aspect
from dcfm_ros.costmap.depth_registration import DepthRegistration, see_alike
from dcfm_ros.errors import GeometryError
from dcfm_ros.geometry import Camera, camera_from_info, is_rectified
from dcfm_ros.images.depth import to_depth


class DepthAligner:
    """Takes depth as it is where it is aligned, and registers that of another lens or place.

    Attributes:
        topics: of the depth images, by camera.
    """

    def __init__(self, builder: CostmapBuilder) -> None:
        self.topics: dict[str, str] = {}
        self._builder = builder
        self._registrations: dict[str, DepthRegistration] = {}

    def bring(
        self, name: str, message: Any, own_info: Any, frame_id: str, camera: Camera, stamp_ns: int
    ) -> tuple[DepthImage | None, str]:
        """Give the depth that a camera would have measured, or why that cannot be told.

        Args:
            name: of the camera.
            message: sensor_msgs/Image or CompressedImage.
            own_info: sensor_msgs/CameraInfo of the depth camera; None: depth is aligned.
            frame_id: optical frame of the labels.
            camera: at the size of the labels.
            stamp_ns: of the labels; the depth camera is where it was then.

        Raises:
            ImageError: it is no depth image, or cannot be read.
        """
        depth, size = to_depth(message), (camera.height, camera.width)
        if own_info is None:
            fits = is_same_aspect(depth.shape, size)
            return (depth, "") if fits else (None, other_aspect(depth.shape, size))
        frame = frame_of(message) or frame_of(own_info) or frame_id
        try:
            in_place = self._builder.in_one_place(frame, frame_id, stamp_ns)
            own = self._own_camera(name, depth, own_info, in_place)
            if in_place and see_alike(own, camera):
                return depth, ""
            pose = self._builder.pose(frame_id, frame, stamp_ns)
        except GeometryError as error:
            return None, not_registered(frame, str(error))
        known = self._registrations.get(name)
        if known is None or (known.source, known.target) != (own, camera):
            known = self._registrations[name] = DepthRegistration(own, camera)
        return known.register(depth_in_mm(depth, *depth.shape), pose), ""

    def _own_camera(self, name: str, depth: DepthImage, info: Any, in_place: bool) -> Camera:
        """The depth camera; rectified by its topic's name, or as the image is in whose place."""
        rectified = is_rectified(self.topics.get(name, ""))
        rectified |= in_place and self._builder.settings.projection.rectified
        height, width = depth.shape
        return camera_from_info(info, width, height, rectified=rectified and info.p[0] > 0)


def frame_of(message: Any) -> str:
    """The frame_id of a message with a header, as tf names it."""
    return str(message.header.frame_id).removeprefix("/")
