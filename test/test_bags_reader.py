"""Bags written here and read back: every storage, splits, order, types."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_harness import START_NS, header, image, text, write_images
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dcfm_ros.bags import (
    BagError,
    TopicInfo,
    open_bag,
    write_bag,
)
from dcfm_ros.images import to_rgb

EVERY_STORAGE = [
    ("mcap", None), ("mcap", "chunk"), ("mcap", "message"), ("mcap", "file"),
    ("sqlite3", None), ("sqlite3", "message"), ("sqlite3", "file"),
]  # fmt: skip


def write_splits(folder: Path, parts: list[list[int]], storage: str = "mcap") -> Path:
    """A bag folder of several files, each with texts logged at the times given."""
    folder.mkdir()
    suffix = {"mcap": ".mcap", "sqlite3": ".db3"}[storage]
    names = []
    for number, times in enumerate(parts):
        part = folder.with_name(f"{folder.name}_part")
        with write_bag(part, storage) as writer:
            for log_ns in times:
                writer.write("/text", text(f"{number}:{log_ns}"), log_ns)
        names.append(f"{folder.name}_{number}{suffix}")
        shutil.move(next(part.glob("*" + suffix)), folder / names[-1])
        shutil.rmtree(part)
    listed = "\n".join(f"  - {name}" for name in names)
    (folder / "metadata.yaml").write_text(
        f"rosbag2_bagfile_information:\n  version: 8\n  relative_file_paths:\n{listed}\n"
    )
    return folder


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize(("storage", "compression"), EVERY_STORAGE)
def test_every_storage_gives_back_what_was_written(
    tmp_path: Path, storage: str, compression: str | None, metadata: bool
) -> None:
    path = write_images(
        tmp_path / "bag", ["/camera/image"], storage=storage, compression=compression
    )
    if not metadata:
        (path / "metadata.yaml").unlink()
    with open_bag(path) as bag:
        assert bag.topics == (TopicInfo("/camera/image", "sensor_msgs/msg/Image", 3),)
        assert bag.image_topics == bag.topics
        assert bag.start_ns == START_NS
        assert bag.duration_ns == 200_000_000
        frames = list(bag.frames("/camera/image"))
    for number, frame in enumerate(frames):
        written = image(frame.stamp_ns)
        assert frame.log_ns == START_NS + number * 100_000_000
        assert frame.stamp_ns == frame.log_ns - 5_000_000
        assert frame.frame_id == "camera"
        assert frame.topic == "/camera/image"
        np.testing.assert_array_equal(frame.message.data, written.data)
        assert to_rgb(frame.message).shape == (2, 4, 3)
    assert len(frames) == 3


@pytest.mark.parametrize("inside", ["", "metadata.yaml", "bag.mcap"])
def test_a_bag_is_named_by_folder_or_by_a_file_in_it(tmp_path: Path, inside: str) -> None:
    path = write_images(tmp_path / "bag", ["/image"])
    with open_bag(path / inside) as bag:
        assert len(list(bag.messages())) == 3


def test_unpacked_files_are_removed_on_close(tmp_path: Path, monkeypatch: Any) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = write_images(tmp_path / "bag", ["/image"], compression="file")
    bag = open_bag(path)
    assert list(scratch.rglob("*.mcap"))
    bag.close()
    assert not list(scratch.iterdir())
    bag.close()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
@settings(deadline=None, max_examples=20)
def test_messages_come_in_log_time_order(tmp_path_factory: Any, times: list[int]) -> None:
    for storage in ("mcap", "sqlite3"):
        path = tmp_path_factory.mktemp("order") / "bag"
        with write_bag(path, storage) as writer:
            for number, log_ns in enumerate(times):
                writer.write("/text", text(str(number)), log_ns)
        with open_bag(path) as bag:
            assert [message.log_ns for message in bag.messages()] == sorted(times)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize(
    "parts",
    [
        [[1, 2, 3], [4, 5], [6]],
        [[1, 5, 9], [2, 5, 11], [3]],
        [[7, 8], [1, 2]],
        [[1, 2], [], [3]],
    ],
    ids=["in order", "overlapping", "listed backwards", "one without messages"],
)
def test_splits_are_one_stream_in_log_time_order(
    tmp_path: Path, parts: list[list[int]], storage: str
) -> None:
    path = write_splits(tmp_path / "bag", parts, storage)
    times = sorted(time for part in parts for time in part)
    with open_bag(path) as bag:
        assert [message.log_ns for message in bag.messages()] == times
        assert bag.topics == (TopicInfo("/text", "std_msgs/msg/String", len(times)),)
        assert bag.duration_ns == times[-1] - times[0]


def test_a_missing_split_is_named_or_skipped_on_request(tmp_path: Path) -> None:
    path = write_splits(tmp_path / "bag", [[1], [2], [3]])
    (path / "bag_1.mcap").unlink()
    with pytest.raises(BagError, match=r"lacks bag_1.mcap \(2 of 3 files are there\)"):
        open_bag(path)
    with open_bag(path, skip_missing=True) as bag:
        assert [message.log_ns for message in bag.messages()] == [1, 3]


def test_iterators_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = write_images(tmp_path / "bag", ["/a", "/b"], count=5)
    with open_bag(path) as bag:
        pairs = list(zip(bag.messages(["/a"]), bag.messages(["/b"]), strict=True))
        assert [(a.topic, b.topic, a.log_ns == b.log_ns) for a, b in pairs] == [
            ("/a", "/b", True)
        ] * 5
        assert len(list(bag.messages())) == 10


def test_raw_messages_are_the_serialised_bytes(tmp_path: Path) -> None:
    path = write_images(tmp_path / "bag", ["/image"], compression="message")
    with open_bag(path) as bag:
        first = next(bag.raw_messages(["image"]))
    assert (first.topic, first.type, first.log_ns) == ("/image", "sensor_msgs/msg/Image", START_NS)
    store = get_typestore(Stores.ROS2_JAZZY)
    message: Any = store.deserialize_cdr(first.cdr, first.type)
    np.testing.assert_array_equal(message.data, image(START_NS - 5_000_000).data)


def test_latched_topics_are_told_apart(tmp_path: Path) -> None:
    with write_bag(tmp_path / "bag") as writer:
        writer.write("/info", text("once"), 1, latched=True)
        writer.write("/text", text("often"), 2)
    with open_bag(tmp_path / "bag") as bag:
        assert {topic.name: topic.latched for topic in bag.topics} == {
            "/info": True,
            "/text": False,
        }


# Types


def custom_bag(path: Path, *, keep_definition: bool) -> Path:
    """A bag with /text and with /robot of a type that only the bag may define."""
    store = get_typestore(Stores.ROS2_JAZZY)
    definition = "std_msgs/Header header\nfloat32 charge\nrobot_msgs/Wheel[] wheels\n"
    store.register(get_types_from_msg("uint8 speed\n", "robot_msgs/msg/Wheel"))
    store.register(get_types_from_msg(definition, "robot_msgs/msg/Robot"))
    robot: Any = store.types["robot_msgs/msg/Robot"]
    wheel: Any = store.types["robot_msgs/msg/Wheel"]
    with Writer(path, version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        known = writer.add_connection("/text", "std_msgs/msg/String", typestore=store)
        own = writer.add_connection("/robot", "robot_msgs/msg/Robot", typestore=store)
        message = robot(header(7), 0.5, [wheel(3)])
        writer.write(known, 1, store.serialize_cdr(text("hello"), "std_msgs/msg/String"))
        writer.write(own, 2, store.serialize_cdr(message, "robot_msgs/msg/Robot"))
    if not keep_definition:
        import sqlite3

        with sqlite3.connect(path / f"{path.name}.db3") as database:
            database.execute("UPDATE message_definitions SET encoded_message_definition = ''")
    return path


def test_types_that_the_bag_defines_are_read(tmp_path: Path) -> None:
    with open_bag(custom_bag(tmp_path / "bag", keep_definition=True)) as bag:
        robot = next(bag.messages(["/robot"])).message
        assert robot.charge == 0.5
        assert robot.wheels[0].speed == 3


def test_unknown_types_are_an_error_only_where_asked_for(tmp_path: Path, caplog: Any) -> None:
    with open_bag(custom_bag(tmp_path / "bag", keep_definition=False)) as bag:
        with caplog.at_level(logging.WARNING):
            assert [message.topic for message in bag.messages()] == ["/text"]
        assert (
            "left out topics of types that are not known: /robot (robot_msgs/msg/Robot)"
            in caplog.text
        )
        with pytest.raises(
            BagError,
            match="/robot holds robot_msgs/msg/Robot, which cannot be read: the bag does not",
        ):
            next(bag.messages(["/robot"]))
        assert [message.topic for message in bag.raw_messages()] == ["/text", "/robot"]


def test_messages_of_another_serialisation_are_left_out(tmp_path: Path, caplog: Any) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        json = writer.add_connection(
            "/json", "std_msgs/msg/String", typestore=store, serialization_format="json"
        )
        writer.write(json, 1, b'{"data": "x"}')
    with open_bag(tmp_path / "bag") as bag:
        with caplog.at_level(logging.WARNING):
            assert not list(bag.raw_messages())
        assert "/json (std_msgs/msg/String)" in caplog.text
        with pytest.raises(BagError, match="not serialised as CDR"):
            next(bag.raw_messages(["/json"]))


def test_bytes_that_do_not_fit_their_type_are_an_error_when_reached(tmp_path: Path) -> None:
    with write_bag(tmp_path / "bag") as writer:
        writer.write("/image", image(1), 1)
        writer.write_raw("/image", "sensor_msgs/msg/Image", b"\0\1\0\0short", 2)
    with open_bag(tmp_path / "bag") as bag:
        frames = bag.frames("/image")
        next(frames)
        with pytest.raises(
            BagError, match="message on /image does not fit its type sensor_msgs/msg/Image"
        ):
            next(frames)


def test_a_path_with_signs_of_its_own_in_an_url(tmp_path: Path) -> None:
    path = write_images(tmp_path / "bag", ["/image"], storage="sqlite3")
    path = path.rename(tmp_path / "50% #2 ?")
    with open_bag(path) as bag:
        assert len(list(bag.messages())) == 3
