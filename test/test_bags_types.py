"""Message types known without ROS, compared with ROS where it is installed."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import pytest

from dcfm_ros.bags import BagError, message_class, split_stamp, stamp_ns
from dcfm_ros.bags.types import ros2_topic_name, ros2_type_name, typestore
from dcfm_ros.errors import ResourceError

PUBLISHED = (
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CompressedImage",
    "sensor_msgs/msg/CameraInfo",
    "sensor_msgs/msg/PointCloud2",
    "nav_msgs/msg/OccupancyGrid",
    "tf2_msgs/msg/TFMessage",
    "diagnostic_msgs/msg/DiagnosticArray",
    "vision_msgs/msg/LabelInfo",
    "dcfm_ros/msg/FrameStatus",
    "dcfm_ros/msg/ClassGrid",
)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_type_that_the_node_handles_is_known(name: str) -> None:
    assert message_class(name).__msgtype__ == name


@pytest.mark.parametrize("name", PUBLISHED)
def test_type_hashes_are_those_of_ros(name: str) -> None:
    """Equal hashes mean equal fields, names and nesting: bags and wire agree."""
    package, _, kind = name.split("/")
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    described = [Path(prefix) / "share" / package / "msg" / f"{kind}.json" for prefix in prefixes]
    found = [path for path in described if path.is_file()]
    if not found:
        pytest.skip(f"no ROS here describes {name}")
    hashes = json.loads(found[0].read_text())["type_hashes"]
    (expected,) = [entry["hash_string"] for entry in hashes if entry["type_name"] == name]
    assert typestore().hash_rihs01(name) == expected


def test_reasons_in_the_message_are_those_of_the_policy() -> None:
    pytest.importorskip("torch")
    reasons = import_module("dcfm_ros.streaming.keyframes").KeyFrameReason
    status = message_class("dcfm_ros/msg/FrameStatus")
    assert {reason.name: getattr(status, reason.name) for reason in reasons} == {
        reason.name: reason.value for reason in reasons
    }


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(
        BagError, match="message type robot_msgs/msg/Wheel is unknown, expected a stand"
    ):
        message_class("robot_msgs/msg/Wheel")


def test_without_the_own_definitions_the_rest_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(relative: str) -> Path:
        raise ResourceError(f"no {relative}")

    monkeypatch.setattr("dcfm_ros.bags.types.resource", absent)
    store = typestore.__wrapped__()
    assert "vision_msgs/msg/LabelInfo" in store.types
    assert "dcfm_ros/msg/FrameStatus" not in store.types


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sensor_msgs/Image", "sensor_msgs/msg/Image"),
        ("sensor_msgs/msg/Image", "sensor_msgs/msg/Image"),
        ("std_srvs/srv/Trigger_Event", "std_srvs/srv/Trigger_Event"),
        ("__schemaless__", "__schemaless__"),
    ],
)
def test_type_names_of_all_ages(name: str, expected: str) -> None:
    assert ros2_type_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("image", "/image"), ("/image", "/image"), ("//a//b/", "/a/b"), ("", "/")],
)
def test_topic_names_gain_their_slash(name: str, expected: str) -> None:
    assert ros2_topic_name(name) == expected


@pytest.mark.parametrize("value", [0, 1, 999_999_999, 1_700_000_000_123_456_789, -1])
def test_stamps_are_split_and_joined(value: int) -> None:
    seconds, nanoseconds = split_stamp(value)
    assert 0 <= nanoseconds < 1_000_000_000
    time = message_class("builtin_interfaces/msg/Time")(seconds, nanoseconds)
    assert stamp_ns(message_class("std_msgs/msg/Header")(time, "")) == value
