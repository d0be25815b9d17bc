"""Writing bags: what is refused, and what is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from dcfm_ros.bags import BagError, message_class, open_bag, write_bag


def text(value: str) -> Any:
    """A std_msgs/String."""
    return message_class("std_msgs/msg/String")(value)


def test_metadata_is_of_a_version_that_humble_reads(tmp_path: Path) -> None:
    with write_bag(tmp_path / "bag", "sqlite3") as writer:
        writer.write("/a", text("x"), 5, latched=True)
        writer.write("/a", text("y"), 9)
    content = YAML(typ="safe").load((tmp_path / "bag/metadata.yaml").read_text())
    info = content["rosbag2_bagfile_information"]
    (topic,) = info["topics_with_message_count"]
    assert info["version"] <= 8
    assert info["storage_identifier"] == "sqlite3"
    assert info["message_count"] == topic["message_count"] == 2
    assert info["duration"]["nanoseconds"] == 4
    assert isinstance(topic["topic_metadata"]["offered_qos_profiles"], str)
    assert "durability: 1" in topic["topic_metadata"]["offered_qos_profiles"]


def test_raw_and_typed_messages_mix(tmp_path: Path) -> None:
    with write_bag(tmp_path / "bag") as writer:
        writer.write("/a", text("x"), 1)
    with open_bag(tmp_path / "bag") as bag:
        raw = next(bag.raw_messages())
    with write_bag(tmp_path / "copy") as writer:
        writer.write_raw(raw.topic, raw.type, raw.cdr, raw.log_ns)
        writer.write("/a", text("y"), 2)
    with open_bag(tmp_path / "copy") as bag:
        assert [record.message.data for record in bag.messages()] == ["x", "y"]


@pytest.mark.parametrize(
    ("storage", "compression", "expected"),
    [
        ("rosbag", None, "storage is 'rosbag', expected one of mcap, sqlite3"),
        ("mcap", "lz4", "compression is 'lz4', expected one of chunk, message, file"),
        ("sqlite3", "chunk", "sqlite3 has no chunks to compress, expected message or file"),
    ],
)
def test_unknown_formats_are_refused(
    tmp_path: Path, storage: str, compression: str | None, expected: str
) -> None:
    with pytest.raises(BagError, match=expected):
        write_bag(tmp_path / "bag", storage, compression)
    assert not (tmp_path / "bag").exists()


def test_an_existing_path_is_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="exists already: remove it or choose another path"):
        write_bag(tmp_path)


def test_a_path_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match=r"cannot create .*bag: Not a directory"):
        write_bag(tmp_path / "file" / "bag")


def test_a_path_that_sqlite3_cannot_take(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="which sqlite3 bags cannot: use mcap"):
        write_bag(tmp_path / "50%", "sqlite3")
    with write_bag(tmp_path / "50%") as writer:
        writer.write("/a", text("x"), 1)
    with open_bag(tmp_path / "50%") as bag:
        assert len(list(bag.messages())) == 1


def test_an_error_while_writing_leaves_nothing_that_looks_like_a_bag(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"), write_bag(tmp_path / "bag") as writer:  # noqa: PT012
        writer.write("/a", text("x"), 1)
        raise RuntimeError("stopped")
    assert not (tmp_path / "bag").exists()


def test_an_unfinished_bag_does_not_look_whole(tmp_path: Path) -> None:
    """What a killed process leaves."""
    writer = write_bag(tmp_path / "bag")
    writer.write("/a", text("x"), 1)
    with pytest.raises(BagError):
        open_bag(tmp_path / "bag")
    writer.close()
    writer.close()
    with open_bag(tmp_path / "bag") as bag:
        assert len(list(bag.messages())) == 1


def test_one_topic_holds_one_type(tmp_path: Path) -> None:
    with write_bag(tmp_path / "bag") as writer:
        writer.write("/a", text("x"), 1)
        with pytest.raises(
            BagError, match="/a holds std_msgs/msg/String, cannot also hold std_msgs/msg/B"
        ):
            writer.write("/a", message_class("std_msgs/msg/Bool")(True), 2)


def test_values_that_do_not_fit_their_fields_are_refused(tmp_path: Path) -> None:
    cell = message_class("std_msgs/msg/UInt8")
    with write_bag(tmp_path / "bag") as writer:
        with pytest.raises(BagError, match="cannot serialise std_msgs/msg/UInt8 for /a"):
            writer.write("/a", cell(1000), 1)
        with pytest.raises(BagError, match="message type robot_msgs/msg/Wheel is unknown"):
            writer.write_raw("/b", "robot_msgs/msg/Wheel", b"\0\1\0\0", 1)


def test_own_and_vision_messages_travel(tmp_path: Path) -> None:
    time = message_class("builtin_interfaces/msg/Time")
    header = message_class("std_msgs/msg/Header")(time(3, 4), "map")
    vector = message_class("geometry_msgs/msg/Point")(0.0, 0.0, 0.0)
    turn = message_class("geometry_msgs/msg/Quaternion")(0.0, 0.0, 0.0, 1.0)
    pose = message_class("geometry_msgs/msg/Pose")(vector, turn)
    info = message_class("nav_msgs/msg/MapMetaData")(time(0, 0), 0.1, 2, 1, pose)
    cells = np.array([3, 255], np.uint8)
    grid = message_class("dcfm_ros/msg/ClassGrid")(header, info, cells, cells)
    road = message_class("vision_msgs/msg/VisionClass")(3, "road")
    labels = message_class("vision_msgs/msg/LabelInfo")(header, [road], 0.5)
    with write_bag(tmp_path / "bag") as writer:
        writer.write("/grid", grid, 1)
        writer.write("/labels", labels, 2, latched=True)
    with open_bag(tmp_path / "bag") as bag:
        first, second = (record.message for record in bag.messages())
    np.testing.assert_array_equal(first.class_id, cells)
    assert first.UNKNOWN == 255
    assert second.class_map[0].class_name == "road"
