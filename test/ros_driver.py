"""Camera drivers: `ros_driver.py TOPIC[,TOPIC…] FRAMES RATE_HZ HEIGHT WIDTH [POLICY [COUNT]]`.

Waits for COUNT (1) subscribers of each topic, then publishes rgb8 images on all at once, stamped
k / RATE_HZ after 1 ns, k = 0, 1, … POLICY: reliable (default) or best_effort.
"""

from __future__ import annotations

import sys
import threading
import time
from array import array

import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image


def drive(
    topics: list[str],
    frames: int,
    rate_hz: float,
    size: tuple[int, int],
    policy: str = "reliable",
    subscribers: str = "1",
) -> None:
    rclpy.init()
    node = rclpy.create_node("driver")
    profile = QoSProfile(depth=1, reliability=QoSReliabilityPolicy[policy.upper()])
    publishers = [node.create_publisher(Image, topic, profile) for topic in topics]
    image = picture(*size)
    pause = threading.Event()
    while min(p.get_subscription_count() for p in publishers) < int(subscribers):
        pause.wait(0.01)
    start_s = time.monotonic()
    for number in range(frames):
        pause.wait(max(0.0, start_s + number / rate_hz - time.monotonic()))
        stamp_ns = 1 + round(number * 1e9 / rate_hz)
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        for publisher in publishers:
            publisher.publish(image)
    if policy == "reliable":
        for publisher in publishers:
            publisher.wait_for_all_acked(Duration(seconds=5))
    node.destroy_node()
    rclpy.shutdown()


def picture(height: int, width: int) -> Image:
    pixels = np.random.default_rng(0).integers(0, 256, height * width * 3, dtype=np.uint8)
    image = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    image.data = array("B", pixels.tobytes())
    return image


if __name__ == "__main__":
    names, count, rate, rows, columns, *more = sys.argv[1:]
    drive(names.split(","), int(count), float(rate), (int(rows), int(columns)), *more)
