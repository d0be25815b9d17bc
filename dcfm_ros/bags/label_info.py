"""The names of the classes in label images: vision_msgs/LabelInfo, written and found again."""

from __future__ import annotations

from collections.abc import Iterable

from dcfm_ros.bags.convert import header
from dcfm_ros.bags.reader import BagReader
from dcfm_ros.bags.topics import GROUND_TRUTH_PREFIX
from dcfm_ros.bags.types import message_class

_LABEL_INFO = "vision_msgs/msg/LabelInfo"


def label_info(classes: Iterable[str], stamp_ns: int) -> object:
    """A vision_msgs/LabelInfo with names by class id."""
    vision_class = message_class("vision_msgs/msg/VisionClass")
    info: object = message_class("vision_msgs/msg/LabelInfo")(
        header=header(stamp_ns, ""),
        class_map=[vision_class(class_id=i, class_name=name) for i, name in enumerate(classes)],
        threshold=0.0,
    )
    return info


def class_names(bag: BagReader, label_topic: str) -> tuple[str | None, ...]:
    """Names by class id, of the LabelInfo beside a ground-truth topic; empty without one."""
    found = [
        topic.name
        for topic in bag.topics
        if topic.type == _LABEL_INFO and topic.name.startswith(GROUND_TRUTH_PREFIX) and topic.count
    ]
    beside = [name for name in found if label_topic.startswith(name.rpartition("/")[0] + "/")]
    if not label_topic or not beside:
        return ()
    info = next(bag.messages(beside[-1:]), None)
    if info is None:
        return ()
    entries = {int(entry.class_id): str(entry.class_name) for entry in info.message.class_map}
    return tuple(entries.get(index) for index in range(max(entries, default=-1) + 1))
