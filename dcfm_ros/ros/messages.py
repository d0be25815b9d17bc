"""Builds the messages that the node publishes. Headers of images are the input's own, unchanged."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import LabelInfo, VisionClass

from dcfm_ros.msg import FrameStatus
from dcfm_ros.network.labels import LabelSet
from dcfm_ros.ros.counts import Counts
from dcfm_ros.streaming import FrameResult

_NS_PER_S = 1_000_000_000


def stamp_ns(stamp: Time) -> int:
    """A message's time as integer nanoseconds."""
    return int(stamp.sec) * _NS_PER_S + int(stamp.nanosec)


def time_message(nanoseconds: int) -> Time:
    """Integer nanoseconds as a message's time."""
    seconds, rest = divmod(nanoseconds, _NS_PER_S)
    return Time(sec=seconds, nanosec=rest)


def uint8_field(values: np.ndarray[Any, Any]) -> array[int]:
    """The bytes of an array of any type, in C order, for a field of type uint8[]."""
    return _filled("B", values)


def int8_field(values: np.ndarray[Any, Any]) -> array[int]:
    """An array of int8, in C order, for a field of type int8[]."""
    return _filled("b", values)


def _filled(code: str, values: np.ndarray[Any, Any]) -> array[int]:
    # An array.array is taken as it is (0.2 ms at 720p); any other sequence is checked value by
    # value (over 100 ms).
    data = array(code)
    data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return data


def mono8_image(header: Header, pixels: np.ndarray) -> Image:
    """A single-channel image without row padding.

    Args:
        pixels: (H, W) uint8.
    """
    return _image(header, pixels, "mono8", 1)


def rgb8_image(header: Header, pixels: np.ndarray) -> Image:
    """A colour image without row padding.

    Args:
        pixels: (H, W, 3) uint8, RGB.
    """
    return _image(header, pixels, "rgb8", 3)


def _image(header: Header, pixels: np.ndarray, encoding: str, channels: int) -> Image:
    height, width = pixels.shape[:2]
    message = Image()
    message.header = header
    message.height = height
    message.width = width
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = width * channels
    message.data = uint8_field(pixels)
    return message


def label_info(labels: LabelSet, stamp: Time) -> LabelInfo:
    """Class names by id; 255 (unlabelled) is left out, as consumers expect."""
    message = LabelInfo()
    message.header.stamp = stamp
    message.class_map = [
        VisionClass(class_id=index, class_name=name) for index, name in enumerate(labels.classes)
    ]
    return message


@dataclass(frozen=True)
class Timing:
    """Where one frame's time went, in ms on the steady clock."""

    queue_ms: float
    decode_ms: float
    total_ms: float


def frame_status(
    header: Header, camera: str, result: FrameResult, timing: Timing, counts: Counts
) -> FrameStatus:
    """What happened to one published frame."""
    message = FrameStatus()
    message.header = header
    message.camera = camera
    message.is_key_frame = bool(result.is_key_frame)
    message.reason = int(result.reason)
    message.common_age_frames = int(result.age)
    message.common_age = _duration(result.age_ns)
    message.expected_label_change = float(result.expected_label_change)
    message.key_budget = float(result.key_budget)
    message.mean_confidence = _finite_or_nan(result.mean_confidence)
    message.queue_ms = timing.queue_ms
    message.preprocess_ms = timing.decode_ms + float(result.preprocess_ms)
    message.network_ms = float(result.network_ms)
    message.postprocess_ms = float(result.postprocess_ms)
    message.total_ms = timing.total_ms
    message.taken = counts.taken
    message.published = counts.published
    message.dropped = counts.dropped
    return message


def _duration(nanoseconds: int) -> Duration:
    seconds, rest = divmod(int(nanoseconds), _NS_PER_S)
    return Duration(sec=seconds, nanosec=rest)


def _finite_or_nan(value: float) -> float:
    return float(value) if math.isfinite(value) else math.nan
