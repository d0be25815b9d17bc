"""Writes rosbag2 bags that rosbag2 (Humble and later), RViz and Foxglove open."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from dcfm_ros.bags.types import message_class, typestore
from dcfm_ros.errors import BagError

if TYPE_CHECKING:
    from typing_extensions import Self

STORAGES = ("mcap", "sqlite3")
COMPRESSIONS = ("chunk", "message", "file")
_MODES = {
    "chunk": CompressionMode.STORAGE,
    "message": CompressionMode.MESSAGE,
    "file": CompressionMode.FILE,
}
_FOREVER = QosTime(9_223_372_036, 854_775_807)
_LATCHED = Qos(
    QosHistory.KEEP_LAST,
    1,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    _FOREVER,
    _FOREVER,
    QosLiveliness.AUTOMATIC,
    _FOREVER,
    False,
)


def write_bag(path: Path | str, storage: str = "mcap", compression: str | None = None) -> BagWriter:
    """Create a bag folder; use it in a `with` statement.

    Args:
        path: the folder to create; must not exist.
        storage: one of `STORAGES`.
        compression: zstd by "chunk" (mcap only), by "message", of the "file", or None.

    Raises:
        BagError: the path is taken or cannot be created, an unknown storage or compression.
    """
    return BagWriter(Path(path), storage, compression)


class BagWriter:
    """A bag being written. It is whole once closed; an error inside `with` removes it."""

    def __init__(self, path: Path, storage: str, compression: str | None) -> None:
        """See `write_bag`."""
        if storage not in STORAGES:
            raise BagError(f"storage is {storage!r}, expected one of {', '.join(STORAGES)}")
        if compression is not None and compression not in COMPRESSIONS:
            raise BagError(
                f"compression is {compression!r}, expected one of {', '.join(COMPRESSIONS)}"
            )
        if compression == "chunk" and storage != "mcap":
            raise BagError(f"{storage} has no chunks to compress, expected message or file")
        if path.exists():
            raise BagError(f"{path} exists already: remove it or choose another path")
        if storage == "sqlite3" and set(str(path)) & set("?#%"):
            raise BagError(f"{path} has ?, # or % in it, which sqlite3 bags cannot: use mcap")
        self.path = path
        # Version 8: 9 writes QoS profiles in a form that Humble and Iron cannot read.
        self._writer = Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()])
        if compression is not None:
            self._writer.set_compression(_MODES[compression], CompressionFormat.ZSTD)
        self._connections: dict[str, Connection] = {}
        try:
            self._writer.open()
        except OSError as error:
            raise BagError(f"cannot create {path}: {error.strerror}") from None

    def write(self, topic: str, message: Any, log_ns: int, *, latched: bool = False) -> None:
        """Append a message.

        Args:
            topic: with leading slash.
            message: of a class given by `dcfm_ros.bags.types.message_class`.
            log_ns: when it was recorded; in any order, readers sort.
            latched: whether late subscribers get the last message; a topic's first call counts.

        Raises:
            BagError: an unknown type, another type than before, or a value that does not fit.
        """
        kind = message.__msgtype__
        message_class(kind)
        try:
            cdr = typestore().serialize_cdr(message, kind)
        except Exception as error:  # whatever a wrong field value provokes in rosbags
            reason = " ".join(str(error).split())
            raise BagError(f"cannot serialise {kind} for {topic}: {reason}") from None
        self.write_raw(topic, kind, bytes(cdr), log_ns, latched=latched)

    def write_raw(
        self, topic: str, kind: str, cdr: bytes, log_ns: int, *, latched: bool = False
    ) -> None:
        """Append a serialised message, as it came from the middleware.

        Args:
            topic: with leading slash.
            kind: message type, e.g. `sensor_msgs/msg/Image`.
            cdr: with its encapsulation header.
            log_ns: when it was recorded.
            latched: see `write`.

        Raises:
            BagError: an unknown type, or another type than before.
        """
        connection = self._connections.get(topic)
        if connection is None:
            message_class(kind)
            connection = self._writer.add_connection(
                topic,
                kind,
                typestore=typestore(),
                offered_qos_profiles=(_LATCHED,) if latched else (),
            )
            self._connections[topic] = connection
        elif connection.msgtype != kind:
            raise BagError(f"topic {topic} holds {connection.msgtype}, cannot also hold {kind}")
        self._writer.write(connection, log_ns, cdr)

    def close(self) -> None:
        """Write the index and metadata.yaml; the bag is whole from then on."""
        if self._writer.storage is not None:
            self._writer.close()

    def discard(self) -> None:
        """Stop writing and remove the bag."""
        self._writer.abort()
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
