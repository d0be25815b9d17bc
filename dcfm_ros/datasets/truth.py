"""What is true: label images of a topic or a folder, and whose classes they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dcfm_ros.bags import BagReader, ImageFrame
from dcfm_ros.bags.ground_truth import LabelledFrame
from dcfm_ros.bags.topics import GROUND_TRUTH_PREFIX
from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.files import labels_beside
from dcfm_ros.errors import EvaluationError, ImageError
from dcfm_ros.images import Pixels, to_labels
from dcfm_ros.network import UNLABELLED

_LABEL_INFO = "vision_msgs/msg/LabelInfo"
_NS = re.compile(r"\d+")
_SECONDS = re.compile(r"(\d+)[._](\d{1,9})")


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """A camera frame and what is true of it, where that is known."""

    frame: ImageFrame
    truth: Callable[[], Pixels] | None
    """Reads the true class ids (h, w); raises EvaluationError where they cannot be read."""
    clip: str = ""
    """Of a data set; frames of different clips do not follow each other."""


def with_truth(labelled: LabelledFrame) -> SourceFrame:
    """A frame with the label image that was matched to it."""
    label = labelled.label
    return SourceFrame(labelled.frame, None if label is None else partial(read_label, label))


def read_truth(source_frame: SourceFrame) -> Pixels | None:
    """The true class ids (h, w) of a frame; None without ground truth.

    Raises:
        EvaluationError: the ground truth is no label image.
    """
    return None if source_frame.truth is None else source_frame.truth()


def read_label(label: ImageFrame) -> Pixels:
    """Class ids (h, w) of a label image.

    Raises:
        EvaluationError: it is none.
    """
    try:
        return np.asarray(to_labels(label.message), np.uint8)
    except ImageError as error:
        raise EvaluationError(
            f"ground truth on {label.topic} at stamp {label.stamp_ns / 1e9:.3f} s: {error}"
        ) from None


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


def id_table(theirs: Sequence[str | None], classes: Sequence[str]) -> Pixels | None:
    """(256,) class id of the network by id of the ground truth, matched by name.

    Classes of the ground truth that the network lacks become unlabelled. None where nothing has to
    be changed: names are unknown, or the same.

    Raises:
        EvaluationError: no name is common to both.
    """
    named = [name for name in theirs if name is not None]
    if not named or tuple(theirs) == tuple(classes):
        return None
    ids = {name.lower(): class_id for class_id, name in enumerate(classes)}
    table = np.full(256, UNLABELLED, np.uint8)
    for true_id, name in enumerate(theirs):
        if name is not None and name.lower() in ids:
            table[true_id] = ids[name.lower()]
    if (table == UNLABELLED).all():
        raise EvaluationError(
            f"the ground truth has classes {_some(named)}, the network {_some(classes)}: none in "
            "common; use a checkpoint for these classes"
        )
    return table


def foreign_classes(theirs: Sequence[str | None], classes: Sequence[str]) -> list[str]:
    """Classes of the ground truth that the network lacks."""
    known = {name.lower() for name in classes}
    return [name for name in theirs if name is not None and name.lower() not in known]


class LabelFolder:
    """PNG label images beside a recording, named by stamp, or as the pictures of a folder are.

    Stamps are nanoseconds (1700000000100000000.png) or seconds with a fraction of nanoseconds
    (1700000000.100000000.png, also with an underscore).

    Raises:
        EvaluationError: no such folder, or no PNG in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise EvaluationError(f"no folder {folder}, expected one of PNG label images")
        self.files = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".png")
        if not self.files:
            raise EvaluationError(f"no PNG files in {folder}, expected label images named by stamp")
        self._folder = folder

    def __len__(self) -> int:
        return len(self.files)

    def by_stamp(self) -> Iterator[ImageFrame]:
        """The label images in the order of their stamps.

        Raises:
            EvaluationError: a name that is no stamp.
        """
        for stamp_ns, path in sorted((_stamp_ns(path), path) for path in self.files):
            yield _image(path, stamp_ns)

    def of(self, picture: Path, stamp_ns: int) -> Callable[[], Pixels] | None:
        """Reads the label image of the same name as a picture; None where there is none."""
        path = self._folder / f"{picture.stem}.png"
        return partial(_read_beside, picture, path, stamp_ns) if path.is_file() else None


def _read_beside(picture: Path, path: Path, stamp_ns: int) -> Pixels:
    """The labels of a picture, upright as it is read."""
    return labels_beside(read_label(_image(path, stamp_ns)), picture)


def _image(path: Path, stamp_ns: int) -> ImageFrame:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"cannot read {path}: {error.strerror}") from None
    return ImageFrame(str(path), stamp_ns, stamp_ns, "", PictureFile("png", data))


def _stamp_ns(path: Path) -> int:
    if _NS.fullmatch(path.stem):
        return int(path.stem)
    match = _SECONDS.fullmatch(path.stem)
    if match is None:
        raise EvaluationError(
            f"{path} is not named by its stamp, expected nanoseconds (1700000000100000000.png) or "
            "seconds (1700000000.100000000.png)"
        )
    return int(match[1]) * 1_000_000_000 + int(match[2].ljust(9, "0"))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown}, … ({len(names)})" if len(names) > 6 else shown
