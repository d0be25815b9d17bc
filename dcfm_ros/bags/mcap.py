"""Mcap files as other tools than rosbag2 write them, too, read with rosbags.

Recorders and merging tools put messages of JSON or protobuf beside those of ROS 2, leave the
header's profile empty, or write no index. Such files are whole, but rosbags refuses them.
Layout of the records: mcap.dev/spec.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Generator
from contextlib import suppress
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.storage_mcap import McapReader, Statistics, read_sized

_MAGIC = b"\x89MCAP0\r\n"
_HEADER = b"\x01"
_FOOTER = struct.Struct("<BQQQI8s")
_FOOTER_CODE, _FOOTER_SIZE = 2, 20
_ROS2_SCHEMAS = ("ros2msg", "ros2idl", "omgidl", "")


class AnyMcapReader(McapReader):
    """Lists all channels; the `ext` of those that are not CDR says how they are encoded."""

    def __init__(self, path: Any) -> None:
        """See `McapReader`."""
        super().__init__(path)
        self.schemas = _Schemas()

    def open(self) -> None:
        """Read the index, or the whole file where it has none.

        Raises:
            ReaderError: the file is damaged.
            OSError: it cannot be read.
        """
        self.bio = self.path.open("rb")
        try:
            self._read_summary()
        except BaseException:
            with suppress(Exception):
                self.close()
            raise

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Generator[tuple[Connection, int, bytes], None, None]:
        """Stream the messages of connections in the order of their times, with index or without."""
        if self.chunks:
            yield from super().messages(connections, start, stop)
            return
        times = [time for _, time, _ in self.messages_scan(connections, start, stop)]
        order = iter(sorted(range(len(times)), key=times.__getitem__))
        held: dict[int, tuple[Connection, int, bytes]] = {}
        due = next(order, None)
        for number, message in enumerate(self.messages_scan(connections, start, stop)):
            held[number] = message
            while due in held:
                yield held.pop(due)
                due = next(order, None)

    def _read_summary(self) -> None:
        assert self.bio is not None
        bio = self.bio
        if bio.read(len(_MAGIC)) != _MAGIC or bio.read(1) != _HEADER:
            raise ReaderError("File magic or header is invalid.")
        read_sized(bio)  # profile and library: whatever they say, channels say what they hold
        self.data_start = bio.tell()
        footer_start = bio.seek(-_FOOTER.size, 2)
        code, size, summary_start, _, _, magic = _FOOTER.unpack(bio.read(_FOOTER.size))
        if (code, size, magic) != (_FOOTER_CODE, _FOOTER_SIZE, _MAGIC):
            raise ReaderError("File end magic or footer is invalid.")
        if summary_start and not self.data_start <= summary_start <= footer_start:
            raise ReaderError("Invalid MCAP summary offset.")
        self.data_end = summary_start or footer_start
        if summary_start:
            self.read_index()
        if not all(chunk.channel_count for chunk in self.chunks):
            self.chunks.clear()  # no message indexes: their messages would be passed over
        if self.statistics is None and self.chunks:
            self.statistics = self._counted()
        elif self.statistics is None or not self.schemas:
            self.meta_scan()
        self._note(self.statistics)

    def _counted(self) -> Statistics:
        """What the chunk indexes say where there are no statistics."""
        counts: dict[int, int] = {}
        for chunk in self.chunks:
            for channel, count in chunk.channel_count.items():
                counts[channel] = counts.get(channel, 0) + count
        start_time = min(chunk.message_start_time for chunk in self.chunks)
        end_time = max(chunk.message_end_time for chunk in self.chunks)
        sizes = len(self.schemas), len(self.channels), 0, 0, len(self.chunks)
        return Statistics(sum(counts.values()), *sizes, start_time, end_time, counts)

    def _note(self, statistics: Statistics | None) -> None:
        assert statistics is not None
        counts = statistics.channel_message_counts
        self.connections = [
            connection._replace(msgcount=counts.get(connection.id, 0))
            for connection in self.connections
        ]
        if statistics.message_count:
            self.metadata = self.metadata._replace(
                duration=statistics.end_time - statistics.start_time + 1,
                start_time=statistics.start_time,
                end_time=statistics.end_time + 1,
                message_count=statistics.message_count,
            )


class _Schemas(dict[int, Any]):
    """By number; definitions in languages that ROS 2 does not know count as none."""

    def __setitem__(self, number: int, schema: Any) -> None:
        if schema.encoding not in _ROS2_SCHEMAS:
            schema = schema._replace(encoding="", data="")
        super().__setitem__(number, schema)
