"""One camera's calibration, as it comes beside its images."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo

from dcfm_ros.ros import qos


class CameraInfoInput:
    """Subscribes one camera's calibration and keeps the latest.

    Args:
        camera: its name; empty for the single unnamed camera.
        image_topic: full name of what is subscribed for images.
        changed: called after each message.

    Attributes:
        topic: its full name.
        latest: the last message; None before the first.
    """

    def __init__(
        self, node: Node, camera: str, image_topic: str, changed: Callable[[], None]
    ) -> None:
        self.topic = topic_beside(node, camera, image_topic)
        self.latest: CameraInfo | None = None
        self._node = node
        self._changed = changed
        self._subscription: Subscription | None = node.create_subscription(
            CameraInfo,
            self.topic,
            self._receive,
            qos.camera_info_input(),
            qos_overriding_options=qos.output_overrides(),
        )

    @property
    def publishers(self) -> int:
        """How many there are."""
        return self._node.count_publishers(self.topic)

    @property
    def may_come(self) -> bool:
        """Whether there is a calibration, or somebody who may send one."""
        return self.latest is not None or self.publishers > 0

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _receive(self, message: CameraInfo) -> None:
        self.latest = message
        self._changed()


def topic_beside(node: Node, camera: str, image_topic: str) -> str:
    """The full name of a camera's camera_info: remapped, else beside the resolved image topic.

    Args:
        camera: its name; empty for the single unnamed camera.
        image_topic: full name of what is subscribed for images.
    """
    relative = f"{camera}/camera_info" if camera else "camera_info"
    remapped = node.resolve_topic_name(relative)
    if remapped != node.resolve_topic_name(relative, only_expand=True):
        return remapped
    return image_topic.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"
