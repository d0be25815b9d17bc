"""Cityscapes as video: snippets of 30 frames, of which the 20th is labelled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import INVALID, LabelValues
from dcfm_ros.errors import DcfmError
from dcfm_ros.network.labels import UNLABELLED

SEQUENCE = "leftImg8bit_sequence"
STILLS = "leftImg8bit"
LABELS = "gtFine"
BEFORE, AFTER = 19, 10
"""Frames of a snippet before and after the labelled one."""

# Label ids in the order of the 19 train ids.
_EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
_NAME = re.compile(r"([^_]+_\d+)_(\d+)_gtFine_labelIds\.png")


def cityscapes(root: Path, split: str) -> Clips:
    """One split: `gtFine/<split>/<city>/*_gtFine_labelIds.png` and the frames around them.

    Frames come from `leftImg8bit_sequence/<split>/<city>/`; where that is not there, the labelled
    ones come from `leftImg8bit/` and have no neighbours.

    Raises:
        DcfmError: no labels, or labels without their picture.
    """
    cities = sorted(path for path in (root / LABELS / split).glob("*") if path.is_dir())
    if not cities:
        raise DcfmError(
            f"no cities in {root / LABELS / split}, expected Cityscapes with {LABELS}/ and "
            f"{SEQUENCE}/"
        )
    name = f"Cityscapes {split} in {root}"
    clips = (clip for city in cities for clip in _clips(root, split, city))
    return Clips(name, clips, LabelValues(_ids(), "expected Cityscapes' label ids"))


def _clips(root: Path, split: str, city: Path) -> Iterator[Clip]:
    pictures: dict[str, str] = {}
    for kind in (STILLS, SEQUENCE):  # what the sequence has goes before a still
        folder = root / kind / split / city.name
        if folder.is_dir():
            pictures |= {path.name: str(path) for path in folder.iterdir()}
    for label in sorted(city.glob("*_gtFine_labelIds.png")):
        match = _NAME.fullmatch(label.name)
        if match is None:
            raise DcfmError(f"{label} is not named as Cityscapes names its labels")
        sequence, digits = match.groups()
        frames = {}
        for number in range(int(digits) - BEFORE, int(digits) + AFTER + 1):
            name = f"{sequence}_{number:0{len(digits)}d}_leftImg8bit.png"
            if name in pictures:
                frames[number] = pictures[name]
        yield Clip(frames, {int(digits): str(label)}, f"{sequence}_{digits}")


def _ids() -> np.ndarray:
    ids = np.full(256, INVALID, np.int16)
    ids[:34] = UNLABELLED
    ids[UNLABELLED] = UNLABELLED  # the licence plate, −1
    ids[list(_EVALUATED)] = np.arange(len(_EVALUATED))
    return ids
