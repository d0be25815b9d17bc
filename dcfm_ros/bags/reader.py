"""Any rosbag as a stream of typed messages: ROS 1, sqlite3, mcap, whole or in splits."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING

from rosbags.interfaces import Connection

from dcfm_ros.bags.records import (
    BagMessage,
    ImageFrame,
    RawMessage,
    TopicInfo,
    stamp_ns,
)
from dcfm_ros.bags.splits import Serialised, is_latched, read, survey
from dcfm_ros.bags.storage import ROS1, find_files
from dcfm_ros.bags.topics import (
    camera_topics,
    find_topic,
    image_topics,
    label_topics,
    no_such_topic,
    only_topic,
)
from dcfm_ros.bags.types import BagTypes, bag_type_name, ros2_topic_name
from dcfm_ros.errors import BagError

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger(__name__)

# What an image with depth in it says (REP-118); peeked at where topics must be told apart.
_DEPTH_ENCODINGS = ("16UC1", "32FC1", "64FC1")


def open_bag(path: Path | str, *, skip_missing: bool = False) -> BagReader:
    """Open a bag for reading; use it in a `with` statement.

    Args:
        path: a ROS 1 .bag, a ROS 2 bag folder (with or without metadata.yaml), .mcap or .db3.
        skip_missing: read what is there where splits named in metadata.yaml are missing.

    Raises:
        BagError: no bag there, a missing split, or a file that is empty, truncated or damaged.
    """
    return BagReader(Path(path), skip_missing=skip_missing)


class BagReader:
    """A bag's topics and messages. Files are open, and messages in memory, only while iterated."""

    def __init__(self, path: Path, *, skip_missing: bool = False) -> None:
        """See `open_bag`."""
        self.path = path
        self._scratch: TemporaryDirectory[str] | None = None
        files = find_files(path, skip_missing=skip_missing)
        try:
            self._splits = [
                survey(file, partial(self._scratch_folder, number))
                for number, file in enumerate(files)
            ]
        except BaseException:
            self.close()
            raise
        self._connections = [c for split in self._splits for c in split.connections]
        self._types = BagTypes(self._connections, ros1=files[0].kind == ROS1)
        self.topics: tuple[TopicInfo, ...] = _summary(self._connections)

    @property
    def image_topics(self) -> tuple[TopicInfo, ...]:
        """The topics with images, raw or compressed, ground truth included."""
        return image_topics(self.topics)

    @property
    def start_ns(self) -> int:
        """Log time of the first message; 0 without messages."""
        return min((split.start_ns for split in self._splits if split.count), default=0)

    @property
    def duration_ns(self) -> int:
        """From the first to the last message, by log time; 0 without messages."""
        end_ns = max((split.end_ns for split in self._splits if split.count), default=0)
        return end_ns - self.start_ns

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """Stream the messages in log-time order.

        Args:
            topics: names, with or without leading slash; None for all whose types are known, with
                a warning where others are left out.

        Raises:
            BagError: a named topic that does not exist or is of an unknown type, or a damaged bag.
        """
        for connection, log_ns, data in self._serialised(topics, self._types.knows):
            yield BagMessage(
                ros2_topic_name(connection.topic),
                bag_type_name(connection),
                log_ns,
                self._types.deserialize(data, connection),
            )

    def raw_messages(self, topics: Collection[str] | None = None) -> Iterator[RawMessage]:
        """Stream the messages in log-time order as CDR; those of ROS 1 bags are converted.

        Args:
            topics: see `messages`; types need not be known where the bag holds CDR already.

        Raises:
            BagError: see `messages`.
        """
        for connection, log_ns, data in self._serialised(topics, self._types.converts):
            yield RawMessage(
                ros2_topic_name(connection.topic),
                bag_type_name(connection),
                log_ns,
                self._types.to_cdr(data, connection),
            )

    def frames(self, topic: str) -> Iterator[ImageFrame]:
        """Stream the images of a topic in log-time order.

        Raises:
            BagError: no such image topic, or a damaged bag.
        """
        name = find_topic(self.topics, topic, str(self.path)).name
        for record in self.messages([name]):
            header = getattr(record.message, "header", None)
            if header is None:
                raise BagError(
                    f"{self.path}: messages on {name} have no header: the definition of their type "
                    "is damaged"
                )
            yield ImageFrame(name, stamp_ns(header), record.log_ns, header.frame_id, record.message)

    def choose_image_topic(self, requested: str | None = None) -> str:
        """The camera topic to work on.

        Args:
            requested: the topic that the user named; None to take the only one there is.
                Ground truth (`/gt/...`) and depth are no candidates then.

        Raises:
            BagError: the named topic has no images; none is named and there is not exactly one.
        """
        if requested is not None:
            return find_topic(self.topics, requested, str(self.path)).name
        candidates = camera_topics(self.topics)
        if len(candidates) > 1:
            candidates = tuple(topic for topic in candidates if not self._holds_depth(topic))
        return only_topic(candidates, self.topics, str(self.path)).name

    def choose_label_topic(self, requested: str | None = None) -> str | None:
        """The topic with label images to compare with, or None where the bag has none.

        Args:
            requested: the topic that the user named; None to take the only one below `/gt/`.

        Raises:
            BagError: the named topic has no images; none is named and there is more than one.
        """
        if requested is not None:
            return find_topic(self.topics, requested, str(self.path)).name
        candidates = label_topics(self.topics)
        return only_topic(candidates, self.topics, str(self.path)).name if candidates else None

    def close(self) -> None:
        """Remove what was unpacked. Without effect the second time."""
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _serialised(
        self, topics: Collection[str] | None, readable: Callable[[Connection], bool]
    ) -> Iterator[Serialised]:
        names = self._readable(readable) if topics is None else self._named(topics, readable)

        def wanted(connection: Connection) -> bool:
            return ros2_topic_name(connection.topic) in names

        splits = sorted((split for split in self._splits if split.count), key=lambda s: s.start_ns)
        streams = [read(split, wanted) for split in splits]
        if all(left.end_ns <= right.start_ns for left, right in itertools.pairwise(splits)):
            for stream in streams:  # one file open at a time
                yield from stream
        else:
            yield from heapq.merge(*streams, key=lambda message: message[1])

    def _named(self, topics: Collection[str], readable: Callable[[Connection], bool]) -> set[str]:
        names = {ros2_topic_name(topic) for topic in topics}
        for unknown in sorted(names - {topic.name for topic in self.topics}):
            raise BagError(no_such_topic(unknown, self.topics, str(self.path)))
        for connection in self._connections:
            if ros2_topic_name(connection.topic) in names and not readable(connection):
                raise BagError(f"{self.path}: {self._types.refusal(connection)}")
        return names

    def _readable(self, readable: Callable[[Connection], bool]) -> set[str]:
        left_out = {
            (ros2_topic_name(connection.topic), self._types.described(connection))
            for connection in self._connections
            if not readable(connection)
        }
        if left_out:
            listed = ", ".join(f"{name} {kind}" for name, kind in sorted(left_out))
            _log.warning("%s: left out topics of types that are not known: %s", self.path, listed)
        return {topic.name for topic in self.topics} - {name for name, _ in left_out}

    def _holds_depth(self, topic: TopicInfo) -> bool:
        first = next(self.messages([topic.name]), None)
        if first is None:
            return False
        encoding = getattr(first.message, "encoding", None) or getattr(first.message, "format", "")
        return str(encoding).partition(";")[0].strip() in _DEPTH_ENCODINGS

    def _scratch_folder(self, number: int) -> Path:
        if self._scratch is None:
            self._scratch = TemporaryDirectory(prefix="dcfm_bag_")
        folder = Path(self._scratch.name) / str(number)
        folder.mkdir()
        return folder


def _summary(connections: list[Connection]) -> tuple[TopicInfo, ...]:
    counts: dict[tuple[str, str], int] = {}
    latched: dict[tuple[str, str], bool] = {}
    for connection in connections:
        key = (ros2_topic_name(connection.topic), bag_type_name(connection))
        counts[key] = counts.get(key, 0) + connection.msgcount
        latched[key] = latched.get(key, False) or is_latched(connection)
    return tuple(
        TopicInfo(name, kind, counts[name, kind], latched[name, kind])
        for name, kind in sorted(counts)
    )
