"""What a bag holds for the costmap: transforms, calibration, depth and the true grid."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dcfm_ros.bags import BagMessage, BagReader
from dcfm_ros.bags.topics import find_topic

STATIC, MOVING = "/tf_static", "/tf"
_TRANSFORM_TYPE = "tf2_msgs/msg/TFMessage"
_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
_GRID_TYPE = "dcfm_ros/msg/ClassGrid"
_TRUTH = "/gt/"


@dataclass(frozen=True)
class CostmapTopics:
    """Names of topics.

    Attributes:
        image: of the camera.
        camera_info: beside it, as for the node.
        transforms: those of /tf and /tf_static that the bag has.
        depth: aligned to the images; empty for none.
        truth: of a true dcfm_ros/ClassGrid; empty for none.
    """

    image: str
    camera_info: str
    transforms: tuple[str, ...]
    depth: str
    truth: str

    @classmethod
    def of(cls, bag: BagReader, image: str, depth: str = "") -> CostmapTopics | None:
        """Find them; None where the bag has no calibration or no transforms.

        Raises:
            BagError: no such depth topic.
        """
        if depth:
            depth = find_topic(bag.topics, depth, str(bag.path)).name
        kinds = {topic.name: topic.type for topic in bag.topics if topic.count}
        info = _info_beside(image)
        transforms = _transforms(image, kinds)
        if info not in kinds or not transforms:
            return None
        grids = [n for n, kind in kinds.items() if kind == _GRID_TYPE and n.startswith(_TRUTH)]
        return cls(image, info, transforms, depth, grids[0] if grids else "")

    @property
    def remappings(self) -> dict[str, str]:
        """Topics of transforms by the names that a node knows them by, where those differ."""
        known = {name: STATIC if name.endswith(STATIC) else MOVING for name in self.transforms}
        return {usual: name for name, usual in known.items() if usual != name}

    @property
    def beside_images(self) -> tuple[str, ...]:
        """All but the images."""
        return (*self.transforms, *filter(None, (self.camera_info, self.depth, self.truth)))


def missing_for_costmap(bag: BagReader, image: str) -> str:
    """What a bag lacks for a costmap, where it has the other half; empty where it has neither."""
    kinds = {topic.name: topic.type for topic in bag.topics if topic.count}
    infos = [name for name, kind in kinds.items() if kind == _INFO_TYPE]
    trees = [name for name, kind in kinds.items() if kind == _TRANSFORM_TYPE]
    if infos and not _transforms(image, kinds):
        there = f", only {', '.join(trees)} of other robots" if trees else ""
        return f"No costmap: the bag has no transforms for {image} (/tf, /tf_static){there}."
    if trees and _info_beside(image) not in kinds:
        there = f"; there is {', '.join(infos)}" if infos else ""
        return f"No costmap: the bag has no camera_info on {_info_beside(image)}{there}."
    return ""


def _info_beside(image: str) -> str:
    return image.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"


def _transforms(image: str, kinds: dict[str, str]) -> tuple[str, ...]:
    """Static and moving transforms: of the image's own namespace or the nearest around it.

    Where none is around it, those of the only namespace that has some.
    """
    trees = [
        name
        for name, kind in kinds.items()
        if kind == _TRANSFORM_TYPE and name.endswith((STATIC, MOVING))
    ]
    found = []
    for suffix in (STATIC, MOVING):
        spaces = [name.removesuffix(suffix) for name in trees if name.endswith(suffix)]
        around = [space for space in spaces if image.startswith(space + "/")]
        chosen = max(around, key=len) if around else spaces[0] if len(spaces) == 1 else None
        found += [] if chosen is None else [chosen + suffix]
    return tuple(found)


class CostmapMessages:
    """Streams them by the time of recording, along with the images of the same bag.

    Args:
        bag: opened for this alone.
        take: called with each message, and whether it is a static transform.
    """

    def __init__(
        self, bag: BagReader, topics: CostmapTopics, take: Callable[[BagMessage, bool], None]
    ) -> None:
        self._take = take
        self._images = (record.log_ns for record in bag.raw_messages([topics.image]))
        self._image_index = -1
        self._image_ns = 0
        self._messages: Iterator[BagMessage] = bag.messages(topics.beside_images)
        self._next: deque[BagMessage] = deque()

    def until_image(self, index: int) -> int:
        """Take all that was recorded until an image; gives the time of recording of that.

        Args:
            index: of the image in its topic, rising from call to call.
        """
        while self._image_index < index:
            self._image_ns = next(self._images, self._image_ns)
            self._image_index += 1
        while self.step(self._image_ns) is not None:
            pass
        return self._image_ns

    def step(self, latest_ns: int) -> int | None:
        """Take one more message unless it was recorded later; gives its time, else None."""
        if not self._next:
            self._next.extend(message for message in (next(self._messages, None),) if message)
        if not self._next or self._next[0].log_ns > latest_ns:
            return None
        message = self._next.popleft()
        self._take(message, message.topic.endswith(STATIC))
        return message.log_ns
