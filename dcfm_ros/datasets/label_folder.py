"""Ground truth as a folder of label images beside a recording."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from dcfm_ros.bags import ImageFrame
from dcfm_ros.bags.ground_truth import LabelledFrame, read_label
from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.class_names import classes_in
from dcfm_ros.datasets.files import labels_beside
from dcfm_ros.errors import EvaluationError
from dcfm_ros.images import Pixels

_NS = re.compile(r"\d+")
_MOST_FRAMES = 10_000_000
"""Lower numbers are no stamps: they would be within 10 ms of the epoch."""
_SECONDS = re.compile(r"(\d+)[._](\d{1,9})")


class LabelFolder:
    """PNG label images beside a recording, named by stamp, by number, or as its pictures are.

    Stamps are nanoseconds (1700000000100000000.png) or seconds with a fraction of nanoseconds
    (1700000000.100000000.png, also with an underscore); numbers count frames from 0 (000042.png).

    Raises:
        EvaluationError: no such folder, or no PNG in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise EvaluationError(f"no folder {folder}, expected one of PNG label images")
        self.files = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".png")
        if not self.files:
            raise EvaluationError(
                f"no PNG files in {folder}, expected label images named by stamp or by number"
                + (f"; did you mean {folder / 'labels'}?" if (folder / "labels").is_dir() else "")
            )
        self._folder = folder
        self.classes = classes_in(folder, folder.absolute().parent)
        """Names by class id; empty where they are not known."""
        self.numbered = all(
            path.stem.isdecimal() and int(path.stem) < _MOST_FRAMES for path in self.files
        )
        """Files are named by the number of their frame, as `dcfm segment` names them."""

    def __len__(self) -> int:
        return len(self.files)

    def key(self, pictures: Sequence[Path] = ()) -> str:
        """What tells which frame a label image belongs to: its stamp, number or name.

        Args:
            pictures: of the recording, where it is a folder of them.
        """
        stems = {path.stem for path in self.files}
        if pictures and (not self.numbered or any(path.stem in stems for path in pictures)):
            return "name"
        return "number" if self.numbered else "stamp"

    def by_stamp(self) -> Iterator[ImageFrame]:
        """The label images in the order of their stamps.

        Raises:
            EvaluationError: a name that is no stamp.
        """
        for stamp_ns, path in sorted((_stamp_ns(path), path) for path in self.files):
            yield _image(path, stamp_ns)

    def by_number(self, frames: Iterable[ImageFrame]) -> Iterator[LabelledFrame]:
        """Frames in recorded order, each with the label image of its number."""
        files = {int(path.stem): path for path in self.files}
        for number, frame in enumerate(frames):
            path = files.get(number)
            label = None if path is None else _image(path, frame.stamp_ns)
            yield LabelledFrame(frame, label)

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
            "seconds (1700000000.100000000.png); or all by the numbers of their frames (000042.png)"
        )
    return int(match[1]) * 1_000_000_000 + int(match[2].ljust(9, "0"))
