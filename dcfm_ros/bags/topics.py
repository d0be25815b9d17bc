"""Which topic of a bag to take: never guessed where there is a choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from dcfm_ros.bags.records import IMAGE_TYPES, TopicInfo
from dcfm_ros.bags.types import ros2_topic_name
from dcfm_ros.errors import BagError

GROUND_TRUTH_PREFIX = "/gt/"
"""Topics below it hold what is true, not what a sensor saw."""

_DEPTH_SUFFIX = "/compressedDepth"


def image_topics(topics: Iterable[TopicInfo]) -> tuple[TopicInfo, ...]:
    """The topics whose messages are images, raw or compressed."""
    return tuple(topic for topic in topics if topic.type in IMAGE_TYPES)


def camera_topics(topics: Iterable[TopicInfo]) -> tuple[TopicInfo, ...]:
    """The image topics that may be a camera's: no ground truth, no packed depth, not empty."""
    return tuple(
        topic
        for topic in image_topics(topics)
        if topic.count
        and not topic.name.startswith(GROUND_TRUTH_PREFIX)
        and not topic.name.endswith(_DEPTH_SUFFIX)
    )


def label_topics(topics: Iterable[TopicInfo]) -> tuple[TopicInfo, ...]:
    """The ground-truth image topics with messages; those named after labels where any is."""
    found = tuple(
        topic
        for topic in image_topics(topics)
        if topic.count and topic.name.startswith(GROUND_TRUTH_PREFIX)
    )
    named = tuple(topic for topic in found if "label" in topic.name)
    return named or found


def find_topic(topics: tuple[TopicInfo, ...], requested: str, bag: str) -> TopicInfo:
    """The image topic that the user named, with or without leading slash.

    Raises:
        BagError: no such topic, not an image topic, or no messages on it.
    """
    name = ros2_topic_name(requested)
    named = [topic for topic in topics if topic.name == name]
    if not named:
        raise BagError(no_such_topic(name, topics, bag))
    images = image_topics(named)
    if not images:
        raise BagError(
            f"topic {name} of {bag} holds {named[0].type}, expected {' or '.join(IMAGE_TYPES)}; "
            f"{_images_of(topics)}"
        )
    if not images[0].count:
        raise BagError(f"topic {name} of {bag} has no messages; {_images_of(topics)}")
    return images[0]


def only_topic(
    candidates: tuple[TopicInfo, ...], topics: tuple[TopicInfo, ...], bag: str
) -> TopicInfo:
    """The one candidate.

    Raises:
        BagError: none, or several: names them.
    """
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise BagError(f"{bag} has several image topics: {listing(candidates)}; name one of them")
    raise BagError(f"{bag} has no camera image topic; {_images_of(topics)}")


def listing(topics: Iterable[TopicInfo]) -> str:
    """Topics on one line: name (type, number of messages)."""
    return ", ".join(
        f"{topic.name} ({topic.type.rpartition('/')[2]}, {topic.count} messages)"
        for topic in topics
    )


def no_such_topic(name: str, topics: tuple[TopicInfo, ...], bag: str) -> str:
    """What to say of a topic that a bag lacks."""
    nearest = difflib.get_close_matches(name, [topic.name for topic in topics], n=1)
    advice = f", did you mean {nearest[0]}?" if nearest else ";"
    there = f"its topics are {listing(topics)}" if topics else "it has no topics at all"
    return f"{bag} has no topic {name}{advice} {there}"


def _images_of(topics: tuple[TopicInfo, ...]) -> str:
    images = image_topics(topics)
    if images:
        return f"its image topics are {listing(images)}"
    if topics:
        return f"it has no images at all, only {listing(topics)}"
    return "it has no topics at all: nothing was recorded"
