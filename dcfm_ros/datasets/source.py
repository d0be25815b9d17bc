"""Bags, videos and folders of pictures as one kind of source: a stream of frames with truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dcfm_ros.bags import BagReader, ImageFrame, open_bag
from dcfm_ros.bags.ground_truth import LabelledFrame, pair_labels, read_label
from dcfm_ros.bags.label_info import class_names, doubts
from dcfm_ros.bags.video import VideoReader, is_video, open_video
from dcfm_ros.datasets.label_folder import LabelFolder
from dcfm_ros.errors import BagError, ImageError, SettingsError
from dcfm_ros.images import PictureDecoder, Pixels
from dcfm_ros.images.decoder import FEWEST_BITS
from dcfm_ros.images.raw import FULL_BITS

_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class SourceOptions:
    """How to read recordings."""

    image_topic: str | None = None
    """None: the only camera topic."""
    label_topic: str | None = None
    """Ground truth; None: the only image topic below /gt/, if there is one."""
    tolerance_ms: float = 10.0
    """How far the stamp of ground truth may be from its image's; the nearest counts."""
    rate_hz: float | None = None
    """Of pictures and videos; None: a video's own."""
    label_folder: Path | None = None
    """PNG label images instead of a topic; those of a recording NAME may lie in a folder NAME."""
    skip_missing: bool = False
    """Read what is there where splits of a bag are missing."""
    image_bits: int = FULL_BITS
    """Significant bits of 16-bit images."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.tolerance_ms < math.inf:
            raise SettingsError(
                f"tolerance of ground truth: found {self.tolerance_ms} ms, expected at least 0"
            )
        if not FEWEST_BITS <= self.image_bits <= FULL_BITS:
            raise SettingsError(
                f"image bits: found {self.image_bits}, expected {FEWEST_BITS} to {FULL_BITS}"
            )
        if self.label_folder is not None and self.label_topic:
            raise SettingsError(
                f"found ground truth in folder {self.label_folder} and on topic "
                f"{self.label_topic}: give one of them"
            )


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """A camera frame and what is true of it, where that is known."""

    frame: ImageFrame
    truth: Callable[[], Pixels] | None
    """Reads the true class ids (h, w); raises EvaluationError where they cannot be read."""
    clip: str = ""
    """Of a data set; frames of different clips do not follow each other."""

    @classmethod
    def of(cls, labelled: LabelledFrame) -> SourceFrame:
        """A frame with the label image that was matched to it."""
        label = labelled.label
        return cls(labelled.frame, None if label is None else partial(read_label, label))

    def read_truth(self) -> Pixels | None:
        """The true class ids (h, w); None without ground truth.

        Raises:
            EvaluationError: the ground truth is no label image.
        """
        return None if self.truth is None else self.truth()


@dataclass(frozen=True)
class Source:
    """A recording or a data set, opened."""

    name: str
    """Short, for tables and files."""
    path: Path
    image_topic: str
    """Empty for videos, pictures and data sets."""
    label_topic: str
    """Topic or folder of the ground truth; empty without."""
    frame_count: int
    """What the recording says it holds; videos may be wrong."""
    label_count: int
    pictures: tuple[Path, ...]
    """The files of a folder of pictures."""
    stream: Callable[[], Iterator[SourceFrame]]
    truth_classes: tuple[str | None, ...] = ()
    """Names by id of the ground truth; empty where they are not known."""
    labels_by: str = "stamp"
    """What tells which frame a label image belongs to: its stamp, number or name."""
    decoder: PictureDecoder = field(default_factory=PictureDecoder)
    """Of the camera's images."""
    remarks: list[str] = field(default_factory=list)
    """What a reader of the figures has to know."""

    def frames(self) -> Iterator[SourceFrame]:
        """The camera's frames in recorded order, with their ground truth; every call starts anew.

        Raises:
            BagError: the recording is damaged.
            EvaluationError: ground truth that cannot be matched.
        """
        return self.stream()


