"""One storage file of a bag, opened with rosbags; its many errors turned into one clear line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rosbags.interfaces import Connection, ConnectionExtRosbag1, QosDurability
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2

from dcfm_ros.bags.mcap import AnyMcapReader
from dcfm_ros.bags.storage import MCAP, ROS1, SQLITE3, ZSTD_MAGIC, BagFile
from dcfm_ros.errors import BagError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Serialised = tuple[Connection, int, bytes]

_REPAIR = {
    ROS1: "repair it with `rosbag reindex`",
    MCAP: "repair it with `mcap recover`",
    SQLITE3: "recover it with `sqlite3 FILE .recover`",
}
# What rosbags says of whole files that it does not take.
_OTHER_FORMAT = ("not supported", "unsupported")


@dataclass(frozen=True)
class Split:
    """What a storage file holds."""

    file: BagFile
    """As it was named by the user; its compression is undone in `path`."""
    path: Path
    connections: tuple[Connection, ...]
    start_ns: int
    """Log time of the first message; of no meaning without messages."""
    end_ns: int
    """Log time of the last message."""
    count: int


def survey(file: BagFile, scratch: Callable[[], Path]) -> Split:
    """Open a storage file once and note its topics and times.

    Args:
        file: found by `find_files`.
        scratch: gives an empty folder that outlives the split; called only where one is needed.

    Raises:
        BagError: the file is truncated or damaged.
    """
    path = _readable_path(file, scratch)
    with _opened(file, path) as reader:
        for connection in reader.connections:
            if not isinstance(connection.topic, str) or not isinstance(connection.msgtype, str):
                raise BagError(_damaged(file, ValueError("a topic lacks its name or type")))
        return Split(
            file=file,
            path=path,
            connections=tuple(reader.connections),
            start_ns=reader.start_time,
            end_ns=reader.end_time - 1,  # rosbags' end is exclusive
            count=reader.message_count,
        )


def read(split: Split, wanted: Callable[[Connection], bool]) -> Iterator[Serialised]:
    """Stream the messages of a storage file in log-time order, each decompressed.

    Every call opens the file anew: iterators do not disturb each other, and may live in threads.

    Raises:
        BagError: the file is damaged; the messages before the damage have been given by then.
    """
    with _opened(split.file, split.path) as reader:
        connections = [connection for connection in reader.connections if wanted(connection)]
        if not connections:
            return
        messages = reader.messages(connections=connections)
        while (message := _next(split.file, messages)) is not None:
            connection, log_ns, data = message
            if not isinstance(log_ns, int) or not isinstance(data, bytes):
                raise BagError(_damaged(split.file, ValueError("a message lacks its time or data")))
            yield connection, log_ns, _decompressed(split.file, data)


def is_latched(connection: Connection) -> bool:
    """Whether the publisher kept the last message for late subscribers."""
    if isinstance(connection.ext, ConnectionExtRosbag1):
        return bool(connection.ext.latching)
    profiles = connection.ext.offered_qos_profiles
    return any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)


@contextmanager
def _opened(file: BagFile, path: Path) -> Iterator[Reader1 | Reader2]:
    try:
        reader = Reader1(path) if file.kind == ROS1 else Reader2(path)
        if isinstance(reader, Reader2) and file.kind == MCAP:
            reader.storage = AnyMcapReader(path)
        reader.open()
    except Exception as error:  # a damaged file makes rosbags raise nearly anything
        raise BagError(_damaged(file, error)) from None
    try:
        yield reader
    finally:
        reader.close()


def _next(file: BagFile, messages: Iterator[Serialised]) -> Serialised | None:
    try:
        return next(messages, None)
    except Exception as error:  # a damaged file makes rosbags raise nearly anything
        raise BagError(_damaged(file, error)) from None


def _decompressed(file: BagFile, data: bytes) -> bytes:
    """A message that rosbag2 compressed by itself starts with the zstd magic, never CDR's 00 0x."""
    if not data.startswith(ZSTD_MAGIC):
        return data
    try:
        return zstd.decompress(data)
    except Exception as error:
        raise BagError(_damaged(file, error)) from None


def _readable_path(file: BagFile, scratch: Callable[[], Path]) -> Path:
    """The path that rosbags is to open: of the unpacked file where it is packed."""
    if file.compressed:
        return _decompress(file, scratch())
    if file.kind == SQLITE3 and set(str(file.path)) & set("?#%"):
        link = scratch() / "bag.db3"  # rosbags opens sqlite3 by URI and does not quote it
        link.symlink_to(file.path.resolve())
        return link
    return file.path


def _decompress(file: BagFile, folder: Path) -> Path:
    target = folder / file.path.stem
    try:
        with zstd.open(file.path, "rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
    except (zstd.ZstdError, EOFError) as error:
        raise BagError(_damaged(file, error)) from None
    except OSError as error:
        raise BagError(
            f"cannot unpack {file.path} into {folder}: {error.strerror}; "
            "set TMPDIR to a folder with more room"
        ) from None
    return target


def _damaged(file: BagFile, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    cause = "it is damaged, or the recording was cut off"
    log = file.path.with_name(file.path.name + "-wal")
    if any(word in reason.lower() for word in _OTHER_FORMAT):
        cause = "it was written in another format, or not by ROS"
        advice = "convert it with the tools that recorded it"
    elif log.is_file():
        advice = (
            f"{log.name} beside it holds what was not written back: "
            f"run `sqlite3 {file.path.name} 'PRAGMA wal_checkpoint'`"
        )
    else:
        advice = _REPAIR[file.kind]
    return f"{file.path} cannot be read as {file.kind} ({reason}): {cause}; {advice}"
