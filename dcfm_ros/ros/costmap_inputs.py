"""What the costmap needs beside the labels: transforms, and each camera's calibration and depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from rclpy.node import Node

from dcfm_ros.geometry import TransformBuffer
from dcfm_ros.ros.camera_info_input import CameraInfoInput
from dcfm_ros.ros.depth_input import DepthInput
from dcfm_ros.ros.transform_input import TransformInput


@dataclass(frozen=True)
class CameraInputs:
    """One camera's."""

    info: CameraInfoInput
    depth: DepthInput


class CostmapInputs:
    """Subscriptions from activate to deactivate.

    Args:
        image_topics: full name of what is subscribed for images, by camera.
        reliability: of depth images: auto, reliable or best_effort.
        transforms: takes what comes on /tf and /tf_static.
        changed: called when something came that a frame may wait for.
        warn: called with (kind, text) for problems; expected to throttle.
    """

    def __init__(
        self,
        node: Node,
        image_topics: Mapping[str, str],
        reliability: str,
        transforms: TransformBuffer,
        changed: Callable[[], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self.cameras: dict[str, CameraInputs] = {}
        with ExitStack() as undo:
            tree = TransformInput(node, transforms, changed, warn)
            undo.callback(tree.close)
            for name, image_topic in image_topics.items():
                info = CameraInfoInput(node, name, image_topic, changed)
                undo.callback(info.close)
                relative = f"{name}/depth" if name else "depth"
                depth = DepthInput(node, relative, reliability, changed, warn)
                undo.callback(depth.close)
                self.cameras[name] = CameraInputs(info, depth)
            self._undo = undo.pop_all()

    def refresh(self) -> None:
        """Look at the publishers again."""
        for camera in self.cameras.values():
            camera.depth.refresh()

    def close(self) -> None:
        """Unsubscribe from everything."""
        self._undo.close()
