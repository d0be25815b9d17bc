"""The bond with a lifecycle manager: each side tells the other all the time that it lives.

Nav2's lifecycle manager activates no node that does not answer to its bond, and starts one anew
whose heartbeat ends. The protocol is that of the packages bondcpp and bondpy: bond/Status, with the
node's name as id, published and subscribed by both sides on one topic.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

from bond.msg import Constants, Status
from rclpy.node import Node

_TOPICS = ("bond", "bond/{id}")
"""Of Nav2 up to Kilted, which share one topic among all nodes, and of later ones."""
_PERIOD_S = 0.1
_QUEUE = 100
"""All managed nodes share a topic: none of the manager's heartbeats may be pushed out by others."""


class Bond:
    """This node's side of it. Heartbeats come from a thread of their own, never late for others.

    A manager that falls silent or takes leave is told of in the log; the node goes on.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._id = node.get_name()
        self._topics = [topic.format(id=self._id) for topic in _TOPICS]
        self._publishers = [node.create_publisher(Status, topic, 5) for topic in self._topics]
        self._subscriptions: list[Any] = []
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._publishing = threading.Lock()
        self._instance = ""
        self._heard_s: float | None = None

    def start(self) -> None:
        """Be bonded from now on, as a new instance; in the executor."""
        self._instance = str(uuid.uuid4())
        self._heard_s = None
        self._ended.clear()
        self._subscriptions = [
            self._node.create_subscription(Status, topic, self._receive, _QUEUE)
            for topic in self._topics
        ]
        self._thread = threading.Thread(target=self._beat, name="dcfm_bond", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take leave of the manager; without effect where there is no bond. In the executor."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        self._end()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _beat(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            self._publish(active=True)
            heard_s = self._heard_s
            if heard_s is None:
                continue
            silent_s = time.monotonic() - heard_s
            if silent_s > Constants.DEFAULT_HEARTBEAT_TIMEOUT:
                self._heard_s = None
                self._node.get_logger().warning(
                    f"the lifecycle manager has been silent for {silent_s:.0f} s: if this node "
                    "ended, nobody would start it anew"
                )

    def _receive(self, status: Any) -> None:
        if status.id != self._id or status.instance_id == self._instance:
            return
        if not status.active:
            self._end()  # the manager waits for this answer
        elif not self._ended.is_set():
            if self._heard_s is None:
                self._node.get_logger().info("bonded with the lifecycle manager")
            self._heard_s = time.monotonic()

    def _end(self) -> None:
        if self._thread is not None and not self._ended.is_set():
            self._ended.set()
            self._publish(active=False)

    def _publish(self, *, active: bool) -> None:
        status = Status(
            id=self._id,
            instance_id=self._instance,
            active=active,
            heartbeat_timeout=Constants.DEFAULT_HEARTBEAT_TIMEOUT,
            heartbeat_period=_PERIOD_S,
        )
        status.header.stamp = self._node.get_clock().now().to_msg()
        with self._publishing:
            if active and self._ended.is_set():
                return  # nothing lives after the leave was taken
            for publisher in self._publishers:
                publisher.publish(status)
