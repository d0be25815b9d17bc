"""A second camera beside the rendered street's own, which measures depth with a lens of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dcfm_ros.bags.types import message_class
from dcfm_ros.synthetic import Street
from dcfm_ros.synthetic.render import render
from dcfm_ros.synthetic.view import View

FRAME = "depth_optical_frame"
SHIFT_M = 0.05


@dataclass(frozen=True)
class DepthCamera:
    """5 cm to the right of the colour camera, wider, of another size.

    Attributes:
        street: that it looks at.
        width: of its images in px.
        height: of its images in px.
    """

    street: Street
    width: int
    height: int

    @property
    def k(self) -> np.ndarray:
        """(3, 3), not that of a resized colour image."""
        focal = 0.8 * self.street.frame(0).k[0, 0] * self.width / self.street.settings.width
        return np.array(
            [[focal, 0, self.width / 2 + 1.5], [0, focal, self.height / 2 - 2.5], [0, 0, 1.0]]
        )

    def depth(self, index: int, header: Any) -> Any:
        """sensor_msgs/Image 16UC1 of the street at a frame, with the stamp of a header."""
        scene = self.street._scene(index)
        world_from_camera = self.street.world_from_base(index) @ scene.base_from_camera
        world_from_camera = world_from_camera @ self.camera_from_depth
        view = View(self.k, np.linalg.inv(world_from_camera), self.width, self.height)
        metres = render(view, scene.faces(index, view.position)).depth_m()
        found = np.nan_to_num(metres * 1e3, nan=0.0, posinf=0.0)
        data = np.where(found > 65535, 0, found).astype("<u2").view(np.uint8).ravel()
        made = message_class("sensor_msgs/msg/Image")
        return made(self._header(header), self.height, self.width, "16UC1", 0, 2 * self.width, data)

    def info(self, like: Any) -> Any:
        """sensor_msgs/CameraInfo beside it, made from the colour camera's."""
        p = np.column_stack([self.k, np.zeros(3)]).ravel()
        values = {**vars(like), "header": self._header(like.header), "k": self.k.ravel(), "p": p}
        return type(like)(**{**values, "width": self.width, "height": self.height})

    def mount(self, like: Any) -> Any:
        """geometry_msgs/TransformStamped: the depth camera in the frame of the colour camera."""
        made, transform = type(like), like.transform
        header = type(like.header)(like.header.stamp, like.child_frame_id)
        shift = type(transform.translation)(SHIFT_M, 0.0, 0.0)
        turn = type(transform.rotation)(0.0, 0.0, 0.0, 1.0)
        return made(header, FRAME, type(transform)(shift, turn))

    @property
    def camera_from_depth(self) -> np.ndarray:
        """(4, 4), optical frames, m."""
        found = np.eye(4)
        found[0, 3] = SHIFT_M
        return found

    def _header(self, header: Any) -> Any:
        return type(header)(header.stamp, FRAME)
