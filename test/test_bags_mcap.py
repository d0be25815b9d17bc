"""MCAP files as other writers lay them out: hand-made after the specification (mcap.dev/spec)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from dcfm_ros.bags import BagError, message_class, open_bag
from dcfm_ros.bags.types import typestore

TEXT = "std_msgs/msg/String"
MAGIC = b"\x89MCAP0\r\n"


def record(kind: int, *parts: bytes) -> bytes:
    """One record: opcode, length, content."""
    body = b"".join(parts)
    return struct.pack("<BQ", kind, len(body)) + body


def text(value: str) -> bytes:
    """A length-prefixed string."""
    return struct.pack("<I", len(value)) + value.encode()


def schema(definition: str = "string data\n", encoding: str = "ros2msg") -> bytes:
    """Schema 1: std_msgs/String."""
    return record(3, struct.pack("<H", 1), text(TEXT), text(encoding), text(definition))


def channel(topic: str = "/text") -> bytes:
    """Channel 1 of schema 1, without metadata."""
    return record(4, struct.pack("<HH", 1, 1), text(topic), text("cdr"), struct.pack("<I", 0))


def foreign(number: int, encoding: str, language: str) -> bytes:
    """A schema, channel and message that are none of ROS 2."""
    return b"".join(
        [
            record(3, struct.pack("<H", number), text("foxglove.Log"), text(language), text("{}")),
            record(
                4, struct.pack("<HH", number, number), text(f"/{encoding}"), text(encoding),
                struct.pack("<I", 0),
            ),
            record(5, struct.pack("<HIQQ", number, 0, 2, 2), b'{"text": 1}'),
        ]
    )  # fmt: skip


def message(log_ns: int) -> bytes:
    """A text that says when it was logged."""
    cdr = bytes(typestore().serialize_cdr(message_class(TEXT)(str(log_ns)), TEXT))
    return record(5, struct.pack("<HIQQ", 1, 0, log_ns, log_ns), cdr)


def chunk(content: bytes, compression: str = "") -> bytes:
    """Records in a chunk."""
    packed = content
    if compression == "lz4":
        lz4: Any = pytest.importorskip("lz4.frame")
        packed = lz4.compress(content)
    head = struct.pack("<QQQI", 0, 2**62, len(content), 0)
    return record(6, head, text(compression), struct.pack("<Q", len(packed)), packed)


def file(path: Path, *records: bytes, profile: str = "ros2", summary: bytes = b"") -> Path:
    """A whole file, without summary section unless one is given."""
    header = record(1, text(profile), text("by hand"))
    data = MAGIC + header + b"".join(records) + record(0x0F, struct.pack("<I", 0))
    footer = record(2, struct.pack("<QQI", len(data) if summary else 0, 0, 0))
    path.write_bytes(data + summary + footer + MAGIC)
    return path


def logged(path: Path) -> list[int]:
    """The log times of a file's messages, checked against what they say."""
    with open_bag(path) as bag:
        records = list(bag.messages())
        assert bag.topics[0].count == len(records)
    assert [record.message.data for record in records] == [str(r.log_ns) for r in records]
    return [record.log_ns for record in records]


@pytest.mark.parametrize("compression", ["", "lz4"])
def test_chunks_without_index(tmp_path: Path, compression: str) -> None:
    first = chunk(schema() + channel() + message(1) + message(2), compression)
    second = chunk(message(3), compression)
    assert logged(file(tmp_path / "a.mcap", first, second)) == [1, 2, 3]


def test_no_chunks_at_all(tmp_path: Path) -> None:
    path = file(tmp_path / "a.mcap", schema(), channel(), message(1), message(5))
    assert logged(path) == [1, 5]


def test_iterators_of_a_file_without_index_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = file(tmp_path / "a.mcap", schema(), channel(), *(message(n) for n in range(9)))
    with open_bag(path) as bag:
        pairs = zip(bag.messages(), bag.messages(), strict=True)
        assert [(a.log_ns, b.log_ns) for a, b in pairs] == [(n, n) for n in range(9)]


