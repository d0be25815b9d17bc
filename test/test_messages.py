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
from rclpy.action import ActionClient, ActionServer
from ros_harness import running_peer, wait_until
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from std_msgs.msg import Header
from tf2_msgs.action import LookupTransform
from tf2_msgs.msg import TF2Error
from vision_msgs.msg import BoundingBox2D, Detection3D

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
RELEASED_HASHES = {
    ("tf2_msgs", "TFMessage"): "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
    # worked out from the released definitions of vision_msgs 4.1.1
    ("vision_msgs", "LabelInfo"): (
        "3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783"
    ),
    ("vision_msgs", "Detection3DArray"): (
        "793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018"
    ),
}

COMPLETE = {
    "bond.msg": "Constants Status",
    "tf2_msgs.msg": "TF2Error TFMessage",
    "tf2_msgs.srv": "FrameGraph",
    "tf2_msgs.action": "LookupTransform",
    "vision_msgs.msg": "BoundingBox2D BoundingBox2DArray BoundingBox3D BoundingBox3DArray "
    "Classification Detection2D Detection2DArray Detection3D Detection3DArray LabelInfo "
    "ObjectHypothesis ObjectHypothesisWithPose Point2D Pose2D VisionClass VisionInfo",
}
"""All interfaces of the released packages (tf2_msgs 0.36, vision_msgs 4.1)."""


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
        ("bond", ["Status"]),
        ("tf2_msgs", ["TF2Error", "TFMessage"]),
        ("vision_msgs", COMPLETE["vision_msgs.msg"].split()),
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
    for message in messages:
        name = f"{package}/msg/{message}"
        assert type_hash(package, message) == store.hash_rihs01(name)


@pytest.mark.parametrize(("package", "message"), list(RELEASED_HASHES))
def test_the_stand_ins_are_the_released_ones(package, message):
    assert type_hash(package, message) == f"RIHS01_{RELEASED_HASHES[package, message]}"


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_the_stand_ins_are_complete(name):
    """With less, what else uses the package (tf2_ros, detectors) would not import."""
    module = importlib.import_module(name)
    for interface in COMPLETE[name].split():
        metaclass = type(getattr(module, interface))
        metaclass.__import_type_support__()
        assert metaclass._TYPE_SUPPORT is not None, interface


def test_the_stand_ins_have_the_fields_of_the_released_packages():
    goal = LookupTransform.Goal.get_fields_and_field_types()
    assert list(goal) == [
        *("target_frame", "source_frame", "source_time", "timeout", "target_time"),
        *("fixed_frame", "advanced"),
    ]
    assert LookupTransform.Result.get_fields_and_field_types() == {
        "transform": "geometry_msgs/TransformStamped",
        "error": "tf2_msgs/TF2Error",
    }
    assert (TF2Error.NO_ERROR, TF2Error.TRANSFORM_ERROR) == (0, 6)
    assert list(Detection3D.get_fields_and_field_types()) == ["header", "results", "bbox", "id"]
    assert BoundingBox2D.get_fields_and_field_types()["center"] == "vision_msgs/Pose2D"


@pytest.mark.dds
def test_a_transform_can_be_looked_up_by_the_action():
    """As tf2_ros' BufferClient asks a buffer server; goal, result and feedback cross DDS."""

    def serve(goal):
        goal.succeed()
        result = LookupTransform.Result()
        result.transform.child_frame_id = goal.request.source_frame
        result.error.error = TF2Error.NO_ERROR
        return result

    with running_peer("buffer_server") as server, running_peer("buffer_client") as client:
        buffer = ActionServer(server.node, LookupTransform, "tf2_buffer_server", serve)
        asks = ActionClient(client.node, LookupTransform, "tf2_buffer_server")
        assert asks.wait_for_server(timeout_sec=20.0)
        goal = LookupTransform.Goal(target_frame="map", source_frame="camera")
        sent = asks.send_goal_async(goal)
        wait_until(sent.done, "the goal to be accepted")
        asked = sent.result().get_result_async()
        wait_until(asked.done, "the result")
        assert asked.result().result.transform.child_frame_id == "camera"
        asks.destroy()
        buffer.destroy()


@pytest.mark.parametrize("package", ["bond", "tf2_msgs", "vision_msgs"])
def test_colcon_does_not_see_the_stand_ins(checkout, package):
    assert (checkout / "interfaces/COLCON_IGNORE").is_file()
    assert (checkout / "interfaces" / package / "package.xml").is_file()


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("dcfm_ros", "ClassGrid"),
        ("dcfm_ros", "FrameStatus"),
        ("bond", "Status"),
        ("tf2_msgs", "TFMessage"),
        ("vision_msgs", "LabelInfo"),
    ],
)
def test_the_compiled_type_support_loads(package, message):
    metaclass = type(getattr(importlib.import_module(f"{package}.msg"), message))
    metaclass.__import_type_support__()
    assert metaclass._TYPE_SUPPORT is not None
