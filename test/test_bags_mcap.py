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


def file(path: Path, *records: bytes, profile: str = "ros2") -> Path:
    """A whole file without summary section."""
    header = record(1, text(profile), text("by hand"))
    data_end = record(0x0F, struct.pack("<I", 0))
    footer = record(2, struct.pack("<QQI", 0, 0, 0))
    path.write_bytes(MAGIC + header + b"".join(records) + data_end + footer + MAGIC)
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


def test_disorder_without_index_is_an_error_and_not_a_wrong_order(tmp_path: Path) -> None:
    path = file(tmp_path / "a.mcap", schema(), channel(), message(5), message(1))
    with open_bag(path) as bag, pytest.raises(BagError, match="not in timestamp order"):
        list(bag.messages())


@pytest.mark.parametrize("profile", ["", "ros1"])
def test_files_that_are_not_of_ros2_are_not_called_damaged(tmp_path: Path, profile: str) -> None:
    path = file(tmp_path / "a.mcap", schema(), channel(), message(1), profile=profile)
    with pytest.raises(
        BagError, match=r"Profile is not ros2.*another format, or not by ROS; convert"
    ):
        open_bag(path)


def test_an_unknown_compression_is_not_called_damage(tmp_path: Path) -> None:
    path = file(tmp_path / "a.mcap", chunk(schema() + channel() + message(1), "brotli"))
    with pytest.raises(BagError, match=r"Unsupported chunk compression 'brotli'.*another format"):
        open_bag(path)
