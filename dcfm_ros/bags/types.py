"""The message types that are read and written without ROS: one store for all, and a bag's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag1,
    MessageDefinitionFormat,
    Nodetype,
)
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from dcfm_ros.errors import BagError, ResourceError
from dcfm_ros.resources import resource

if TYPE_CHECKING:
    from rosbags.interfaces.typing import FieldDesc, Typesdict
    from rosbags.typesys.store import Typestore


# Fields of vision_msgs 4 (Humble and later), which the store of rosbags lacks.
_VISION_MSGS = {
    "vision_msgs/msg/VisionClass": "uint16 class_id\nstring class_name\n",
    "vision_msgs/msg/LabelInfo": (
        "std_msgs/Header header\nvision_msgs/VisionClass[] class_map\nfloat32 threshold\n"
    ),
}
_OWN_MESSAGES = ("ClassGrid", "FrameStatus")


@cache
def typestore() -> Typestore:
    """The standard messages of ROS 2 Jazzy, vision_msgs/LabelInfo and this package's own."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, definition in _VISION_MSGS.items():
        store.register(get_types_from_msg(definition, name))
    for name in _OWN_MESSAGES:
        try:
            definition = resource(f"msg/{name}.msg").read_text(encoding="utf-8")
        except ResourceError:
            continue  # `message_class` names what is missing once it is asked for
        store.register(get_types_from_msg(definition, f"dcfm_ros/msg/{name}"))
    return store


def message_class(name: str) -> Any:
    """The dataclass of a message type.

    Args:
        name: e.g. `sensor_msgs/msg/Image`; arrays of numbers are ndarrays of the field's type.

    Raises:
        BagError: the type is unknown.
    """
    try:
        return typestore().types[name]
    except KeyError:
        raise BagError(
            f"message type {name} is unknown, expected a standard ROS 2 message, "
            "vision_msgs/msg/LabelInfo or a message of dcfm_ros"
        ) from None


def ros2_type_name(name: str) -> str:
    """Message type as ROS 2 names it: `sensor_msgs/Image` (ROS 1, old ROS 2) gains its `/msg/`."""
    package, slash, rest = name.partition("/")
    return f"{package}/msg/{rest}" if slash and "/" not in rest else name


def ros2_topic_name(name: str) -> str:
    """Topic with leading slash and without double or trailing ones."""
    return "/" + "/".join(part for part in name.split("/") if part)


_HEADER = "std_msgs/msg/Header"
_RENAMED = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}
_PREPROCESSOR = re.compile(r"^[ \t]*#.*$", re.MULTILINE)  # rosbags' IDL grammar lacks #include
_IDL_SEPARATOR = "=" * 80 + "\nIDL: "


