"""Both own messages cross real DDS between two processes, every field intact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile

from dcfm_ros.msg import ClassGrid, FrameStatus

DEADLINE_S = 30.0

# Sends back what it receives, on <topic>/back, until it is told to stop.
ECHO = """
import sys
import rclpy
from rclpy.executors import ExternalShutdownException
from dcfm_ros.msg import ClassGrid, FrameStatus

rclpy.init()
node = rclpy.create_node("echo")
for name, kind in {"status": FrameStatus, "grid": ClassGrid}.items():
    publisher = node.create_publisher(kind, name + "/back", 1)
    node.create_subscription(kind, name, publisher.publish, 1)
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException):
    pass
"""


@contextmanager
def echo():
    child = subprocess.Popen(
        [sys.executable, "-c", ECHO], env=os.environ, start_new_session=True, stderr=subprocess.PIPE
    )
    try:
        yield child
    finally:
        os.killpg(child.pid, signal.SIGINT)
        child.communicate(timeout=DEADLINE_S)


@pytest.fixture
def node():
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("round_trip", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def round_trip(node, message, topic):
    """Publish once the echo is matched both ways, and give what comes back and its type hash."""
    received = []
    arrived = threading.Event()

    def on_message(back):
        received.append(back)
        arrived.set()

    publisher = node.create_publisher(type(message), topic, QoSProfile(depth=1))
    node.create_subscription(type(message), f"{topic}/back", on_message, QoSProfile(depth=1))
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end_s = time.monotonic() + DEADLINE_S
    sent = False
    while not arrived.is_set():
        assert time.monotonic() < end_s, f"nothing came back on {topic}/back"
        matched = publisher.get_subscription_count() and node.count_publishers(f"{topic}/back")
        if matched and not sent:
            publisher.publish(message)
            sent = True
        executor.spin_once(timeout_sec=0.05)
    info = node.get_publishers_info_by_topic(f"{topic}/back")
    executor.shutdown()
    return received[0], str(info[0].topic_type_hash)


@pytest.fixture
def status():
    message = FrameStatus(camera="front", is_key_frame=True, reason=FrameStatus.BUDGET_EXHAUSTED)
    message.header.frame_id = "camera_optical"
    message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000, 999_999_999
    message.common_age_frames = 2**32 - 1
    message.common_age.sec, message.common_age.nanosec = -1, 500_000_000
    message.expected_label_change = 0.125
    message.key_budget = float("nan")
    message.mean_confidence = 0.75
    message.queue_ms, message.preprocess_ms, message.network_ms = 1.5, 2.5, 3.5
    message.postprocess_ms, message.total_ms = 4.5, 12.0
    message.taken, message.published, message.dropped = 2**64 - 1, 2**64 - 2, 1
    return message


@pytest.fixture
def grid():
    random = np.random.default_rng(0)
    message = ClassGrid()
    message.header.frame_id = "odom"
    message.info.width, message.info.height, message.info.resolution = 300, 200, 0.25
    message.info.origin.position.x, message.info.origin.orientation.w = -12.5, 1.0
    message.class_id.frombytes(random.integers(0, 256, 60_000, np.uint8))
    message.confidence.frombytes(random.integers(0, 256, 60_000, np.uint8))
    return message


@pytest.mark.dds
def test_frame_status_and_class_grid_come_back_as_they_were_sent(node, status, grid):
    with echo():
        status_back, status_hash = round_trip(node, status, "status")
        grid_back, grid_hash = round_trip(node, grid, "grid")
    assert np.isnan(status_back.key_budget)
    status.key_budget = status_back.key_budget = 0.0  # NaN is not equal to itself
    assert status_back == status
    assert grid_back == grid
    assert grid_back.class_id.tobytes() == grid.class_id.tobytes()
    assert status_hash.startswith("RIHS01_")
    assert status_hash != grid_hash
