"""What comes out of a bag or a video: plain records with integer nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)


@dataclass(frozen=True)
class TopicInfo:
    """One topic of a bag, by one message type."""

    name: str
    """With leading slash, as ROS 2 has it, also where the bag lacks it."""
    type: str
    """As ROS 2 names it, e.g. `sensor_msgs/msg/Image`, also for ROS 1 and old ROS 2 bags."""
    count: int
    latched: bool = False
    """Whether late subscribers were promised the last message (transient local, ROS 1 latching)."""


@dataclass(frozen=True, eq=False)
class BagMessage:
    """A deserialised message; fields are named as in ROS 2."""

    topic: str
    type: str
    log_ns: int
    message: Any


@dataclass(frozen=True)
class RawMessage:
    """A serialised message, ready to be published by any DDS middleware."""

    topic: str
    type: str
    log_ns: int
    cdr: bytes
    """With its four bytes of encapsulation header."""


@dataclass(frozen=True, eq=False)
class ImageFrame:
    """One camera image of a bag or video."""

    topic: str
    stamp_ns: int
    """Of the header: the time of capture."""
    log_ns: int
    """When it was recorded."""
    frame_id: str
    message: Any
    """With the fields of sensor_msgs/Image or CompressedImage, for `dcfm_ros.images.to_rgb`."""


def stamp_ns(header: Any) -> int:
    """The stamp of a std_msgs/Header, of rclpy or of a bag, in ns."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def split_stamp(stamp_ns: int) -> tuple[int, int]:
    """Seconds and nanoseconds of a stamp, as builtin_interfaces/Time holds them."""
    return divmod(stamp_ns, 1_000_000_000)
