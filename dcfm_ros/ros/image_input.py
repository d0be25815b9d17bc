"""One camera's image subscription: its topic, its reliability, what stands in its way."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSReliabilityPolicy, qos_policy_name_from_kind
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from dcfm_ros.errors import SettingsError
from dcfm_ros.ros import qos

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import (  # type: ignore[no-redef]
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

_PACKED_DEPTH = "/compressedDepth"
_IMAGE_TYPES = {Image: "sensor_msgs/msg/Image", CompressedImage: "sensor_msgs/msg/CompressedImage"}


@dataclass(frozen=True)
class InputState:
    """What is known about an image input, for diagnostics."""

    topic: str
    reliability: str
    publishers: int
    lost_messages: int
    """By the middleware, before the node saw them."""
    problem: str
    """Why no image can come, in words; empty if all is well."""


class ImageInput:
    """Subscribes one camera's images and passes them on.

    Args:
        relative_topic: `image`, or `front/image` for the camera `front`, before remapping.
        transport: raw, compressed, or depth: raw, or packed on the same topic or beside it.
        reliability: auto, reliable or best_effort.
        receive: called with each message, in the executor: it must return at once.
        warn: called with (kind, text) for problems; expected to throttle.
    """

    def __init__(
        self,
        node: Node,
        relative_topic: str,
        transport: str,
        reliability: str,
        receive: Callable[[Any], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._node = node
        self._transport = transport
        self._choices = _choices(node, relative_topic, transport)
        self.topic, self._type = self._choices[0]
        self._requested = _reliability_override(node, self.topic) or reliability
        self._receive = receive
        self._warn = warn
        self._lost_messages = 0
        self._problem = ""
        self._reliability = qos.choose_reliability(self._requested, self._offered())
        self._subscription: Subscription | None = self._subscribe()

    def refresh(self) -> None:
        """Look at the publishers again; subscribe afresh if another reliability suits them."""
        if self._subscription is None:
            return
        self._follow_publishers()
        offered = self._offered()
        wanted = qos.choose_reliability(self._requested, offered, self._reliability)
        if wanted != self._reliability:
            self._node.get_logger().info(
                f"{self.topic}: its publishers offer {_names(offered)}; subscribing {wanted.name}"
            )
            self._node.destroy_subscription(self._subscription)
            self._reliability = wanted
            self._subscription = self._subscribe()
        self._problem = self._find_problem(offered)
        if self._problem:
            self._warn(f"{self.topic} problem", self._problem)

    def state(self) -> InputState:
        """What diagnostics report."""
        return InputState(
            self.topic,
            self._reliability.name.lower(),
            len(self._offered()),
            self._lost_messages,
            self._problem,
        )

    def similar_topics(self) -> list[str]:
        """Image topics that do exist, most similar names first, with their types."""
        own = self._node.get_fully_qualified_name() + "/"
        types = set(_IMAGE_TYPES.values())
        found = {
            name: kind
            for name, kinds in self._node.get_topic_names_and_types()
            for kind in kinds
            if kind in types and not name.startswith(own)
            if name != self.topic and self._node.count_publishers(name)
        }
        nearest = difflib.get_close_matches(self.topic, list(found), n=5, cutoff=0.0)
        return [f"{name} ({found[name].rpartition('/')[2]})" for name in nearest]

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _follow_publishers(self) -> None:
        """Subscribe another of the topics that may hold the images, once only that has any.

        Not every driver ends its name in `/compressed`: only publishers can tell.
        """
        if self._offered():
            return
        found = next((choice for choice in self._choices if self._offered(*choice)), None)
        if found is None:
            return
        topic, kind = found
        self._node.get_logger().info(
            f"{topic}: holds {kind.__name__}; subscribing it in place of {self._type.__name__} on "
            f"{self.topic}"
        )
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self.topic, self._type = found
        self._reliability = qos.choose_reliability(self._requested, self._offered())
        self._subscription = self._subscribe()

    def _subscribe(self) -> Subscription:
        try:
            return self._create(self._count_lost)
        except UnsupportedEventTypeError:  # this middleware does not tell
            return self._create(None)

    def _create(self, message_lost: Callable[[Any], None] | None) -> Subscription:
        return self._node.create_subscription(
            self._type,
            self.topic,
            self._receive,
            qos.image_input(self._reliability),
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=self._on_incompatible, message_lost=message_lost
            ),
            qos_overriding_options=qos.input_overrides(),
        )

    def _count_lost(self, event: Any) -> None:
        self._lost_messages += event.total_count_change

    def _on_incompatible(self, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        before = self._reliability
        self.refresh()
        if self._reliability == before and not self._problem:
            self._warn(
                f"{self.topic} qos",
                f"{self.topic}: a publisher offers an incompatible {policy} policy; "
                "no image comes from it",
            )

    def _offered(self, topic: str = "", kind: type | None = None) -> list[QoSReliabilityPolicy]:
        return [
            endpoint.qos_profile.reliability
            for endpoint in self._node.get_publishers_info_by_topic(topic or self.topic)
            if endpoint.topic_type == _IMAGE_TYPES[kind or self._type]
        ]

    def _find_problem(self, offered: list[QoSReliabilityPolicy]) -> str:
        best_effort = QoSReliabilityPolicy.BEST_EFFORT
        if self._reliability == QoSReliabilityPolicy.RELIABLE and best_effort in offered:
            deaf = f"{offered.count(best_effort)} of {len(offered)} publishers"
            return (
                f"{self.topic}: {deaf} offer only best_effort RELIABILITY, but this node asks for "
                "reliable and gets nothing from them; set image_reliability to auto"
            )
        others = {
            endpoint.topic_type
            for endpoint in self._node.get_publishers_info_by_topic(self.topic)
            if endpoint.topic_type != _IMAGE_TYPES[self._type]
        }
        if others and not offered:
            return (
                f"{self.topic}: published as {', '.join(sorted(others))}, but image_transport "
                f"{self._transport} needs {_IMAGE_TYPES[self._type]}; change image_transport or "
                "the topic"
            )
        return ""


def _choices(node: Node, relative_topic: str, transport: str) -> list[tuple[str, type]]:
    """Topics that may hold the images, with their types; the first is right if nobody publishes."""
    named = node.resolve_topic_name(relative_topic)
    if transport == "compressed":
        compressed = resolve(node, relative_topic, transport)
        return [(compressed, CompressedImage), (named, CompressedImage)]
    if transport == "depth":
        packed = (named + _PACKED_DEPTH, CompressedImage)
        return [(named, Image), (named, CompressedImage), packed]
    return [(named, Image)]


def resolve(node: Node, relative_topic: str, transport: str) -> str:
    """The full name of the topic to subscribe.

    Compressed images are on the *resolved* image topic + `/compressed`, so that remapping `image`
    is enough. A rule for `image/compressed` itself goes first; a topic that ends in `/compressed`
    is taken as it is.
    """
    topic = node.resolve_topic_name(relative_topic)
    if transport == "raw":
        return topic
    relative_compressed = relative_topic + "/compressed"
    compressed = node.resolve_topic_name(relative_compressed)
    if compressed != node.resolve_topic_name(relative_compressed, only_expand=True):
        return compressed
    return topic if topic.endswith("/compressed") else topic + "/compressed"


def _reliability_override(node: Node, topic: str) -> str:
    """The user's qos_overrides.<topic>.subscription.reliability; empty: not given.

    Read once, as rclpy's own overrides are, and so as read-only as they are.
    """
    name = f"qos_overrides.{topic}.subscription.reliability"
    if not node.has_parameter(name):
        node.declare_parameter(name, "", ParameterDescriptor(read_only=True))
    value = str(node.get_parameter(name).value)
    if value not in ("", "auto", "reliable", "best_effort"):
        raise SettingsError(
            f"parameter {name}: found {value!r}, expected auto, reliable or best_effort"
        )
    return value


def _names(offered: list[QoSReliabilityPolicy]) -> str:
    return " and ".join(sorted({policy.name for policy in offered}))
