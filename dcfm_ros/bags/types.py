"""The message types that this package reads and writes without ROS: one store for all bags."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dcfm_ros.errors import BagError, ResourceError
from dcfm_ros.resources import resource

if TYPE_CHECKING:
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
