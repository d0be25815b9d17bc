"""The topics that feed navigation stacks: latched grids, obstacle points, reduced images."""

from __future__ import annotations

import time

import numpy as np
from nav_msgs.msg import OccupancyGrid
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from dcfm_ros.costmap import CostGrid, ObstaclePoints
from dcfm_ros.msg import ClassGrid
from dcfm_ros.ros import qos
from dcfm_ros.ros.costmap_messages import (
    class_grid,
    obstacle_cloud,
    occupancy_grid,
    organised_cloud,
)
from dcfm_ros.ros.messages import mono8_image, time_message
from dcfm_ros.ros.publishers import Mismatch, create_publisher, output_prefix

_POLL_S = 0.005


class GridPublishers:
    """The latched `~/costmap` and `~/class_grid`, one of each for all cameras."""

    def __init__(self, node: Node, frame_id: str, on_mismatch: Mismatch) -> None:
        self._node = node
        self._frame_id = frame_id
        profile = qos.latched_output()
        self._costs = create_publisher(node, OccupancyGrid, "~/costmap", profile, on_mismatch)
        self._classes = create_publisher(node, ClassGrid, "~/class_grid", profile, on_mismatch)

    @property
    def wanted(self) -> bool:
        """Whether somebody subscribes."""
        return any(p.get_subscription_count() for p in (self._costs, self._classes))

    def publish(self, grid: CostGrid) -> None:
        """Costs and classes of one time."""
        self._costs.publish(occupancy_grid(grid, self._frame_id))
        self._classes.publish(class_grid(grid, self._frame_id))

    def close(self, patience_s: float = 0.5) -> None:
        """Remove the topics, once subscribers have the last grid: it is the one that clears."""
        end_s = time.monotonic() + patience_s
        for publisher in (self._costs, self._classes):
            # Asked again and again: one long wait would hold up every thread of this process.
            while not _has_arrived(publisher) and time.monotonic() < end_s:
                time.sleep(_POLL_S)
            self._node.destroy_publisher(publisher)


def _has_arrived(publisher: Publisher) -> bool:
    """Whether all reliable subscribers have all messages; where rclpy cannot tell, as if so."""
    if not hasattr(publisher, "wait_for_all_acked"):
        return True
    return bool(publisher.wait_for_all_acked(Duration(nanoseconds=1)))


class NavPublishers:
    """One camera's `~/obstacles` and `~/nav/*`; with a name, `~/front/obstacles` and so on."""

    def __init__(self, node: Node, camera: str, on_mismatch: Mismatch) -> None:
        self._node = node
        prefix, profile = output_prefix(camera), qos.image_output()
        self._all = [
            create_publisher(node, message_type, prefix + name, profile, on_mismatch)
            for message_type, name in (
                (PointCloud2, "obstacles"),
                (Image, "nav/label_image"),
                (Image, "nav/confidence"),
                (CameraInfo, "nav/camera_info"),
                (PointCloud2, "nav/points"),
            )
        ]
        self._obstacles, self._labels, self._confidence, self._info, self._points = self._all

    @property
    def wants_obstacles(self) -> bool:
        """True while somebody subscribes to them: only then are they put into a message."""
        return bool(self._obstacles.get_subscription_count())

    @property
    def wants_points(self) -> bool:
        """True while somebody subscribes to them: only then are they computed."""
        return bool(self._points.get_subscription_count())

    @property
    def wants_images(self) -> bool:
        """True while somebody subscribes to reduced images or points."""
        return any(publisher.get_subscription_count() for publisher in self._all[1:])

    def publish_obstacles(self, found: ObstaclePoints) -> None:
        """What stands in view."""
        header = Header(stamp=time_message(found.stamp_ns), frame_id=found.frame_id)
        cloud = obstacle_cloud(header, found.points, found.class_ids, found.confidence)
        self._obstacles.publish(cloud)

    def publish_images(
        self,
        header: Header,
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8],
        info: CameraInfo,
    ) -> None:
        """(H, W) class ids and confidence of the reduced image, and its calibration."""
        self._info.publish(info)
        self._labels.publish(mono8_image(header, labels))
        self._confidence.publish(mono8_image(header, confidence))

    def publish_points(self, header: Header, points: NDArray[np.float32]) -> None:
        """(H, W, 3) points of the reduced image in the frame of the header."""
        self._points.publish(organised_cloud(header, points))

    def close(self) -> None:
        """Remove the topics."""
        for publisher in self._all:
            self._node.destroy_publisher(publisher)
