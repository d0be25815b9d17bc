"""Where training pairs come from: a labelled frame and, where there is one, a real neighbour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import DcfmError
from dcfm_ros.network.labels import UNLABELLED

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """A labelled frame (H, W, 3), its labels (H, W) and the neighbour `age` frames away, if there is one."""

    rgb: Image
    labels: Image
    neighbour: Image | None


class Source(Protocol):
    """A set of labelled frames, addressed by index."""

    def __len__(self) -> int: ...

    def pair(self, index: int, age: int) -> Pair:
        """The labelled frame `index` with a neighbour `age` frames later (earlier if negative)."""
        ...


class StillImages:
    """Labelled images without neighbours: a folder of images and one of label PNGs, matched by name.

    Args:
        void: the label value that means unlabelled, beside 255.
    """

    def __init__(self, images: Path, labels: Path, *, void: int = UNLABELLED) -> None:
        self._images = sorted(p for p in images.glob("*") if p.suffix in (".jpg", ".png"))
        self._labels = [labels / f"{path.stem}.png" for path in self._images]
        self._void = void
        if not self._images:
            raise DcfmError(f"no images in {images}, expected .jpg or .png files")
        missing = [path for path in self._labels if not path.is_file()]
        if missing:
            raise DcfmError(
                f"{len(missing)} of {len(self._images)} images in {images} have no label image, "
                f"the first is {missing[0]}"
            )

    def __len__(self) -> int:
        return len(self._images)

    def pair(self, index: int, age: int) -> Pair:
        return Pair(
            read_rgb(self._images[index]), read_labels(self._labels[index], self._void), None
        )


class ClipFolder:
    """Fully labelled clips: `clip_*/rgb/*.jpg` and `clip_*/labels/*.png`, numbered in order."""

    def __init__(self, root: Path) -> None:
        self._clips = [sorted(clip.glob("rgb/*.jpg")) for clip in sorted(root.glob("clip_*"))]
        self._clips = [clip for clip in self._clips if len(clip) > 1]
        if not self._clips:
            raise DcfmError(f"no clips in {root}, expected folders clip_*/rgb and clip_*/labels")
        self._frames = [(c, i) for c, clip in enumerate(self._clips) for i in range(len(clip))]

    def __len__(self) -> int:
        return len(self._frames)

    def pair(self, index: int, age: int) -> Pair:
        clip_index, i = self._frames[index]
        clip = self._clips[clip_index]
        j = i + age if 0 <= i + age < len(clip) else i - age  # the other way at a clip's end
        j = min(max(j, 0), len(clip) - 1)
        labels = clip[i].parents[1] / "labels" / f"{clip[i].stem}.png"
        return Pair(read_rgb(clip[i]), read_labels(labels, UNLABELLED), read_rgb(clip[j]))


def read_rgb(path: Path) -> Image:
    """(H, W, 3) RGB.

    Raises:
        DcfmError: the file is not an image.
    """
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise DcfmError(f"{path} is missing or not an image; expected a JPEG or PNG file")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def read_labels(path: Path, void: int) -> Image:
    """(H, W) class ids of a grey or palette PNG; `void` becomes 255."""
    from PIL import Image as Pillow  # OpenCV would turn palette indices into colours

    try:
        with Pillow.open(path) as image:
            labels = np.array(image, np.uint8)
    except (OSError, ValueError) as error:
        raise DcfmError(f"{path} is missing or not a label PNG: {error}") from None
    labels[labels == void] = UNLABELLED
    return labels
