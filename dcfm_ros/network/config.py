"""Named DCFM configurations: what is built, without any weights."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from dcfm_ros.errors import CheckpointError

RESNET_DEPTHS = {
    "resnet18": (2, 2, 2, 2),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
}
EFFICIENTNETS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
MIT_CHANNELS = {"mit_b0": (32, 64, 160, 256)} | {
    f"mit_b{i}": (64, 128, 320, 512) for i in range(1, 6)
}
MIT_DEPTHS = {
    "mit_b0": (2, 2, 2, 2),
    "mit_b1": (2, 2, 2, 2),
    "mit_b2": (3, 4, 6, 3),
    "mit_b3": (3, 4, 18, 3),
    "mit_b4": (3, 8, 27, 3),
    "mit_b5": (3, 6, 40, 3),
}


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that decides what is computed with the weights."""

    backbone: str
    """A key of `RESNET_DEPTHS` or `MIT_DEPTHS`, or one of `EFFICIENTNETS`."""
    classes: int
    common_channels: int
    """Channels of the common feature, of the fused feature and of the head."""
    independent_channels: int
    """How many channels of the independent feature enter the fusion: the first ones."""
    hidden_head: bool = True
    """The head has a 1x1 convolution, BN and ReLU before its classifier."""
    context: str = "pyramid"
    """How deep features are gathered: `pyramid` (stride 8) or `all_mlp` (stride 4)."""
    width: int = 64
    """ResNet: channels of stage 1 before expansion."""
    stem: tuple[int, ...] = (64,)
    """ResNet: output channels of the stem's convolutions; one: 7x7, several: 3x3 each."""
    embedding: int = 256
    """`all_mlp`: channels of the linear layer of each level."""
    depths: tuple[int, int, int, int] | None = None
    """ResNet: blocks of each stage; None for those of `backbone`."""
    whole_strides: bool = False
    """`all_mlp`: enlarge a coarse feature by its stride, so that it stays where it was computed.
    Otherwise it is stretched over the finest one, as the published code does: where a side of the
    image is no multiple of 32 px, it then lies up to 31 px off at the far edge."""

    shallow_blocks: int = 0
    """EfficientNet-Lite: blocks of the stride-4 stage that every frame computes; 0: all."""

    def __post_init__(self) -> None:
        known = (*RESNET_DEPTHS, *MIT_DEPTHS, *EFFICIENTNETS)
        if self.backbone not in known:
            raise CheckpointError(
                f"unknown backbone {self.backbone!r}, expected one of {', '.join(known)}"
            )
        if self.context not in ("pyramid", "all_mlp"):
            raise CheckpointError(f"unknown context {self.context!r}, expected pyramid or all_mlp")
        if self.backbone not in RESNET_DEPTHS and self.context != "all_mlp":
            raise CheckpointError(f"{self.backbone} needs context all_mlp, found {self.context!r}")
        if self.depths is None:
            return
        if self.backbone not in RESNET_DEPTHS:
            raise CheckpointError(f"{self.backbone} has depths of its own, found {self.depths}")
        if len(self.depths) != 4 or min(self.depths) < 1:
            raise CheckpointError(f"expected depths of four stages, 1 or more, found {self.depths}")

    @property
    def stage_depths(self) -> tuple[int, int, int, int]:
        """Blocks of each stage; of an EfficientNet-Lite zeros, for its variant decides them."""
        if self.backbone in EFFICIENTNETS:
            return (0, 0, 0, 0)
        own = RESNET_DEPTHS.get(self.backbone) or MIT_DEPTHS[self.backbone]
        return self.depths or own


@dataclass(frozen=True)
class NamedConfig:
    """A configuration with the label set and the size that it was published or trained with."""

    network: NetworkConfig
    label_set: str
    training_size: tuple[int, int]
    """(height, width) in px."""


def _resnet(backbone: str, classes: int) -> NetworkConfig:
    small = backbone == "resnet18"
    return NetworkConfig(
        backbone,
        classes,
        common_channels=320 if small else 1280,
        independent_channels=32 if small else 128,
        stem=(64,) if small else (64, 64, 128),
    )


def _mit(backbone: str, classes: int, hidden_head: bool = True) -> NetworkConfig:
    return NetworkConfig(
        backbone,
        classes,
        common_channels=256,
        independent_channels=32,
        hidden_head=hidden_head,
        context="all_mlp",
    )


def _embedded(
    classes: int,
    width: int,
    common_channels: int,
    depths: tuple[int, int, int, int] | None = None,
) -> NetworkConfig:
    """A narrow ResNet whose fusion runs at stride 4, for CPUs and small GPUs.

    A deep stage 1 costs time on every frame and is what tells a frame from its key frame.
    """
    return NetworkConfig(
        "resnet18",
        classes,
        common_channels=common_channels,
        independent_channels=width,
        context="all_mlp",
        width=width,
        stem=(width // 2, width),
        embedding=common_channels,
        depths=depths,
        whole_strides=True,
    )


def _efficientnet(backbone: str, classes: int, channels: int) -> NetworkConfig:
    """An EfficientNet-Lite whose fusion runs at stride 4."""
    return NetworkConfig(
        backbone,
        classes,
        common_channels=channels,
        independent_channels=24,
        context="all_mlp",
        embedding=channels,
        whole_strides=True,
    )


CONFIGS: dict[str, NamedConfig] = {
    "cityscapes_resnet18": NamedConfig(_resnet("resnet18", 19), "cityscapes", (1024, 2048)),
    "cityscapes_resnet50": NamedConfig(_resnet("resnet50", 19), "cityscapes", (768, 1536)),
    "cityscapes_resnet101": NamedConfig(_resnet("resnet101", 19), "cityscapes", (768, 1536)),
    "camvid_resnet50": NamedConfig(_resnet("resnet50", 11), "camvid", (720, 960)),
    "cityscapes_mitb0": NamedConfig(_mit("mit_b0", 19), "cityscapes", (512, 1024)),
    "cityscapes_mitb1": NamedConfig(_mit("mit_b1", 19), "cityscapes", (512, 1024)),
    "vspw_mitb2": NamedConfig(_mit("mit_b2", 124, hidden_head=False), "vspw", (480, 853)),
    "vspw_mitb5": NamedConfig(_mit("mit_b5", 124, hidden_head=False), "vspw", (480, 853)),
    "camvid_lite0": NamedConfig(_efficientnet("efficientnet_lite0", 11, 96), "camvid", (360, 480)),
    "camvid_lite2": NamedConfig(_efficientnet("efficientnet_lite2", 11, 128), "camvid", (360, 480)),
    "camvid_medium": NamedConfig(_embedded(11, 32, 96, (5, 3, 4, 2)), "camvid", (360, 480)),
    "camvid_small": NamedConfig(_embedded(11, 32, 96), "camvid", (360, 480)),
    "camvid_tiny": NamedConfig(_embedded(11, 16, 48), "camvid", (360, 480)),
}


def named_config(name: str) -> NamedConfig:
    """Look a configuration up.

    Raises:
        CheckpointError: no configuration has that name.
    """
    if name not in CONFIGS:
        nearest = difflib.get_close_matches(name, CONFIGS, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise CheckpointError(
            f"unknown configuration {name!r}, expected one of {', '.join(CONFIGS)}{hint}"
        )
    return CONFIGS[name]
