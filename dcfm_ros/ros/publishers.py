"""The node's output topics, and who asks them for what they cannot give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_policy_name_from_kind
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import LabelInfo

from dcfm_ros.msg import FrameStatus
from dcfm_ros.ros import qos
from dcfm_ros.ros.messages import mono8_image, rgb8_image

try:
    from rclpy.event_handler import PublisherEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks  # type: ignore[no-redef]

Mismatch = Callable[[str, str], None]
"""Called with (topic, policy) when a subscriber asks for a policy that the topic does not offer."""


class CameraPublishers:
    """The image topics of one camera: `~/label_image`; with a name, `~/front/label_image`."""

    def __init__(self, node: Node, camera: str, on_mismatch: Mismatch) -> None:
        prefix = output_prefix(camera)
        self._node = node
        self._labels = create_publisher(
            node, Image, prefix + "label_image", qos.image_output(), on_mismatch
        )
        self._confidence = create_publisher(
            node, Image, prefix + "confidence", qos.image_output(), on_mismatch
        )
        self._color = create_publisher(
            node, Image, prefix + "color_image", qos.image_output(), on_mismatch
        )

    @property
    def wants_confidence(self) -> bool:
        """True while somebody subscribes to it: only then is it computed."""
        return self._confidence.get_subscription_count() > 0

    @property
    def wants_color(self) -> bool:
        """True while somebody subscribes to it: only then is it computed."""
        return self._color.get_subscription_count() > 0

    def publish_labels(self, header: Header, labels: np.ndarray) -> None:
        """(H, W) uint8 class ids."""
        self._labels.publish(mono8_image(header, labels))

    def publish_confidence(self, header: Header, confidence: np.ndarray) -> None:
        """(H, W) uint8, 255 = certain."""
        self._confidence.publish(mono8_image(header, confidence))

    def publish_color(self, header: Header, rgb: np.ndarray) -> None:
        """(H, W, 3) uint8 RGB."""
        self._color.publish(rgb8_image(header, rgb))

    def close(self) -> None:
        """Remove the topics."""
        for publisher in (self._labels, self._confidence, self._color):
            self._node.destroy_publisher(publisher)


class SharedPublishers:
    """The topics that all cameras share: `~/status` and the latched `~/label_info`."""

    def __init__(self, node: Node, on_mismatch: Mismatch) -> None:
        self._node = node
        self._status = create_publisher(
            node, FrameStatus, "~/status", qos.status_output(), on_mismatch
        )
        self._label_info = create_publisher(
            node, LabelInfo, "~/label_info", qos.latched_output(), on_mismatch
        )

    def publish_status(self, status: FrameStatus) -> None:
        """What happened to one frame."""
        self._status.publish(status)

    def publish_label_info(self, info: LabelInfo) -> None:
        """Which class an id stands for."""
        self._label_info.publish(info)

    def close(self) -> None:
        """Remove the topics."""
        self._node.destroy_publisher(self._status)
        self._node.destroy_publisher(self._label_info)


def output_prefix(camera: str) -> str:
    """What the names of a camera's output topics begin with."""
    return f"~/{camera}/" if camera else "~/"


def create_publisher(
    node: Node, message_type: Any, topic: str, profile: QoSProfile, on_mismatch: Mismatch
) -> Publisher:
    """A publisher that tells of subscribers with other policies, and takes QoS overrides."""
    full_name = node.resolve_topic_name(topic)

    def incompatible(event: Any) -> None:
        on_mismatch(full_name, qos_policy_name_from_kind(event.last_policy_kind))

    return node.create_publisher(
        message_type,
        topic,
        profile,
        event_callbacks=PublisherEventCallbacks(incompatible_qos=incompatible),
        qos_overriding_options=qos.output_overrides(),
    )
