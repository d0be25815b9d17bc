"""Bags, videos and folders of pictures as one kind of source: a stream of labelled frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.bags import BagReader, open_bag
from dcfm_ros.bags.ground_truth import LabelledFrame, pair_labels
from dcfm_ros.bags.video import VideoReader, is_video, open_video
from dcfm_ros.errors import BagError, EvaluationError, ImageError, SettingsError
from dcfm_ros.images import to_labels

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

    def __post_init__(self) -> None:
        if not 0.0 <= self.tolerance_ms < math.inf:
            raise SettingsError(
                f"tolerance of ground truth: found {self.tolerance_ms} ms, expected at least 0"
            )


@dataclass(frozen=True)
class Source:
    """A recording, opened."""

    name: str
    """Short, for tables and files."""
    path: Path
    image_topic: str
    """Empty for videos and pictures."""
    label_topic: str
    """Empty without ground truth."""
    frame_count: int
    """What the recording says it holds; videos may be wrong."""
    label_count: int
    pictures: tuple[Path, ...]
    """The files of a folder of pictures."""
    _reader: BagReader | VideoReader
    _tolerance_ns: int

    def frames(self) -> Iterator[LabelledFrame]:
        """The camera's frames in recorded order, with their ground truth; every call starts anew.

        Raises:
            BagError: the recording is damaged.
        """
        if isinstance(self._reader, VideoReader):
            return (LabelledFrame(frame, None) for frame in self._reader.frames())
        images = self._reader.frames(self.image_topic)
        labels = self._reader.frames(self.label_topic) if self.label_topic else iter(())
        return pair_labels(images, labels, self._tolerance_ns)


@contextmanager
def open_source(path: Path, options: SourceOptions) -> Iterator[Source]:
    """Open a recording of any kind.

    Raises:
        BagError: it cannot be read, or does not hold what the options name.
    """
    tolerance_ns = round(options.tolerance_ms * _NS_PER_MS)
    if is_video(path):
        _refuse_topics(path, options)
        video = open_video(path, options.rate_hz)
        yield Source(path.stem, path, "", "", video.count, 0, video.pictures, video, tolerance_ns)
        return
    with open_bag(path) as bag:
        image_topic = bag.choose_image_topic(options.image_topic)
        label_topic = bag.choose_label_topic(options.label_topic) or ""
        counts = {topic.name: topic.count for topic in bag.topics}
        yield Source(
            name=path.parent.name if path.name == "metadata.yaml" else path.stem,
            path=path,
            image_topic=image_topic,
            label_topic=label_topic,
            frame_count=counts[image_topic],
            label_count=counts.get(label_topic, 0),
            pictures=(),
            _reader=bag,
            _tolerance_ns=tolerance_ns,
        )


def _refuse_topics(path: Path, options: SourceOptions) -> None:
    for name in (options.image_topic, options.label_topic):
        if name:
            raise BagError(f"{path} is a video and has no topic {name}: leave the topic out")


def read_truth(labelled: LabelledFrame) -> NDArray[np.uint8] | None:
    """The true class ids (h, w) that belong to a frame; None without ground truth.

    Raises:
        EvaluationError: the ground-truth message is no label image.
    """
    label = labelled.label
    if label is None:
        return None
    try:
        return to_labels(label.message)
    except ImageError as error:
        raise EvaluationError(
            f"ground truth on {label.topic} at stamp {label.stamp_ns / 1e9:.3f} s: {error}"
        ) from None
