"""Counts images: `ros_listener.py TOPIC FRAMES`; prints how many of them came.

Ends when all have come, or when the publisher has left.
"""

from __future__ import annotations

import sys

import rclpy
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image


def listen(topic: str, frames: int) -> int:
    rclpy.init()
    node = rclpy.create_node("listener")
    received: list[int] = []
    profile = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(
        Image, topic, lambda message: received.append(len(message.data)), profile
    )
    seen = False
    while len(received) < frames:
        rclpy.spin_once(node, timeout_sec=0.1)
        publishers = node.count_publishers(topic)
        if seen and not publishers:
            break
        seen = seen or publishers > 0
    node.destroy_node()
    rclpy.shutdown()
    return len(received)


if __name__ == "__main__":
    print(listen(sys.argv[1], int(sys.argv[2])))
