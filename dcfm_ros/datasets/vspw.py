"""VSPW: videos in the wild at 15 Hz, every frame labelled with 124 classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import LabelValues, pictures_in
from dcfm_ros.errors import DcfmError
from dcfm_ros.network.labels import UNLABELLED

CLASSES = 124


def vspw(root: Path, split: str) -> Clips:
    """One split: the videos that `<split>.txt` names, `data/<video>/origin/*.jpg` and `mask/*.png`.

    The data set's value v is class v − 1; 0 and what lies above 124 is unlabelled.

    Raises:
        DcfmError: the list or a video is missing, or labels lack their picture.
    """
    listed = root / f"{split}.txt"
    try:
        videos = listed.read_text(encoding="utf-8").split()
    except OSError as error:
        raise DcfmError(
            f"cannot read {listed} ({error.strerror}), expected VSPW with data/, train.txt and "
            "val.txt"
        ) from None
    ids = np.full(256, UNLABELLED, np.int16)
    ids[1 : CLASSES + 1] = np.arange(CLASSES)
    return Clips(f"VSPW {split} in {root}", _clips(root, videos), LabelValues(ids))


def _clips(root: Path, videos: list[str]) -> Iterator[Clip]:
    for video in videos:
        folder = root / "data" / video
        pictures = pictures_in(folder / "origin")
        if not pictures:
            raise DcfmError(f"no pictures in {folder / 'origin'}, which {root} lists; unpack it")
        order = {path.stem: number for number, path in enumerate(pictures)}
        labels: dict[int, str] = {}
        for mask in pictures_in(folder / "mask"):
            if mask.stem not in order:
                raise DcfmError(f"{mask} has no picture {mask.stem}.jpg in {folder / 'origin'}")
            labels[order[mask.stem]] = str(mask)
        yield Clip(dict(enumerate(map(str, pictures))), labels, video)
