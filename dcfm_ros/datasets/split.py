"""A split of a data set as a camera's video: the frames to run, each with its stamp; or a bag."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dcfm_ros.bags import ImageFrame, write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.bags.label_info import label_info
from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.catalogue import known_dataset
from dcfm_ros.datasets.cityscapes import BEFORE
from dcfm_ros.datasets.class_names import classes_in
from dcfm_ros.datasets.clip_folder import clip_folder
from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import labels_beside
from dcfm_ros.datasets.source import Source, SourceFrame
from dcfm_ros.errors import EvaluationError
from dcfm_ros.images import Pixels, labels_to_png
from dcfm_ros.progress import progress

CLIPS = "clips"
"""As a data set's name: a folder of clips; any other is of `CATALOGUE`."""
START_NS = 1_000_000_000_000_000_000  # stamps of zero mean "no time" in ROS
FRAME_ID = "camera"
_CLIPS_RATE_HZ = 10.0
_PAUSE_NS = 10_000_000_000
"""Between clips."""


@dataclass(frozen=True)
class SplitOptions:
    """What to read of a data set."""

    dataset: str
    """`CLIPS`, or a name of `CATALOGUE`."""
    root: Path
    split: str = "val"
    clips: tuple[str, ...] = ()
    """Names of those to read; empty: all."""
    rate_hz: float | None = None
    """Of the frames; None: the data set's own."""
    before: int = BEFORE
    """Frames before each labelled one, as far as there are any: what a Cityscapes snippet has."""
    after: int = 0
    """Frames after each labelled one, likewise."""


@dataclass(frozen=True)
class ClipFrame:
    """A picture, its label image if it has one, and the time that it gets."""

    image: Path
    label: Path | None
    stamp_ns: int
    clip: str
    """Frames of different clips do not follow each other."""


@dataclass(frozen=True)
class DatasetSplit:
    """Frames to run, in order."""

    name: str
    root: Path
    classes: tuple[str | None, ...]
    """Names by class id; empty where they are not known."""
    frames: tuple[ClipFrame, ...]
    read_label: Callable[[str], Pixels]
    """A label file as (H, W) class ids."""

    def labels(self, frame: ClipFrame) -> Pixels:
        """(H, W) class ids of a frame that has a label image."""
        return labels_beside(self.read_label(str(frame.label)), frame.image)

    def source(self) -> Source:
        """As a recording, opened."""
        return Source(
            name=self.name,
            path=self.root,
            image_topic="",
            label_topic=self.name,
            frame_count=len(self.frames),
            label_count=sum(frame.label is not None for frame in self.frames),
            pictures=tuple(frame.image for frame in self.frames),
            stream=self._stream,
            truth_classes=self.classes,
        )

    def _stream(self) -> Iterator[SourceFrame]:
        for frame in self.frames:
            picture = PictureFile.read(frame.image)
            image = ImageFrame("", frame.stamp_ns, frame.stamp_ns, FRAME_ID, picture)
            truth = None if frame.label is None else partial(self.labels, frame)
            yield SourceFrame(image, truth, frame.clip)


def open_split(options: SplitOptions) -> DatasetSplit:
    """Find the files of a split.

    Raises:
        DcfmError: it is not there, or not laid out as published.
    """
    if options.dataset == CLIPS:
        classes: tuple[str | None, ...] = classes_in(options.root)
        name, rate_hz = options.root.name, _CLIPS_RATE_HZ
        clips = clip_folder(options.root)
    else:
        known = known_dataset(options.dataset, options.root)
        name, classes = f"{options.dataset}_{options.split}", known.classes
        clips, rate_hz = known.open(options.root, options.split), known.rate_hz
    frames = timed(
        ((clip.name, _frames(clip, options)) for clip in _chosen(clips, options)),
        rate_hz if options.rate_hz is None else options.rate_hz,
    )
    return DatasetSplit(name, options.root, classes, frames, clips.read)


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


def _chosen(clips: Clips, options: SplitOptions) -> list[Clip]:
    """The clips to read.

    Raises:
        EvaluationError: there is none of a name.
    """
    names = [clip.name for clip in clips.clips]
    for name in options.clips:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:5])}, …"
            raise EvaluationError(f"{clips.name} has no clip {name}; {advice}")
    return [clip for clip in clips.clips if not options.clips or clip.name in options.clips]


def _frames(clip: Clip, options: SplitOptions) -> Iterator[tuple[int, Path, Path | None]]:
    """The labelled frames and those around them."""
    wanted = {
        number
        for labelled in clip.labels
        for number in range(labelled - options.before, labelled + options.after + 1)
    }
    for number in sorted(wanted & set(clip.frames)):
        label = clip.labels.get(number)
        yield number, Path(clip.frames[number]), None if label is None else Path(label)


IMAGE_TOPIC = "/camera/image_raw/compressed"
LABEL_TOPIC = "/gt/label/compressed"
INFO_TOPIC = "/gt/label_info"
_IMAGE_FORMATS = {
    "jpg": "rgb8; jpeg compressed bgr8",
    "jpeg": "rgb8; jpeg compressed bgr8",
    "png": "rgb8; png compressed bgr8",
}
_LABEL_FORMAT = "mono8; png compressed mono8"


def write_dataset_bag(dataset: DatasetSplit, path: Path) -> int:
    """Write pictures as they are, label images as class ids, and the names of the classes.

    Returns:
        The number of frames.

    Raises:
        BagError: the bag cannot be created.
        DcfmError: a file that cannot be read.
    """
    frames = dataset.frames
    with write_bag(path) as writer:
        if dataset.classes and frames:
            start_ns = frames[0].stamp_ns
            writer.write(INFO_TOPIC, label_info(dataset.classes, start_ns), start_ns, latched=True)
        for frame in progress(frames, str(path), "frames", len(frames)):
            stamp_ns = frame.stamp_ns
            picture = PictureFile.read(frame.image)
            kind = _IMAGE_FORMATS[picture.format]
            image = compressed_image(stamp_ns, FRAME_ID, kind, picture.data)
            writer.write(IMAGE_TOPIC, image, stamp_ns)
            if frame.label is not None:
                png = labels_to_png(dataset.labels(frame))
                label = compressed_image(stamp_ns, FRAME_ID, _LABEL_FORMAT, png)
                writer.write(LABEL_TOPIC, label, stamp_ns)
    return len(frames)
