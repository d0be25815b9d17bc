"""Picture and label files as arrays; what cannot be read is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.class_names import id_table
from dcfm_ros.errors import DcfmError, ImageError
from dcfm_ros.images import compressed_to_labels
from dcfm_ros.images.picture_file import JPEG_START, is_whole_jpeg
from dcfm_ros.images.upright import labels_upright, orientation, turned
from dcfm_ros.network.labels import UNLABELLED

Image = NDArray[np.uint8]

PICTURES = (".jpg", ".jpeg", ".png")
INVALID = -1


def read_rgb(path: str) -> Image:
    """(H, W, 3) RGB, upright: an EXIF rotation is applied, as labelling tools do.

    Raises:
        DcfmError: missing, cut off or not an image.
    """
    data = read_bytes(path)
    # a JPEG that was cut off decodes, half grey
    cut_off = data.startswith(JPEG_START) and not is_whole_jpeg(data)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data and not cut_off else None
    if bgr is None:
        raise DcfmError(f"{path} is no whole picture; expected a JPEG or PNG file, copy it again")
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    return np.asarray(turned(rgb, orientation(data)), np.uint8)


def labels_beside(labels: Image, picture: Path | str) -> Image:
    """(H, W) labels turned as `read_rgb` turns their picture, where they lie as it is stored.

    Raises:
        DcfmError: the picture cannot be read.
    """
    return np.asarray(labels_upright(labels, read_bytes(picture)), np.uint8)


@dataclass(frozen=True)
class LabelValues:
    """Reads grey and palette PNGs whose values stand for classes.

    Args:
        ids: (256,) int16 by file value: a class id, `UNLABELLED`, or `INVALID` for any other.
        advice: what to do about an invalid value.
    """

    ids: NDArray[np.int16]
    advice: str = "is this the right data set for these classes?"

    @classmethod
    def identity(cls, classes: int, void: int = UNLABELLED, advice: str = advice) -> LabelValues:
        """Values 0 … classes − 1 are the class ids; `void` and 255 are unlabelled."""
        ids = np.full(256, INVALID, np.int16)
        ids[:classes] = np.arange(classes)
        ids[[void, UNLABELLED]] = UNLABELLED
        return cls(ids, advice)

    @classmethod
    def named(
        cls,
        theirs: Sequence[str | None],
        classes: Sequence[str],
        void: int = UNLABELLED,
        advice: str = advice,
    ) -> LabelValues:
        """Values by the names of their classes where those are known, else by `identity`.

        Args:
            theirs: names by value; empty where they are not known.
            classes: of the network, by class id.

        Raises:
            EvaluationError: no name is common to both.
        """
        table = id_table(theirs, classes)
        if table is None:
            return cls.identity(len(classes), void, advice)
        ids = table.astype(np.int16)
        ids[void] = UNLABELLED
        return cls(ids, advice)

    def __call__(self, path: str) -> Image:
        """(H, W) class ids.

        Raises:
            DcfmError: missing, not a label image, or a value that stands for nothing.
        """
        message: Any = PictureFile(Path(path).suffix, read_bytes(path))
        try:
            values = compressed_to_labels(message)
        except ImageError as error:
            raise DcfmError(f"{path}: {error}") from None
        ids = self.ids[values]
        if ids.min() == INVALID:
            found = ", ".join(str(v) for v in np.unique(values[ids == INVALID])[:8])
            raise DcfmError(
                f"{path} holds value {found}, expected {self._expected()}; {self.advice}"
            )
        return ids.astype(np.uint8)

    def _expected(self) -> str:
        valid = np.flatnonzero(self.ids != INVALID)
        runs = np.split(valid, np.flatnonzero(np.diff(valid) > 1) + 1)
        return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in runs)


def pictures_in(folder: Path) -> list[Path]:
    """The JPEG and PNG files of a folder, by name; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)


def numbered(path: Path, name: str) -> tuple[str, int]:
    """Sequence and frame number of names like 0016E5_07959 or Seq05VD_f00030.

    Raises:
        DcfmError: another name.
    """
    match = re.fullmatch(r"(.+)_f?(\d+)", path.stem)
    if match is None:
        raise DcfmError(f"{path} is not named as {name} names its files, expected SEQUENCE_NUMBER")
    return match[1], int(match[2])


def read_bytes(path: str | Path) -> bytes:
    """All of a file.

    Raises:
        DcfmError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DcfmError(f"cannot read {path}: {error.strerror}") from None