class BagTypes:
    """Serialised messages of one bag to CDR and to dataclasses.

    A message type that cannot be understood raises only once a message of it is asked for.
    """

    def __init__(self, connections: Iterable[Connection], *, ros1: bool) -> None:
        self._ros1 = ros1
        self._problems: dict[str, str] = {}
        self._store = get_typestore(Stores.EMPTY)
        self._register(self._collect(list(connections)))

    def knows(self, connection: Connection) -> bool:
        """Whether `deserialize` understands messages of a connection."""
        return self._problem(connection) is None

    def converts(self, connection: Connection) -> bool:
        """Whether `to_cdr` can pass messages on; those of ROS 2 need no definition for it."""
        return _is_cdr(connection) if not self._ros1 else self.knows(connection)

    def to_cdr(self, data: bytes, connection: Connection) -> bytes:
        """Serialised message of the bag to CDR of the ROS 2 type.

        Raises:
            BagError: bytes that do not fit the type.
        """
        if not self._ros1:
            return data
        try:
            return bytes(self._store.ros1_to_cdr(memoryview(data), bag_type_name(connection)))
        except Exception as error:  # rosbags raises many kinds on damaged bytes
            raise BagError(_unreadable(connection, error)) from None

    def deserialize(self, data: bytes, connection: Connection) -> object:
        """Serialised message of the bag to a dataclass with the fields of the ROS 2 type.

        Raises:
            BagError: bytes that do not fit the type.
        """
        cdr = memoryview(self.to_cdr(data, connection))
        try:
            return self._store.deserialize_cdr(cdr, bag_type_name(connection))
        except Exception as error:  # rosbags raises many kinds on damaged bytes
            raise BagError(_unreadable(connection, error)) from None

    def _problem(self, connection: Connection) -> str | None:
        if not _is_cdr(connection):
            return f"its messages are {_serialisation(connection)}, not serialised as CDR"
        pending, seen = [bag_type_name(connection)], set()
        while pending:
            name = pending.pop()
            if name in self._problems:
                return self._problems[name]
            if name not in self._store.fielddefs:
                return f"the bag does not define {name} and it is no standard type"
            if name not in seen:
                seen.add(name)
                pending += _parts(name, self._store.fielddefs)
        return None

    def described(self, connection: Connection) -> str:
        """Type of a connection's messages, and their encoding where it is none of ROS."""
        encoding = "" if _is_cdr(connection) else f" as {_serialisation(connection)}"
        return f"({bag_type_name(connection)}){encoding}"

    def refusal(self, connection: Connection) -> str:
        """Why messages of a connection that is not known cannot be read."""
        other = "record as mcap, which stores definitions" if _is_cdr(connection) else "convert it"
        return (
            f"topic {connection.topic} holds {bag_type_name(connection)}, which cannot be read: "
            f"{self._problem(connection)}; leave the topic out, or {other}"
        )

    def _collect(self, connections: list[Connection]) -> Typesdict:
        known = typestore().fielddefs
        found: Typesdict = {}
        for connection in connections:
            try:
                found.update(_parse(connection))
            except Exception as error:  # a definition that rosbags cannot parse
                name = bag_type_name(connection)
                if name not in known:
                    self._problems[name] = f"its definition is invalid ({_one_line(error)})"
        if self._ros1:
            for name in list(found):
                if name == _HEADER or (name in known and _same_layout(name, found, known)):
                    found[name] = known[name]  # same bytes, with the field names of ROS 2
        pending = [bag_type_name(connection) for connection in connections] + list(found)
        while pending:
            name = pending.pop()
            if name not in found and name in known:
                found[name] = known[name]
                pending += _parts(name, found)
            elif name in found:
                pending += [part for part in _parts(name, found) if part not in found]
            # otherwise unknown: `_problem` says so
        return found

    def _register(self, types: Typesdict) -> None:
        try:
            self._store.register(types)
        except Exception:  # find the one to blame
            for name, definition in types.items():
                try:
                    self._store.register({name: definition})
                except Exception as error:
                    self._problems[name] = _one_line(error)


def bag_type_name(connection: Connection) -> str:
    """The ROS 2 name of a connection's message type."""
    name = ros2_type_name(connection.msgtype)
    return _RENAMED.get(name, name)


def _is_cdr(connection: Connection) -> bool:
    return _serialisation(connection) == "cdr"


def _serialisation(connection: Connection) -> str:
    """How the messages of a connection are encoded: "cdr", or "json" and others."""
    ext = connection.ext
    return "cdr" if isinstance(ext, ConnectionExtRosbag1) else ext.serialization_format


def _parse(connection: Connection) -> Typesdict:
    definition = connection.msgdef
    if definition.format == MessageDefinitionFormat.NONE or not definition.data.strip():
        return {}
    if definition.format == MessageDefinitionFormat.MSG:
        return get_types_from_msg(definition.data, bag_type_name(connection))
    text = _PREPROCESSOR.sub("", definition.data)
    if not text.startswith(_IDL_SEPARATOR):
        return get_types_from_idl(text)
    found: Typesdict = {}
    for part in text.split(_IDL_SEPARATOR)[1:]:
        found.update(get_types_from_idl(part.partition("\n")[2]))
    return found


def _parts(name: str, types: Typesdict) -> list[str]:
    """Names of the message types nested directly in a type."""
    return [inner for _, field in types[name][1] if (inner := _nested(field)) is not None]


def _nested(field: FieldDesc) -> str | None:
    if field[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        field = field[1][0]
    return field[1] if field[0] == Nodetype.NAME else None


def _same_layout(name: str, ours: Typesdict, theirs: Typesdict) -> bool:
    """Whether two definitions of a type serialise alike; Header.seq of ROS 1 is dropped anyway."""
    if name == _HEADER or name.startswith("builtin_interfaces/"):
        return True
    if name not in ours or name not in theirs:
        return False
    left, right = ours[name][1], theirs[name][1]
    return [field for _, field in left] == [field for _, field in right] and all(
        _same_layout(part, ours, theirs) for part in _parts(name, ours)
    )


def _unreadable(connection: Connection, error: Exception) -> str:
    return (
        f"message on {connection.topic} does not fit its type {bag_type_name(connection)} "
        f"({_one_line(error)}): the bag is damaged, or was recorded with another definition"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
