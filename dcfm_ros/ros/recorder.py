"""Writes what the node publishes into a bag, as it came off the wire."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from vision_msgs.msg import LabelInfo

from dcfm_ros.msg import ClassGrid, FrameStatus
from dcfm_ros.ros.executor import spin

_DEPTH = 100
_TYPES = {
    "label_image": (Image, "sensor_msgs/msg/Image"),
    "color_image": (Image, "sensor_msgs/msg/Image"),
    "status": (FrameStatus, "dcfm_ros/msg/FrameStatus"),
    "label_info": (LabelInfo, "vision_msgs/msg/LabelInfo"),
    "class_grid": (ClassGrid, "dcfm_ros/msg/ClassGrid"),
}
_LATCHED = ("label_info",)


class Sink(Protocol):
    """What takes the messages: a `BagWriter`, or what looks at them as they come."""

    def write_raw(
        self, topic: str, kind: str, cdr: bytes, log_ns: int, *, latched: bool = False
    ) -> None:
        """Take a serialised message."""
        ...


class Recorder:
    """Subscribes to the outputs of a node `segmenter`; messages stay serialised.

    Args:
        bag: receives every message; only written to while `recording`.
        name: the node's full name.
        outputs: to subscribe to; the node computes some for subscribers only. Default: all.
    """

    def __init__(
        self, bag: Sink, name: str = "/segmenter", outputs: Collection[str] = tuple(_TYPES)
    ) -> None:
        self.counts: Counter[str] = Counter()
        """Messages by output, e.g. `label_image`."""
        self._bag = bag
        self._outputs = outputs
        self._name = name
        self._news = threading.Condition()
        self._last_status = b""
        self._problem: Exception | None = None
        self._node: Node = rclpy.create_node(f"dcfm_record_{os.getpid()}")

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record within the `with` block."""
        for output in self._outputs:
            message_type, kind = _TYPES[output]
            receive = partial(self._receive, output, f"{self._name}/{output}", kind)
            self._node.create_subscription(
                message_type, f"{self._name}/{output}", receive, _profile(output), raw=True
            )
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        try:
            with spin(executor, self._node.get_logger()):
                yield
        finally:
            executor.shutdown()
            self._node.destroy_node()

    def wait(self, condition: Callable[[], bool], most_s: float) -> bool:
        """Wait until the condition holds; it is looked at after every message.

        Args:
            most_s: give up when no message has come for this long.

        Returns:
            Whether it holds.

        Raises:
            Exception: what went wrong while writing the bag.
        """
        with self._news:
            while not condition():
                if self._problem is not None:
                    raise self._problem
                if not self._news.wait(most_s):
                    return condition()
        return True

    def status(self) -> Any:
        """The latest FrameStatus, or None."""
        if not self._last_status:
            return None
        return deserialize_message(self._last_status, FrameStatus)

    def _receive(self, output: str, topic: str, kind: str, cdr: bytes) -> None:
        with self._news:
            try:
                latched = output in _LATCHED
                self._bag.write_raw(topic, kind, bytes(cdr), time.time_ns(), latched=latched)
            except Exception as error:  # told by the thread that waits
                self._problem = error
            self.counts[output] += 1
            if output == "status":
                self._last_status = bytes(cdr)
            self._news.notify_all()


def _profile(output: str) -> QoSProfile:
    durability = QoSDurabilityPolicy
    return QoSProfile(
        depth=_DEPTH,
        reliability=QoSReliabilityPolicy.RELIABLE,
        durability=durability.TRANSIENT_LOCAL if output in _LATCHED else durability.VOLATILE,
    )
