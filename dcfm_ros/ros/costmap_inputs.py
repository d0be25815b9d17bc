"""What the costmap needs beside the labels: transforms, and each camera's calibration and depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage

from dcfm_ros.geometry import TransformBuffer, camera_info_hints, info_beside, own_depth_infos
from dcfm_ros.ros import qos
from dcfm_ros.ros.image_input import ImageInput

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks  # type: ignore[no-redef]

_TF_TOPICS = {"/tf": False, "/tf_static": True}


class Taker(Protocol):
    """Where all of it goes; each call returns at once."""

    transforms: TransformBuffer

    def wake(self) -> None:
        """Transforms have come."""

    def take_info(self, camera: str, message: CameraInfo) -> None:
        """A calibration has come."""

    def take_depth(self, camera: str, message: Any) -> None:
        """A depth image has come."""

    def take_depth_info(self, camera: str, message: CameraInfo) -> None:
        """The calibration of the depth camera itself has come."""


@dataclass(frozen=True)
class CameraInputs:
    """One camera's."""

    info: CameraInfoInput
    depth: ImageInput
    depth_infos: tuple[CameraInfoInput, ...]
    """Topics that may hold the calibration of the depth camera itself."""


class CostmapInputs:
    """Subscriptions from activate to deactivate.

    Args:
        image_topics: full name of what is subscribed for images, by camera.
        reliability: of depth images: auto, reliable or best_effort.
        rectified: whether images are known to be rectified.
        taker: gets what comes.
        warn: called with (kind, text) for problems; expected to throttle.
    """

    def __init__(
        self,
        node: Node,
        image_topics: Mapping[str, str],
        reliability: str,
        rectified: bool,
        taker: Taker,
        warn: Callable[[str, str], None],
    ) -> None:
        self.cameras: dict[str, CameraInputs] = {}
        self._rectified, self._taker, self._warn = rectified, taker, warn
        with ExitStack() as undo:
            self._tree = TransformInput(node, taker.transforms, taker.wake, warn)
            undo.callback(self._tree.close)
            for name, image_topic in image_topics.items():
                take_info = partial(self._take_info, name, image_topic)
                info = CameraInfoInput(node, topic_beside(node, name, image_topic), take_info)
                undo.callback(info.close)
                relative = f"{name}/depth" if name else "depth"
                take_depth = partial(taker.take_depth, name)
                depth = ImageInput(node, relative, "depth", reliability, take_depth, warn)
                undo.callback(depth.close)
                depth_infos = []
                for topic in _own_depth_infos(node, relative, info.topic):
                    take = partial(taker.take_depth_info, name)
                    depth_infos.append(CameraInfoInput(node, topic, take))
                    undo.callback(depth_infos[-1].close)
                self.cameras[name] = CameraInputs(info, depth, tuple(depth_infos))
            self._undo = undo.pop_all()

    def refresh(self) -> None:
        """Look at the publishers again."""
        self._tree.refresh()
        for camera in self.cameras.values():
            camera.depth.refresh()
            for info in (camera.info, *camera.depth_infos):
                info.refresh()

    def close(self) -> None:
        """Unsubscribe from everything."""
        self._undo.close()

    def _take_info(self, camera: str, image_topic: str, message: CameraInfo) -> None:
        for hint in camera_info_hints(image_topic, message, rectified=self._rectified):
            self._warn(f"{camera}: {hint}", hint)
        self._taker.take_info(camera, message)


