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


def pascal_colors(count: int) -> tuple[Color, ...]:
    """The first colours of the PASCAL VOC map after its black: the bits of the id, spread."""
    colors: list[Color] = []
    for index in range(1, count + 1):
        channels = [0, 0, 0]
        for shift in range(3):
            for channel in range(3):
                channels[channel] |= ((index >> (3 * shift + channel)) & 1) << (7 - shift)
        colors.append((channels[0], channels[1], channels[2]))
    return tuple(colors)


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
"""The 19 evaluated classes of Cityscapes by train id, in the colours of the data set."""

_VSPW_CLASSES = """
wall ceiling door stair ladder escalator Playground_slide handrail_or_fence window rail goal
pillar pole floor ground grass sand athletic_field road path crosswalk building house bridge
tower windmill well_or_well_lid other_construction sky mountain stone wood ice snowfield
grandstand sea river lake waterfall water billboard_or_Bulletin_Board sculpture pipeline flag
parasol_or_umbrella cushion_or_carpet tent roadblock car bus truck bicycle motorcycle
wheeled_machine ship_or_boat raft airplane tyre traffic_light lamp person cat dog horse cattle
other_animal tree flower other_plant toy ball_net backboard skateboard bat ball
cupboard_or_showcase_or_storage_rack box traveling_case_or_trolley_case basket bag_or_package
trash_can cage plate tub_or_bowl_or_pot bottle_or_cup barrel fishbowl bed pillow table_or_desk
chair_or_seat bench sofa shelf bathtub gun commode roaster other_machine refrigerator
washing_machine Microwave_oven fan curtain textiles clothes painting_or_poster mirror
flower_pot_or_vase clock book tool blackboard tissue screen_or_television computer printer
Mobile_phone keyboard other_electronic_product fruit food instrument train
""".split()  # noqa: SIM905

VSPW124 = LabelSet("vspw", tuple(_VSPW_CLASSES), pascal_colors(len(_VSPW_CLASSES)))
"""The 124 classes of VSPW; a network's class 0 is the data set's value 1."""

LABEL_SETS: dict[str, LabelSet] = {s.name: s for s in (CAMVID11, CITYSCAPES19, VSPW124)}


def label_set(name: str) -> LabelSet:
    """Look a label set up by name.

    Raises:
        CheckpointError: no label set has that name.
    """
    if name not in LABEL_SETS:
        raise CheckpointError(
            f"unknown label set {name!r}, expected one of {', '.join(LABEL_SETS)}"
        )
    return LABEL_SETS[name]
