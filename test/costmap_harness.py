"""A synthetic street, driven through real DDS past the node's costmap."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from ros_harness import Peer, wait_until
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from dcfm_ros.ros.messages import time_message
from dcfm_ros.synthetic import Street, StreetSettings, SyntheticFrame

OPTICAL, BASE, GLOBAL = "camera_optical_frame", "base_link", "odom"

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
SENSOR_DATA = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.BEST_EFFORT)
RELIABLE_IMAGES = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE)
TF = QoSProfile(depth=100)
TF_STATIC = QoSProfile(depth=100, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def small_street(**settings: Any) -> Street:
    """A street to drive along for some seconds, rendered small."""
    given = {"seed": 1, "width": 160, "height": 120, "rate_hz": 10.0, "duration_s": 3.0}
    return Street(StreetSettings(**{**given, **settings}))


def stamp(message: Any) -> int:
    """Of the header, in ns."""
    time = message.header.stamp
    return time.sec * 10**9 + time.nanosec


def transform(parent: str, child: str, parent_from_child: np.ndarray, stamp_ns: int) -> TFMessage:
    found = TransformStamped(child_frame_id=child)
    found.header.frame_id, found.header.stamp = parent, time_message(stamp_ns)
    shift, turn = found.transform.translation, found.transform.rotation
    shift.x, shift.y, shift.z = (float(v) for v in parent_from_child[:3, 3])
    quaternion = Rotation.from_matrix(parent_from_child[:3, :3]).as_quat()
    turn.x, turn.y, turn.z, turn.w = (float(v) for v in quaternion)
    return TFMessage(transforms=[found])


def image(pixels: np.ndarray, encoding: str, frame: SyntheticFrame, frame_id: str) -> Image:
    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, encoding=encoding)
    message.header.frame_id, message.header.stamp = frame_id, time_message(frame.stamp_ns)
    message.step = int(pixels.strides[0])
    message.data = array("B", pixels.tobytes())
    return message


def camera_info(frame: SyntheticFrame, frame_id: str = OPTICAL) -> CameraInfo:
    height, width = frame.labels.shape
    message = CameraInfo(height=height, width=width, distortion_model="plumb_bob")
    message.header.frame_id, message.header.stamp = frame_id, time_message(frame.stamp_ns)
    message.k = frame.k.reshape(-1)
    message.d = [0.0] * 5
    message.r = np.eye(3).reshape(-1)
    message.p = np.column_stack([frame.k, np.zeros(3)]).reshape(-1)
    return message


class Car:
    """Publishes what a car on the street would: transforms, calibration, images, depth.

    Args:
        namespace: of the node that is to see it.
        camera: name of its camera; empty for the single unnamed one.
    """

    def __init__(self, peer: Peer, namespace: str, camera: str = "") -> None:
        self.frame_id = f"{camera}_{OPTICAL}" if camera else OPTICAL
        prefix = f"/{namespace}/{camera}/" if camera else f"/{namespace}/"
        node = peer.node
        self.tf = node.create_publisher(TFMessage, "/tf", TF)
        self.tf_static = node.create_publisher(TFMessage, "/tf_static", TF_STATIC)
        self.info = node.create_publisher(CameraInfo, prefix + "camera_info", SENSOR_DATA)
        self.image = node.create_publisher(Image, prefix + "image", 5)
        self.depth = None
        self._create_depth = lambda: node.create_publisher(Image, prefix + "depth", 5)
        self._node = node

    def connect(self) -> None:
        """Wait until the node listens."""
        for publisher in (self.tf, self.tf_static, self.info, self.image):
            wait_until(publisher.get_subscription_count, f"subscription of {publisher.topic_name}")

    def add_depth(self) -> None:
        self.depth = self._create_depth()
        wait_until(self.depth.get_subscription_count, "subscription of depth")

    def mount(self, frame: SyntheticFrame) -> None:
        self.tf_static.publish(transform(BASE, self.frame_id, frame.base_from_camera, 0))

    def stand(self, frame: SyntheticFrame) -> None:
        self.tf.publish(transform(GLOBAL, BASE, frame.world_from_base, frame.stamp_ns))

    def calibrate(self, frame: SyntheticFrame) -> None:
        self.info.publish(camera_info(frame, self.frame_id))

    def see(self, frame: SyntheticFrame) -> None:
        self.image.publish(image(frame.rgb, "rgb8", frame, self.frame_id))

    def measure(self, frame: SyntheticFrame, encoding: str = "32FC1") -> None:
        pixels = frame.depth_m
        if encoding == "16UC1":
            millimetres = np.nan_to_num(frame.depth_m * 1000, nan=0.0, posinf=0.0)
            pixels = np.where(millimetres > 65535, 0, millimetres).astype(np.uint16)
        self.depth.publish(image(pixels, encoding, frame, self.frame_id))

    def close(self) -> None:
        for publisher in (self.tf, self.tf_static, self.info, self.image, self.depth):
            if publisher is not None:
                self._node.destroy_publisher(publisher)
