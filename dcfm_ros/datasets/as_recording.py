"""Labelled data sets as sources, and as bags, so that they are evaluated as a camera is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from dcfm_ros.bags import ImageFrame, message_class, write_bag
from dcfm_ros.bags.convert import compressed_image, header
from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.files import labels_beside
from dcfm_ros.datasets.recordings import Source
from dcfm_ros.datasets.truth import SourceFrame
from dcfm_ros.errors import EvaluationError
from dcfm_ros.images import Pixels, labels_to_png

IMAGE_TOPIC = "/camera/image_raw/compressed"
LABEL_TOPIC = "/gt/label/compressed"
INFO_TOPIC = "/gt/label_info"
START_NS = 1_000_000_000_000_000_000  # stamps of zero mean "no time" in ROS
_PAUSE_NS = 10_000_000_000
"""Between clips."""
_FRAME_ID = "camera"
_IMAGE_FORMATS = {
    "jpg": "rgb8; jpeg compressed bgr8",
    "jpeg": "rgb8; jpeg compressed bgr8",
    "png": "rgb8; png compressed bgr8",
}
_LABEL_FORMAT = "mono8; png compressed mono8"


@dataclass(frozen=True)
class ClipFrame:
    """A picture, its label image if it has one, and the time that it gets."""

    image: Path
    label: Path | None
    stamp_ns: int
    clip: str
    """Frames of different clips do not follow each other."""


@dataclass(frozen=True)
class Dataset:
    """A split of a data set."""

    name: str
    root: Path
    classes: tuple[str, ...]
    """Names by class id; empty where they are not known."""
    frames: tuple[ClipFrame, ...]
    read_label: Callable[[str], Pixels]
    """A label file as (H, W) class ids."""

    def labels(self, frame: ClipFrame) -> Pixels:
        """(H, W) class ids of a frame that has a label image."""
        return labels_beside(self.read_label(str(frame.label)), frame.image)

    @property
    def labelled(self) -> int:
        """Frames with a label image."""
        return sum(frame.label is not None for frame in self.frames)


def timed(
    clips: Iterable[tuple[str, Iterable[tuple[int, Path, Path | None]]]], rate_hz: float
) -> tuple[ClipFrame, ...]:
    """Give the frames of clips their stamps; data sets hold none.

    Args:
        clips: name, and frame number, picture and label image of each frame in order.
        rate_hz: of the numbers.

    Raises:
        EvaluationError: a rate that is none.
    """
    if not rate_hz > 0:
        raise EvaluationError(f"frame rate is {rate_hz} Hz, expected more than 0")
    found: list[ClipFrame] = []
    start_ns = START_NS
    for name, frames in clips:
        first: int | None = None
        for number, image, label in frames:
            first = number if first is None else first
            stamp_ns = start_ns + round((number - first) * 1e9 / rate_hz)
            found.append(ClipFrame(image, label, stamp_ns, name))
        start_ns = found[-1].stamp_ns + _PAUSE_NS if found else start_ns
    return tuple(found)


def dataset_source(dataset: Dataset) -> Source:
    """A data set as a source of frames."""
    return Source(
        name=dataset.name,
        path=dataset.root,
        image_topic="",
        label_topic=dataset.name,
        frame_count=len(dataset.frames),
        label_count=dataset.labelled,
        pictures=tuple(frame.image for frame in dataset.frames),
        stream=partial(_stream, dataset),
        truth_classes=dataset.classes,
    )


def _stream(dataset: Dataset) -> Iterator[SourceFrame]:
    for frame in dataset.frames:
        picture = PictureFile.read(frame.image)
        image = ImageFrame("", frame.stamp_ns, frame.stamp_ns, _FRAME_ID, picture)
        truth = None
        if frame.label is not None:
            truth = partial(dataset.labels, frame)
        yield SourceFrame(image, truth, frame.clip)


def write_dataset_bag(
    dataset: Dataset, path: Path, watch: Callable[..., Iterable[ClipFrame]]
) -> int:
    """Write pictures as they are, label images as class ids, and the names of the classes.

    Args:
        watch: given the frames, the name, the unit and how many there are, gives the same frames.

    Returns:
        The number of frames.

    Raises:
        BagError: the bag cannot be created.
        DcfmError: a file that cannot be read.
    """
    numbers = count()
    with write_bag(path) as writer:
        for frame in watch(dataset.frames, str(path), "frames", len(dataset.frames)):
            stamp_ns = frame.stamp_ns
            if not next(numbers) and dataset.classes:
                writer.write(
                    INFO_TOPIC, label_info(dataset.classes, stamp_ns), stamp_ns, latched=True
                )
            picture = PictureFile.read(frame.image)
            kind = _IMAGE_FORMATS[picture.format]
            image = compressed_image(stamp_ns, _FRAME_ID, kind, picture.data)
            writer.write(IMAGE_TOPIC, image, stamp_ns)
            if frame.label is not None:
                png = labels_to_png(dataset.labels(frame))
                label = compressed_image(stamp_ns, _FRAME_ID, _LABEL_FORMAT, png)
                writer.write(LABEL_TOPIC, label, stamp_ns)
    return next(numbers)


def label_info(classes: Iterable[str], stamp_ns: int) -> object:
    """A vision_msgs/LabelInfo with names by class id."""
    vision_class = message_class("vision_msgs/msg/VisionClass")
    info: object = message_class("vision_msgs/msg/LabelInfo")(
        header=header(stamp_ns, ""),
        class_map=[vision_class(class_id=i, class_name=name) for i, name in enumerate(classes)],
        threshold=0.0,
    )
    return info
