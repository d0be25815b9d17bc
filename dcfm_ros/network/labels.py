"""Label sets: the names and colours of the classes that a network tells apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import CheckpointError

UNLABELLED = 255

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """Classes in the order of their ids, with one RGB colour each."""

    name: str
    classes: tuple[str, ...]
    colors: tuple[Color, ...]

    def __post_init__(self) -> None:
        if len(self.classes) != len(self.colors):
            raise CheckpointError(
                f"label set {self.name!r} has {len(self.classes)} classes but {len(self.colors)} "
                "colours; give one colour for each class"
            )
        if not 1 <= len(self.classes) <= UNLABELLED:
            raise CheckpointError(
                f"label set {self.name!r} has {len(self.classes)} classes, expected 1 to 255"
            )

    def palette(self) -> NDArray[np.uint8]:
        """(256, 3) RGB by class id; black where there is no class."""
        table = np.zeros((256, 3), np.uint8)
        table[: len(self.colors)] = self.colors
        return table


CAMVID11 = LabelSet(
    "camvid",
    (
        "sky", "building", "pole", "road", "pavement", "tree",
        "sign", "fence", "car", "pedestrian", "bicyclist",
    ),
    (
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
        (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ),
)  # fmt: skip
"""The 11 classes of the SegNet split of CamVid, in the colours of the data set."""

CITYSCAPES19 = LabelSet(
    "cityscapes",
    (
        "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
        "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
        "motorcycle", "bicycle",
    ),
    (
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
        (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
        (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100),
        (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
)  # fmt: skip

LABEL_SETS: dict[str, LabelSet] = {s.name: s for s in (CAMVID11, CITYSCAPES19)}


def label_set(name: str) -> LabelSet:
    """Look a label set up by name.

    Raises:
        CheckpointError: no label set has that name.
    """
    if name not in LABEL_SETS:
        raise CheckpointError(f"unknown label set {name!r}, expected one of {', '.join(LABEL_SETS)}")
    return LABEL_SETS[name]