def test_a_schema_without_definition(tmp_path: Path) -> None:
    path = file(tmp_path / "a.mcap", schema("", ""), channel("text"), message(7))
    assert logged(path) == [7]


@pytest.mark.parametrize("compression", [None, "", "lz4"])
def test_disorder_without_index_is_put_right(tmp_path: Path, compression: str | None) -> None:
    times = [5, 1, 3, 2, 9, 7]
    messages = b"".join(message(time) for time in times)
    records = schema() + channel() + messages
    if compression is not None:
        records = chunk(schema() + channel() + message(4) + message(2), compression)
        records += chunk(message(3) + message(1), compression)
        times = [4, 2, 3, 1]
    assert logged(file(tmp_path / "a.mcap", records)) == sorted(times)


@pytest.mark.parametrize("profile", ["", "ros1", "x-merged"])
def test_messages_of_ros2_are_read_whatever_the_profile_says(tmp_path: Path, profile: str) -> None:
    path = file(tmp_path / "a.mcap", schema(), channel(), message(1), profile=profile)
    assert logged(path) == [1]


@pytest.mark.parametrize("packed", [False, True])
def test_channels_that_are_none_of_ros2_are_left_out_and_named(
    tmp_path: Path, packed: bool, caplog: Any
) -> None:
    records = b"".join(
        [schema(), channel(), message(1), foreign(2, "json", "jsonschema"), message(3)]
    ) + foreign(3, "protobuf", "protobuf")
    path = file(tmp_path / "a.mcap", chunk(records) if packed else records)
    with open_bag(path) as bag:
        assert {topic.name: topic.count for topic in bag.topics} == {
            "/text": 2, "/json": 1, "/protobuf": 1,
        }  # fmt: skip
        for found in (list(bag.messages()), list(bag.raw_messages())):
            assert [record.log_ns for record in found] == [1, 3]
        with pytest.raises(
            BagError, match=r"/json holds foxglove.Log.*json, not serialised as CDR"
        ):
            list(bag.messages(["/json"]))
    assert "/json (foxglove.Log) as json, /protobuf (foxglove.Log) as protobuf" in caplog.text


def test_a_file_without_anything_of_ros2_names_what_it_holds(tmp_path: Path) -> None:
    path = file(tmp_path / "a.mcap", foreign(2, "json", "jsonschema"), profile="")
    with open_bag(path) as bag:
        with pytest.raises(BagError, match=r"no images at all, only /json \(foxglove.Log, 1 mess"):
            bag.choose_image_topic()
        assert not list(bag.messages())


def test_chunks_whose_index_names_no_messages(tmp_path: Path) -> None:
    """As recorders write them that leave message indexes out: nothing is passed over."""
    content = schema() + channel() + message(1) + message(2)
    start = len(MAGIC) + len(record(1, text("ros2"), text("by hand")))
    packed = chunk(content)
    index = record(
        8, struct.pack("<QQQQ", 1, 2, start, len(packed)), struct.pack("<I", 0),
        struct.pack("<Q", 0), text(""), struct.pack("<QQ", len(content), len(content)),
    )  # fmt: skip
    statistics = record(
        0x0B, struct.pack("<QHIIIIQQ", 2, 1, 1, 0, 0, 1, 1, 2),
        struct.pack("<I", 10), struct.pack("<HQ", 1, 2),
    )  # fmt: skip
    for name, summary in {
        "a": schema() + channel() + index + statistics,
        "b": schema() + channel() + index,
        "c": index + statistics,
    }.items():
        path = file(tmp_path / f"{name}.mcap", packed, summary=summary)
        assert logged(path) == [1, 2]


def test_an_unknown_compression_is_not_called_damage(tmp_path: Path) -> None:
    path = file(tmp_path / "a.mcap", chunk(schema() + channel() + message(1), "brotli"))
    with pytest.raises(BagError, match=r"Unsupported chunk compression 'brotli'.*another format"):
        open_bag(path)
