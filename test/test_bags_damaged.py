"""Bags that are cut short or changed: whole messages, then one clear line; never anything else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag1 import Writer as Writer1
from rosbags.typesys import Stores, get_typestore

from dcfm_ros.bags import BagError, message_class, open_bag, write_bag

TEXT = "std_msgs/msg/String"


def write_ros1(path: Path) -> None:
    """Twenty texts in a ROS 1 bag."""
    store = get_typestore(Stores.ROS1_NOETIC)
    message: Any = store.types[TEXT]
    writer = Writer1(path)
    writer.set_compression(Writer1.CompressionFormat.LZ4)
    with writer:
        connection = writer.add_connection("/text", TEXT, typestore=store)
        for number in range(20):
            writer.write(connection, number, store.serialize_ros1(message(f"{number:0100d}"), TEXT))


def write_ros2(path: Path, storage: str, compression: str | None) -> bytes:
    """Twenty texts in a ROS 2 bag; the bytes of its storage file."""
    with write_bag(path, storage, compression) as writer:
        for number in range(20):
            writer.write("/text", message_class(TEXT)(f"{number:0100d}"), number)
    return next(file for file in path.iterdir() if file.suffix != ".yaml").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: Any) -> dict[str, bytes]:
    """The bytes of a whole bag of every kind, by file name."""
    folder = tmp_path_factory.mktemp("whole")
    write_ros1(folder / "a.bag")
    return {
        "a.bag": (folder / "a.bag").read_bytes(),
        "a.mcap": write_ros2(folder / "plain", "mcap", None),
        "b.mcap": write_ros2(folder / "chunk", "mcap", "chunk"),
        "c.mcap": write_ros2(folder / "message", "mcap", "message"),
        "a.mcap.zstd": write_ros2(folder / "file", "mcap", "file"),
        "a.db3": write_ros2(folder / "plain3", "sqlite3", None),
        "b.db3": write_ros2(folder / "message3", "sqlite3", "message"),
        "a.db3.zstd": write_ros2(folder / "file3", "sqlite3", "file"),
    }


KINDS = ["a.bag", "a.mcap", "b.mcap", "c.mcap", "a.mcap.zstd", "a.db3", "b.db3", "a.db3.zstd"]


def read_all(path: Path) -> int:
    """Read a bag in both ways; how many messages came, or -1 with one clear line."""
    try:
        with open_bag(path) as bag:
            count = sum(1 for _ in bag.messages())
            sum(1 for _ in bag.raw_messages())
    except BagError as error:
        line = str(error)
    else:
        return count
    assert "\n" not in line
    assert str(path) in line or "message on" in line
    return -1


@pytest.mark.parametrize("name", KINDS)
def test_the_whole_bag_is_read(tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    (tmp_path / name).write_bytes(whole[name])
    assert read_all(tmp_path / name) == 20


@pytest.mark.parametrize("name", KINDS)
def test_a_truncated_bag_never_looks_whole(
    tmp_path: Path, whole: dict[str, bytes], name: str
) -> None:
    data = whole[name]
    path = tmp_path / name
    offsets = {
        0,
        1,
        4,
        8,
        16,
        17,
        100,
        len(data) - 1,
        len(data) - 8,
        len(data) - 37,
        len(data) - 100,
    }
    offsets |= set(range(0, len(data), max(len(data) // 25, 1)))
    for offset in sorted(offsets):
        path.write_bytes(data[:offset])
        assert read_all(path) < 20, f"cut at {offset} of {len(data)}"


@given(
    name=st.sampled_from(KINDS),
    place=st.floats(0, 0.999, allow_subnormal=False),
    value=st.binary(min_size=1, max_size=40),
)
@settings(deadline=None, max_examples=150)
def test_changed_bytes_give_messages_or_one_clear_line(
    tmp_path_factory: Any, whole: dict[str, bytes], name: str, place: float, value: bytes
) -> None:
    data = bytearray(whole[name])
    start = int(place * len(data))
    data[start : start + len(value)] = value
    path = tmp_path_factory.mktemp("changed") / name
    path.write_bytes(data)
    assert read_all(path) <= 20


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("a.mcap", lambda data: data[:-20], "recording was cut off; repair it with `mcap recover`"),
        ("a.bag", lambda data: data[:-20], "recording was cut off; repair it with `rosbag re"),
        ("a.db3", lambda data: data[:8000], "recover it with `sqlite3 FILE .recover`"),
        ("a.mcap", lambda data: b"", r"is empty \(0 bytes\), expected a ROS 1.*wrote nothing"),
        ("a.mcap", lambda data: b"x" * 100, "starts with 78 78 78 78 78 78 78 78, expected 89 4d"),
        ("a.mcap.zstd", lambda data: data[:100], "cannot be read as mcap"),
        ("a.mcap.zstd", lambda data: b"x" * 100, "expected 28 b5 2f fd of a zstd file"),
    ],
)  # fmt: skip
def test_what_to_do_about_it_is_said(
    tmp_path: Path,
    whole: dict[str, bytes],
    name: str,
    change: Callable[[bytes], bytes],
    expected: str,
) -> None:
    (tmp_path / name).write_bytes(change(whole[name]))
    with pytest.raises(BagError, match=expected):
        open_bag(tmp_path / name)


def test_a_write_ahead_log_beside_a_damaged_database_is_named(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    (tmp_path / "a.db3").write_bytes(whole["a.db3"][:4096])
    (tmp_path / "a.db3-wal").write_bytes(b"rest")
    with pytest.raises(BagError, match=r"a.db3-wal beside it holds what was not written back"):
        open_bag(tmp_path / "a.db3")


def test_messages_before_the_damage_are_given(tmp_path: Path) -> None:
    """A recording of an hour is not lost for one bad chunk: what can be read is streamed."""
    with write_bag(tmp_path / "bag") as writer:
        for number in range(4):  # beyond the size of a chunk each
            writer.write("/text", message_class(TEXT)("x" * (2 << 20)), number)
    file = tmp_path / "bag" / "bag.mcap"
    data = bytearray(file.read_bytes())
    third = data.index(b"x" * 100, 2 * (2 << 20) + 1000)
    data[third - 60 : third] = b"\xff" * 60
    file.write_bytes(data)
    read = []
    with (
        open_bag(tmp_path / "bag") as bag,
        pytest.raises(BagError, match=r"cannot be read|does not fit"),
    ):
        read.extend(message.log_ns for message in bag.messages())
    assert read
    assert read == list(range(len(read)))


def test_a_damaged_compressed_message_is_one_clear_line(tmp_path: Path) -> None:
    with write_bag(tmp_path / "bag") as writer:
        writer.write_raw("/text", TEXT, b"\x28\xb5\x2f\xfd and nothing", 1)
    with open_bag(tmp_path / "bag") as bag, pytest.raises(BagError, match="cannot be read as mcap"):
        next(bag.messages())


def test_no_room_to_unpack_is_said(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: Any
) -> None:
    (tmp_path / "a.mcap.zstd").write_bytes(whole["a.mcap.zstd"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(BagError, match=r"cannot unpack .*: No space left on device; set TMPDIR"):
        open_bag(tmp_path / "a.mcap.zstd")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE topics SET type = NULL", "a topic lacks its name or type"),
        ("UPDATE topics SET name = X'00'", "a topic lacks its name or type"),
        ("UPDATE messages SET data = NULL WHERE timestamp = 3", "a message lacks its time or data"),
        ("UPDATE messages SET timestamp = 2.5 WHERE timestamp = 3", "lacks its time or data"),
    ],
)
def test_a_database_with_values_of_other_types(tmp_path: Path, change: str, expected: str) -> None:
    """Every column of sqlite3 holds any type; a flipped bit makes another one of it."""
    write_ros2(tmp_path / "bag", "sqlite3", None)
    with sqlite3.connect(tmp_path / "bag" / "bag.db3") as database:
        untyped = "CREATE TABLE {0}_ AS SELECT * FROM {0}; DROP TABLE {0};"
        untyped += "ALTER TABLE {0}_ RENAME TO {0}"
        for table in ("topics", "messages"):
            database.executescript(untyped.format(table))
        database.execute(change)
    with pytest.raises(BagError, match=expected), open_bag(tmp_path / "bag") as bag:
        list(bag.messages())
