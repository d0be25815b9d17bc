"""What a bag holds for the costmap: transforms, calibration, depth and the true grid."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dcfm_ros.bags import BagMessage, BagReader
from dcfm_ros.bags.topics import find_topic, no_such_topic
from dcfm_ros.bags.types import ros2_topic_name
from dcfm_ros.errors import BagError
from dcfm_ros.geometry import info_beside, own_depth_infos

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
        depth: empty for none.
        depth_info: the depth camera's own calibration; empty: depth is aligned to the images.
        truth: of a true dcfm_ros/ClassGrid; empty for none.
    """

    image: str
    camera_info: str
    transforms: tuple[str, ...]
    depth: str
    depth_info: str
    truth: str

    @classmethod
    def of(
        cls, bag: BagReader, image: str, depth: str = "", depth_info: str = ""
    ) -> CostmapTopics | None:
        """Find them; None where the bag has no calibration or no transforms.

        Raises:
            BagError: no such depth topic, or none with its calibration.
        """
        if depth:
            depth = find_topic(bag.topics, depth, str(bag.path)).name
        kinds = {topic.name: topic.type for topic in bag.topics if topic.count}
        info = info_beside(image)
        own = depth and _own_info(bag, kinds, depth, info, depth_info)
        transforms = _transforms(image, kinds)
        if info not in kinds or not transforms:
            return None
        grids = [n for n, kind in kinds.items() if kind == _GRID_TYPE and n.startswith(_TRUTH)]
        return cls(image, info, transforms, depth, own, grids[0] if grids else "")

    @property
    def remappings(self) -> dict[str, str]:
        """Topics of transforms by the names that a node knows them by, where those differ."""
        known = {name: STATIC if name.endswith(STATIC) else MOVING for name in self.transforms}
        return {usual: name for name, usual in known.items() if usual != name}

    @property
    def beside_images(self) -> tuple[str, ...]:
        """All but the images."""
        others = self.camera_info, self.depth, self.depth_info, self.truth
        return (*self.transforms, *filter(None, others))


def missing_for_costmap(bag: BagReader, image: str) -> str:
    """What a bag lacks for a costmap, where it has the other half; empty where it has neither."""
    kinds = {topic.name: topic.type for topic in bag.topics if topic.count}
    infos = [name for name, kind in kinds.items() if kind == _INFO_TYPE]
    trees = [name for name, kind in kinds.items() if kind == _TRANSFORM_TYPE]
    if infos and not _transforms(image, kinds):
        there = f", only {', '.join(trees)} of other robots" if trees else ""
        return f"No costmap: the bag has no transforms for {image} (/tf, /tf_static){there}."
    if trees and info_beside(image) not in kinds:
        there = f"; there is {', '.join(infos)}" if infos else ""
        return f"No costmap: the bag has no camera_info on {info_beside(image)}{there}."
    return ""


def _own_info(
    bag: BagReader, kinds: dict[str, str], depth: str, camera_info: str, named: str
) -> str:
    """The depth camera's own calibration: the named topic, or one beside depth; empty for none."""
    if named:
        name = ros2_topic_name(named)
        if kinds.get(name) != _INFO_TYPE:
            infos = tuple(topic for topic in bag.topics if topic.type == _INFO_TYPE)
            raise BagError(no_such_topic(f"{name} with CameraInfo", infos, str(bag.path)))
        return name
    likely = own_depth_infos(depth, camera_info)
    return next((name for name in likely if kinds.get(name) == _INFO_TYPE), "")


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
