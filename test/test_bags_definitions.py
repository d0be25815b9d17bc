"""Definitions that bags carry: parsed, completed, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag1,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
)

from dcfm_ros.bags.types import BagTypes, bag_type_name, message_class, typestore

MSG, IDL = MessageDefinitionFormat.MSG, MessageDefinitionFormat.IDL


def connection(
    kind: str, definition: str, form: MessageDefinitionFormat = MSG, *, ros1: bool = False
) -> Connection:
    """A connection that defines its type."""
    ext: Any = ConnectionExtRosbag1(None, None) if ros1 else ConnectionExtRosbag2("cdr", [])
    return Connection(1, "/topic", kind, MessageDefinition(form, definition), "", 1, ext, None)


def fields(
    kind: str, definition: str, form: MessageDefinitionFormat = MSG, **options: Any
) -> list[str]:
    """Names of the fields that a bag's definition leads to."""
    wanted = connection(kind, definition, form, **options)
    types = BagTypes([wanted], ros1=options.get("ros1", False))
    assert types.knows(wanted), types.refusal(wanted)
    store = types._store
    return [name for name, _ in store.fielddefs[bag_type_name(wanted)][1]]


IDL_POINT = """
module robot_msgs { module msg {
  struct Point2 { double x; double y; };
}; };
"""
IDL_PATH = """
#include "robot_msgs/msg/Point2.idl"
module robot_msgs { module msg {
  struct Path2 { sequence<robot_msgs::msg::Point2> points; float width; };
}; };
"""


def test_idl_alone() -> None:
    assert fields("robot_msgs/msg/Point2", IDL_POINT, IDL) == ["x", "y"]


def test_idl_of_several_types() -> None:
    line = "=" * 80
    text = (
        f"{line}\nIDL: robot_msgs/msg/Path2\n{IDL_PATH}"
        f"{line}\nIDL: robot_msgs/msg/Point2\n{IDL_POINT}"
    )
    assert fields("robot_msgs/msg/Path2", text, IDL) == ["points", "width"]


def test_nested_standard_types_need_no_definition() -> None:
    names = fields("robot_msgs/msg/Seen", "sensor_msgs/Image image\ngeometry_msgs/Pose pose\n")
    assert names == ["image", "pose"]


@pytest.mark.parametrize("definition", ["", "  \n", "((( no definition"])
def test_a_standard_type_is_known_whatever_the_bag_says(definition: str) -> None:
    assert fields("std_msgs/msg/String", definition) == ["data"]


def test_the_definition_of_the_bag_goes_before_the_standard_one() -> None:
    assert fields("std_msgs/msg/String", "string data\nstring more\n") == ["data", "more"]


def test_ros1_keeps_the_field_names_of_ros2_only_where_the_bytes_agree() -> None:
    roi = "uint32 x_offset\nuint32 y_offset\nuint32 height\nuint32 width\nbool do_rectify\n"
    separator = "=" * 80 + "\n"
    info = (
        "Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] D\n"
        "float64[9] K\nfloat64[9] R\nfloat64[12] P\nuint32 binning_x\nuint32 binning_y\n"
        f"RegionOfInterest roi\n{separator}MSG: sensor_msgs/RegionOfInterest\n"
    )
    assert "k" in fields("sensor_msgs/msg/CameraInfo", info + roi, ros1=True)
    other = info + roi.replace("uint32 x_offset", "uint64 x_offset")
    assert "K" in fields("sensor_msgs/msg/CameraInfo", other, ros1=True)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("((( no definition", "its definition is invalid"),
        ("uint8 class\nuint8 class_\n", "conflicting Python names"),
        ("robot_msgs/Wheel[] wheels\n", "the bag does not define robot_msgs/msg/Wheel"),
        ("", "the bag does not define robot_msgs/msg/Robot and it is no standard type"),
    ],
)
def test_what_is_wrong_with_a_type_is_said_and_others_still_work(
    definition: str, expected: str
) -> None:
    bad = connection("robot_msgs/msg/Robot", definition)
    good = connection("std_msgs/msg/String", "string data\n")
    types = BagTypes([bad, good], ros1=False)
    assert not types.knows(bad)
    assert types.converts(bad)
    assert expected in types.refusal(bad)
    assert "topic /topic holds robot_msgs/msg/Robot, which cannot be read" in types.refusal(bad)
    cdr = bytes(
        typestore().serialize_cdr(message_class("std_msgs/msg/String")("x"), "std_msgs/msg/String")
    )
    message: Any = types.deserialize(cdr, good)
    assert message.data == "x"


def test_ros1_definitions_without_their_parts_are_completed() -> None:
    text = "geometry_msgs/Vector3 translation\ngeometry_msgs/Quaternion rotation\n"
    assert fields("geometry_msgs/msg/Transform", text, ros1=True) == ["translation", "rotation"]


def test_ros1_needs_the_definition_to_convert() -> None:
    wanted = connection("robot_msgs/msg/Robot", "robot_msgs/Wheel wheel\n", ros1=True)
    types = BagTypes([wanted], ros1=True)
    assert not types.knows(wanted)
    assert not types.converts(wanted)
