"""Rosbags and videos as streams of typed frames, read and written without ROS."""

from __future__ import annotations

from dcfm_ros.bags.ground_truth import LabelledFrame, pair_labels
from dcfm_ros.bags.reader import BagReader, open_bag
from dcfm_ros.bags.records import (
    BagMessage,
    ImageFrame,
    RawMessage,
    TopicInfo,
    split_stamp,
    stamp_ns,
)
from dcfm_ros.bags.types import message_class, typestore
from dcfm_ros.bags.writer import BagWriter, write_bag
from dcfm_ros.errors import BagError

__all__ = [
    "BagError",
    "BagMessage",
    "BagReader",
    "BagWriter",
    "ImageFrame",
    "LabelledFrame",
    "RawMessage",
    "TopicInfo",
    "message_class",
    "open_bag",
    "pair_labels",
    "split_stamp",
    "stamp_ns",
    "typestore",
    "write_bag",
]
