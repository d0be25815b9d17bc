"""Ground truth as a folder of label images beside a recording."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from dcfm_ros.bags import ImageFrame
from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.files import labels_beside
from dcfm_ros.datasets.truth import read_label
from dcfm_ros.errors import EvaluationError
from dcfm_ros.images import Pixels

_NS = re.compile(r"\d+")
_SECONDS = re.compile(r"(\d+)[._](\d{1,9})")


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
