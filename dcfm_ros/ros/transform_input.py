"""The live /tf and /tf_static, on their way into the buffer that a bag's go into as well."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from dcfm_ros.geometry import TransformBuffer
from dcfm_ros.ros import qos

_TOPICS = {"/tf": False, "/tf_static": True}


class TransformInput:
    """Subscribes the tree of frames.

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
            for topic, static in _TOPICS.items()
        ]

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