class TransformInput:
    """The live /tf and /tf_static, on their way into the buffer that a bag's go into as well.

    In a callback group of its own, so that in a multi-threaded executor no other callback holds it
    up.

    Args:
        buffer: takes what comes.
        changed: called after each message.
        warn: called with (kind, text) for transforms that are refused; expected to throttle.
    """

    def __init__(
        self,
        node: Node,
        buffer: TransformBuffer,
        changed: Callable[[], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._buffer = buffer
        self._node = node
        self._changed = changed
        self._warn = warn
        group = MutuallyExclusiveCallbackGroup()
        self._subscriptions = [
            node.create_subscription(
                TFMessage,
                topic,
                partial(self._receive, static),
                qos.transforms_input(static),
                callback_group=group,
            )
            for topic, static in _TF_TOPICS.items()
        ]

    def refresh(self) -> None:
        """Say where transforms are published while none come on the topics that are subscribed."""
        own = {subscription.topic_name for subscription in self._subscriptions}
        if any(self._node.count_publishers(topic) for topic in own):
            return
        elsewhere = sorted(
            name
            for name, kinds in self._node.get_topic_names_and_types()
            if "tf2_msgs/msg/TFMessage" in kinds and name not in own
            if self._node.count_publishers(name)
        )
        if elsewhere:
            rules = " ".join(
                f"-r {usual}:={name}"
                for name in elsewhere
                for usual in (name[name.rindex("/") :],)
                if usual in _TF_TOPICS
            )
            self._warn(
                "tf elsewhere",
                f"nobody publishes transforms on {' and '.join(sorted(own))}, but somebody does on "
                f"{', '.join(elsewhere)}: start the node with --ros-args {rules} (or launch it "
                "with tf_topic and tf_static_topic)",
            )

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def _receive(self, static: bool, message: Any) -> None:
        for problem in self._buffer.feed(message, static=static):
            # The part before "ignored" names the frames, the rest the numbers.
            self._warn("tf " + problem.partition(" ignored")[0], problem)
        self._changed()


class CameraInfoInput:
    """One camera's calibration, as it comes with each image or, latched, once.

    Args:
        topic: its full name.
        receive: called with each message, in the executor: it must return at once.

    Attributes:
        topic: its full name.
        has_arrived: whether a calibration has come.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        receive: Callable[[CameraInfo], None],
    ) -> None:
        self.topic = topic
        self.has_arrived = False
        self._node = node
        self._pass_on = receive
        self._subscription: Subscription | None = node.create_subscription(
            CameraInfo,
            self.topic,
            self._receive,
            qos.camera_info_input(),
            qos_overriding_options=qos.output_overrides(),
        )
        self._latched: Subscription | None = None
        self.refresh()

    @property
    def publishers(self) -> int:
        """How many there are."""
        return self._node.count_publishers(self.topic)

    @property
    def may_come(self) -> bool:
        """Whether there is a calibration, or somebody who may send one."""
        return self.has_arrived or self.publishers > 0

    def refresh(self) -> None:
        """Ask publishers that latch for what they sent before, once there is one.

        Only then: others would warn in their log that they cannot serve such a subscription.
        """
        if self._latched is not None or self._subscription is None:
            return
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        latched = QoSDurabilityPolicy.TRANSIENT_LOCAL
        if any(endpoint.qos_profile.durability == latched for endpoint in publishers):
            self._latched = self._node.create_subscription(
                CameraInfo,
                self.topic,
                self._receive,
                qos.latched_camera_info_input(),
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            )

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in (self._subscription, self._latched):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        self._subscription = self._latched = None

    def _receive(self, message: CameraInfo) -> None:
        self.has_arrived = True
        self._pass_on(message)


def topic_beside(node: Node, camera: str, image_topic: str) -> str:
    """The full name of a camera's camera_info: remapped, else beside the resolved image topic.

    Args:
        camera: its name; empty for the single unnamed camera.
        image_topic: full name of what is subscribed for images.
    """
    relative = f"{camera}/camera_info" if camera else "camera_info"
    return _remapped(node, relative) or info_beside(image_topic)


def _own_depth_infos(node: Node, depth: str, camera_info: str) -> tuple[str, ...]:
    """Where the calibration of a depth camera itself may be: as remapped, else beside depth."""
    remapped = _remapped(node, depth + "/camera_info")
    likely = own_depth_infos(node.resolve_topic_name(depth), camera_info)
    return (remapped,) if remapped else likely


def _remapped(node: Node, relative: str) -> str:
    """The full name that a rule gives a topic; empty where there is none."""
    found = node.resolve_topic_name(relative)
    return "" if found == node.resolve_topic_name(relative, only_expand=True) else found
