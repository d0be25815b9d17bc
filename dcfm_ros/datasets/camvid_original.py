"""CamVid as published: 960x720, labels as colours, neighbours from the 30 Hz videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import numbered, pictures_in, read_rgb
from dcfm_ros.errors import DcfmError
from dcfm_ros.network.labels import UNLABELLED

STILLS = "701_StillsRaw_full"
LABELS = "LabeledApproved_full"
VIDEO = "frames"
REACH = 100
"""Frames of the videos are listed up to this far around a labelled one."""

# The 32 colours of the data set by the 11 classes that everyone evaluates; black is void.
_COLORS: dict[int, tuple[tuple[int, int, int], ...]] = {
    0: ((128, 128, 128),),  # Sky
    # Building, Archway, Bridge, Tunnel, Wall
    1: ((128, 0, 0), (192, 0, 128), (0, 128, 64), (64, 0, 64), (64, 192, 0)),
    2: ((192, 192, 128), (0, 0, 64)),  # Column_Pole, TrafficCone
    3: ((128, 64, 128), (128, 0, 192), (192, 0, 64)),  # Road, LaneMkgsDriv, LaneMkgsNonDriv
    4: ((0, 0, 192), (64, 192, 128), (128, 128, 192)),  # Sidewalk, ParkingBlock, RoadShoulder
    5: ((128, 128, 0), (192, 192, 0)),  # Tree, VegetationMisc
    6: ((192, 128, 128), (128, 128, 64), (0, 64, 64)),  # SignSymbol, Misc_Text, TrafficLight
    7: ((64, 64, 128),),  # Fence
    # Car, SUVPickupTruck, Truck_Bus, Train, OtherMoving
    8: ((64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)),
    9: (
        (64, 64, 0),
        (192, 128, 64),
        (64, 0, 192),
        (64, 128, 64),
    ),  # Pedestrian, Child, CartLuggagePram, Animal
    10: ((0, 128, 192), (192, 0, 192)),  # Bicyclist, MotorcycleScooter
    UNLABELLED: ((0, 0, 0),),  # Void
}


def camvid_original(root: Path, split: str) -> Clips:
    """One split of `701_StillsRaw_full/*.png` with `LabeledApproved_full/*_L.png`.

    Neighbours come from `frames/<sequence>/`, pictures of the videos that carry the numbers of the
    stills (`frames/0016E5/0016E5_07960.png`); without them there are none.

    Args:
        split: train, val or test of the SegNet split: 367, 101 and 233 frames.

    Raises:
        DcfmError: stills or labels are missing.
    """
    stills = [path for path in pictures_in(root / STILLS) if _split(path) == split]
    if not stills:
        raise DcfmError(
            f"no stills of the {split} split in {root / STILLS}, expected CamVid at 960x720 as "
            "published"
        )
    there = {path.name for path in pictures_in(root / LABELS)}
    missing = [path for path in stills if f"{path.stem}_L.png" not in there]
    if missing:
        raise DcfmError(
            f"{len(missing)} of {len(stills)} stills have no labels, the first is {missing[0]}, "
            f"expected {root / LABELS}/{missing[0].stem}_L.png"
        )
    return Clips(f"CamVid {split} in {root}", _clips(root, stills), read_colors)


def _clips(root: Path, stills: list[Path]) -> Iterator[Clip]:
    videos: dict[str, dict[int, str]] = {}
    for path in stills:
        sequence, number = numbered(path, "CamVid")
        if sequence not in videos:
            listed = pictures_in(root / VIDEO / sequence)
            videos[sequence] = {numbered(frame, "CamVid")[1]: str(frame) for frame in listed}
        video = videos[sequence]
        near = range(number - REACH, number + REACH + 1)
        frames = {n: video[n] for n in near if n in video} | {number: str(path)}
        label = str(root / LABELS / f"{path.stem}_L.png")
        yield Clip(frames, {number: label}, path.stem)


def _split(path: Path) -> str:
    sequence, number = numbered(path, "CamVid")
    if sequence == "Seq05VD" or (sequence == "0001TP" and number > 8520):
        return "test"
    dense = sequence == "0016E5" and 7959 <= number <= 8159
    return "val" if dense else "train"


def read_colors(path: str) -> NDArray[np.uint8]:
    """(H, W) class ids of a label picture in the 32 colours of CamVid.

    Raises:
        DcfmError: missing, not a picture, or a colour that stands for nothing.
    """
    rgb = read_rgb(path)
    ids, known = _table().ids, _table().known
    packed = _pack(rgb)
    position = np.searchsorted(known, packed).clip(max=len(known) - 1)
    wrong = known[position] != packed
    if wrong.any():
        color = rgb[wrong][0].tolist()
        raise DcfmError(
            f"{path} holds the colour {color}, expected one of CamVid's 32; was it resized or "
            "made a JPEG?"
        )
    return ids[position]


@dataclass(frozen=True)
class _Table:
    known: NDArray[np.int32]
    """Packed colours in ascending order."""
    ids: NDArray[np.uint8]
    """Class id of each."""


@cache
def _table() -> _Table:
    pairs = sorted(
        (int(_pack(np.array([[color]], np.uint8))[0, 0]), class_id)
        for class_id, colors in _COLORS.items()
        for color in colors
    )
    return _Table(
        np.array([color for color, _ in pairs], np.int32),
        np.array([class_id for _, class_id in pairs], np.uint8),
    )


def _pack(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    red, green, blue = (plane.astype(np.int32) for plane in cv2.split(rgb))
    return (red << 16) | (green << 8) | blue
