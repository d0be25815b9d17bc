"""The own messages, and those that are generated where the environment has no such package."""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from pathlib import Path

import pytest
from nav_msgs.msg import MapMetaData
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from std_msgs.msg import Header

from dcfm_ros.msg import ClassGrid, FrameStatus
from dcfm_ros.streaming.keyframes import KeyFrameReason

FRAME_STATUS_FIELDS = {
    "header": "std_msgs/Header",
    "camera": "string",
    "is_key_frame": "boolean",
    "reason": "uint8",
    "common_age_frames": "uint32",
    "common_age": "builtin_interfaces/Duration",
    "expected_label_change": "float",
    "key_budget": "float",
    "mean_confidence": "float",
    "queue_ms": "float",
    "preprocess_ms": "float",
    "network_ms": "float",
    "postprocess_ms": "float",
    "total_ms": "float",
    "taken": "uint64",
    "published": "uint64",
    "dropped": "uint64",
}
CLASS_GRID_FIELDS = {
    "header": "std_msgs/Header",
    "info": "nav_msgs/MapMetaData",
    "class_id": "sequence<uint8>",
    "confidence": "sequence<uint8>",
}
# as `ros2 topic info -v /tf` shows it from Iron to Lyrical
TF_MESSAGE_HASH = "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"


def test_frame_status_has_the_fields_that_consumers_were_promised():
    assert FrameStatus.get_fields_and_field_types() == FRAME_STATUS_FIELDS


def test_class_grid_has_the_fields_that_consumers_were_promised():
    assert ClassGrid.get_fields_and_field_types() == CLASS_GRID_FIELDS
    assert ClassGrid.UNKNOWN == 255
    assert isinstance(ClassGrid().info, MapMetaData)
    assert isinstance(ClassGrid().header, Header)


def test_reasons_of_the_message_and_of_the_policies_are_the_same(checkout):
    text = (checkout / "msg/FrameStatus.msg").read_text()
    constants = {
        name: int(value)
        for name, value in re.findall(r"^uint8 ([A-Z_]+)=(\d+)", text, re.MULTILINE)
    }
    assert constants == {reason.name: reason.value for reason in KeyFrameReason}
    assert all(getattr(FrameStatus, name) == value for name, value in constants.items())


def type_hash(package: str, message: str) -> str:
    """Type hash of a message as installed for this Python."""
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    descriptions = [Path(prefix) / f"share/{package}/msg/{message}.json" for prefix in prefixes]
    found = [path for path in descriptions if path.is_file()]
    if not found:
        pytest.skip("this distribution is older than type hashes")
    hashes = json.loads(found[0].read_text())["type_hashes"]
    own = [
        entry["hash_string"] for entry in hashes if entry["type_name"] == f"{package}/msg/{message}"
    ]
    return own[0]


@pytest.mark.parametrize(
    ("package", "messages"),
    [
        ("dcfm_ros", ["ClassGrid", "FrameStatus"]),
        ("tf2_msgs", ["TFMessage"]),
        ("vision_msgs", ["VisionClass", "LabelInfo"]),
    ],
)
def test_the_type_hash_is_that_of_the_definition_in_the_checkout(checkout, package, messages):
    """The hash that rosidl gave is worked out again by rosbags, from the sources."""
    source = checkout / ("msg" if package == "dcfm_ros" else f"interfaces/{package}/msg")
    store = get_typestore(Stores.ROS2_JAZZY)
    for message in messages:
        name = f"{package}/msg/{message}"
        if name not in store.fielddefs:
            store.register(get_types_from_msg((source / f"{message}.msg").read_text(), name))
        assert type_hash(package, message) == store.hash_rihs01(name)


def test_the_tf_message_is_the_released_one():
    assert type_hash("tf2_msgs", "TFMessage") == TF_MESSAGE_HASH


@pytest.mark.parametrize("package", ["tf2_msgs", "vision_msgs"])
def test_colcon_does_not_see_the_stand_ins(checkout, package):
    assert (checkout / "interfaces/COLCON_IGNORE").is_file()
    assert (checkout / "interfaces" / package / "package.xml").is_file()


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("dcfm_ros", "ClassGrid"),
        ("dcfm_ros", "FrameStatus"),
        ("tf2_msgs", "TFMessage"),
        ("vision_msgs", "LabelInfo"),
    ],
)
def test_the_compiled_type_support_loads(package, message):
    metaclass = type(getattr(importlib.import_module(f"{package}.msg"), message))
    metaclass.__import_type_support__()
    assert metaclass._TYPE_SUPPORT is not None