@contextmanager
def open_source(path: Path, options: SourceOptions) -> Iterator[Source]:
    """Open a recording of any kind.

    Raises:
        BagError: it cannot be read, or does not hold what the options name.
        EvaluationError: the folder of ground truth is not there, or holds none.
    """
    if is_video(path):
        yield _video_source(path, options)
        return
    with open_bag(path, skip_missing=options.skip_missing) as bag:
        yield _bag_source(bag, path, options)


def rgb_frames(source: Source) -> Iterator[tuple[Pixels, int]]:
    """The readable frames (h, w, 3), and their stamps in ns; those of another size are left out."""
    shape: tuple[int, ...] | None = None
    for labelled in source.frames():
        try:
            rgb = source.decoder.rgb(labelled.frame.message)
        except ImageError:
            continue
        shape = shape or rgb.shape
        if rgb.shape == shape:
            yield rgb, labelled.frame.stamp_ns


def _bag_source(bag: BagReader, path: Path, options: SourceOptions) -> Source:
    name = path.parent.name if path.name == "metadata.yaml" else path.stem
    image_topic = bag.choose_image_topic(options.image_topic)
    counts = {topic.name: topic.count for topic in bag.topics}
    tolerance_ns = round(options.tolerance_ms * _NS_PER_MS)
    folder = _label_folder(name, options)
    label_topic = "" if folder else bag.choose_label_topic(options.label_topic) or ""

    def stream() -> Iterator[SourceFrame]:
        frames = bag.frames(image_topic)
        if folder is not None:
            return map(SourceFrame.of, _labelled_by(folder, frames, tolerance_ns))
        labels = bag.frames(label_topic) if label_topic else iter(())
        return map(SourceFrame.of, pair_labels(frames, labels, tolerance_ns))

    return Source(
        name=name,
        path=path,
        image_topic=image_topic,
        label_topic=str(options.label_folder) if folder else label_topic,
        frame_count=counts[image_topic],
        label_count=len(folder) if folder else counts.get(label_topic, 0),
        pictures=(),
        stream=stream,
        truth_classes=folder.classes if folder else class_names(bag, label_topic),
        labels_by="number" if folder and folder.numbered else "stamp",
        decoder=PictureDecoder(options.image_bits),
        remarks=doubts(bag, image_topic, label_topic),
    )


def _video_source(path: Path, options: SourceOptions) -> Source:
    for topic in (options.image_topic, options.label_topic):
        if topic:
            raise BagError(f"{path} is a video and has no topic {topic}: leave the topic out")
    video = open_video(path, options.rate_hz)
    folder = _label_folder(path.stem, options)
    return Source(
        name=path.stem,
        path=path,
        image_topic="",
        label_topic=str(options.label_folder) if folder else "",
        frame_count=video.count,
        label_count=len(folder) if folder else 0,
        pictures=video.pictures,
        stream=partial(_video_frames, video, folder, options.tolerance_ms),
        truth_classes=folder.classes if folder else (),
        labels_by=folder.key(video.pictures) if folder else "stamp",
        decoder=PictureDecoder(options.image_bits),
    )


def _video_frames(
    video: VideoReader, folder: LabelFolder | None, tolerance_ms: float
) -> Iterator[SourceFrame]:
    if folder is None:
        return (SourceFrame(frame, None) for frame in video.frames())
    if folder.key(video.pictures) == "name":
        return (
            SourceFrame(frame, folder.of(picture, frame.stamp_ns))
            for frame, picture in zip(video.frames(), video.pictures, strict=False)
        )
    tolerance_ns = round(tolerance_ms * _NS_PER_MS)
    return map(SourceFrame.of, _labelled_by(folder, video.frames(), tolerance_ns))


def _labelled_by(
    folder: LabelFolder, frames: Iterator[ImageFrame], tolerance_ns: int
) -> Iterator[LabelledFrame]:
    """Frames with the label images of a folder, by their numbers or by their stamps."""
    if folder.numbered:
        return folder.by_number(frames)
    return pair_labels(frames, folder.by_stamp(), tolerance_ns)


def _label_folder(name: str, options: SourceOptions) -> LabelFolder | None:
    """The folder of ground truth of a recording; of several, each may have its own below it."""
    if options.label_folder is None:
        return None
    own = options.label_folder / name
    return LabelFolder(own if own.is_dir() else options.label_folder)
