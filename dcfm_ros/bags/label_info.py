"""The names of the classes in label images: vision_msgs/LabelInfo, written and found again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from dcfm_ros.bags.convert import header
from dcfm_ros.bags.reader import BagReader
from dcfm_ros.bags.types import message_class
from dcfm_ros.errors import BagError

_LABEL_INFO = "vision_msgs/msg/LabelInfo"
_UNLABELLED = 255


def label_info(classes: Iterable[str | None], stamp_ns: int) -> object:
    """A vision_msgs/LabelInfo with names by class id."""
    vision_class = message_class("vision_msgs/msg/VisionClass")
    info: object = message_class("vision_msgs/msg/LabelInfo")(
        header=header(stamp_ns, ""),
        class_map=[
            vision_class(class_id=class_id, class_name=name)
            for class_id, name in enumerate(classes)
            if name is not None
        ],
        threshold=0.0,
    )
    return info


def doubts(bag: BagReader, image_topic: str, label_topic: str) -> list[str]:
    """What to tell where label images may be another camera's, or their class names lie elsewhere.

    Args:
        bag: holds both topics.
        image_topic: of the camera.
        label_topic: of the label images; empty where there are none.
    """
    if not label_topic:
        return []
    return [*_of_another_camera(bag, image_topic, label_topic), *_passed_over(bag, label_topic)]


def _of_another_camera(bag: BagReader, image_topic: str, label_topic: str) -> list[str]:
    firsts = (next(bag.frames(topic), None) for topic in (image_topic, label_topic))
    image, labels = ("" if first is None else first.frame_id.removeprefix("/") for first in firsts)
    if image == labels or not (image and labels):
        return []
    told = (
        f"The labels on {label_topic} are of frame {labels!r}, the images on {image_topic} of "
        f"{image!r}: name the topics of one camera, unless they show the same."
    )
    return [told]


def _passed_over(bag: BagReader, label_topic: str) -> list[str]:
    """What to tell where a bag names classes, but not beside a topic of label images.

    Empty where it does so beside it, or nowhere: names of a network's own output may lie elsewhere.
    """
    infos = [topic for topic in bag.topics if topic.type == _LABEL_INFO and topic.count]
    if not infos or any(_is_beside(topic.name, label_topic) for topic in infos):
        return []
    names = ", ".join(topic.name for topic in infos)
    namespace = label_topic.removesuffix("/compressed").rpartition("/")[0]
    told = (
        f"The class names on {names} are not used: they lie in another namespace than the labels "
        f"on {label_topic}; if they belong to these, record them as {namespace}/label_info."
    )
    return [told]


def class_names(bag: BagReader, label_topic: str) -> tuple[str | None, ...]:
    """Names by class id, of the LabelInfo beside a topic of label images; empty without one.

    Raises:
        BagError: what it says changes in the course of the bag.
    """
    beside = [
        topic.name
        for topic in bag.topics
        if topic.type == _LABEL_INFO and topic.count and _is_beside(topic.name, label_topic)
    ]
    if not beside:
        return ()
    nearest = max(beside, key=lambda name: _common(name, label_topic))
    found = {_names(record.message) for record in bag.messages([nearest])}
    if len(found) > 1:
        raise BagError(
            f"{bag.path}: {nearest} names the classes of {label_topic} in {len(found)} ways, "
            "expected one; cut the bag where they change"
        )
    return found.pop()


def _is_beside(name: str, label_topic: str) -> bool:
    """In the namespace of the label images, or one above it; the root is above its own alone."""
    namespace = name.rpartition("/")[0]
    if not namespace:
        return label_topic.removesuffix("/compressed").count("/") == 1
    return f"{label_topic}/".startswith(namespace + "/")


def _common(one: str, other: str) -> int:
    """Characters at the beginning of both."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _names(info: Any) -> tuple[str | None, ...]:
    names = {int(entry.class_id): str(entry.class_name) for entry in info.class_map}
    ids = [class_id for class_id in names if 0 <= class_id < _UNLABELLED]
    return tuple(names.get(class_id) for class_id in range(max(ids, default=-1) + 1))
