"""Settings of a training run: the only home of their defaults and explanations."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcfm_ros.errors import SettingsError
from dcfm_ros.images.decoder import FEWEST_BITS
from dcfm_ros.images.raw import FULL_BITS
from dcfm_ros.settings import check, option
from dcfm_ros.training.augment import AugmentSettings


@dataclass(frozen=True)
class DataSettings:
    """What is trained and validated on. Data sets that are not named take no part."""

    camvid: str = option("", "CamVid at 480x360 with 11 classes: train/, trainannot/, val/, …")
    camvid_original: str = option("", "CamVid at 960x720 with colour labels, as published.")
    cityscapes: str = option("", "Cityscapes: leftImg8bit_sequence/ and gtFine/.")
    vspw: str = option("", "VSPW: data/, train.txt and val.txt.")
    clips: str = option("", "Folder of clips, each with rgb/ and labels/: the synthetic street.")
    validation_clips: str = option("", "The same, to validate on.")
    bags: tuple[str, ...] = option((), "Rosbags in which some frames have label images.")
    validation_bags: tuple[str, ...] = option((), "The same, to validate on.")
    bag_image_topic: str = option("", "Camera topic of the bags; empty: the only one.")
    bag_label_topic: str = option("", "Topic of the label images; empty: the one below /gt/.")
    bag_tolerance_ms: float = option(
        10.0, "Most that a label image's stamp may be off its frame's.", low=0.0, high=1000.0
    )
    bag_image_bits: int = option(
        FULL_BITS, "Significant bits of the bags' 16-bit images.", low=FEWEST_BITS, high=FULL_BITS
    )
    bag_void: int = option(255, "Label value in bags that means unlabelled.", low=0, high=255)
    cache: str = option("", "Where frames of bags are unpacked; empty: in the run's folder.")
    use_val: bool = option(False, "Train on the validation splits, too.")
    clip_share: float = option(
        0.3, "Share of the samples that `clips` give beside other data.", low=0.0, high=1.0
    )
    min_age: int = option(1, "Least distance to a neighbour, in frames.", low=1, high=100)
    max_age: int = option(10, "Largest distance to a neighbour, in frames.", low=1, high=100)
    height: int = option(
        0, "Height to which pictures are resized first, px; 0: as they are.", low=0, high=8192
    )
    workers: int = option(2, "Processes per device that load and augment.", low=0, high=64)

    def __post_init__(self) -> None:
        check(self)
        if self.min_age > self.max_age:
            raise SettingsError(
                f"data.min_age is {self.min_age}, expected at most data.max_age ({self.max_age})"
            )


@dataclass(frozen=True)
class LossSettings:
    """Weights of the terms of the symmetric loss."""

    non_key: float = option(0.4, "Weight of the non-key term.", low=0.0, high=100.0)
    consistency: float = option(10.0, "Weight of the consistency term.", low=0.0, high=1000.0)
    class_weight_power: float = option(
        0.0, "Classes weigh their frequency to this negative power; 0: all the same.", low=0, high=1
    )
    symmetric_from: int = option(
        0,
        "First step with all terms; before it only the labelled frame is used, at half the cost.",
        low=0,
        high=100_000_000,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class OptimizerSettings:
    """Steps, their size and their number."""

    name: str = option("adamw", "Kind of optimiser.", choices=("adamw", "sgd", "muon"))
    iterations: int = option(10_000, "Optimiser steps.", low=1, high=100_000_000)
    batch: int = option(8, "Labelled frames per step, over all devices.", low=1, high=65536)
    learning_rate: float = option(2e-3, "Highest learning rate.", low=0.0, high=10.0)
    backbone_rate: float = option(
        0.0, "Highest learning rate of backbone and context; 0: the same.", low=0.0, high=10.0
    )
    weight_decay: float = option(0.02, "Weight decay.", low=0.0, high=10.0)
    decay_vectors: bool = option(False, "Biases and norms decay, too.")
    momentum: float = option(0.9, "Of SGD and Muon.", low=0.0, high=0.9999)
    warmup: int = option(300, "Steps of linear warm-up.", low=0, high=1_000_000)
    warmup_factor: float = option(
        1e-6, "Share of the learning rate that the warm-up starts from.", low=0.0, high=1.0
    )
    power: float = option(0.9, "Exponent of the polynomial decay.", low=0.0, high=10.0)
    floor: float = option(0.0, "Learning rate that the decay ends at.", low=0.0, high=10.0)
    clip_norm: float = option(
        0.0, "Gradients are scaled down to this length; 0: never.", low=0.0, high=1e6
    )
    ema_decay: float = option(
        0.0, "Decay of the averaged weights that are validated and saved; 0: no average.",
        low=0.0, high=0.99999,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ReportSettings:
    """What is measured and kept on the way."""

    log_every: int = option(20, "Steps between lines of the log.", low=1, high=10_000_000)
    save_every: int = option(500, "Steps between resumable states.", low=1, high=10_000_000)
    validate_every: int = option(1000, "Steps between validations.", low=1, high=10_000_000)
    frames: int = option(
        0, "Labelled frames to validate on, evenly spread; 0: all.", low=0, high=10_000_000
    )
    ages: int = option(10, "Non-key frames are validated at ages 1 to this.", low=0, high=100)
    pictures: int = option(4, "Overlay pictures per validation.", low=0, high=64)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class TrainSettings:
    """A whole run."""

    config: str = option("camvid_medium", "Named network configuration.")
    labels: str = option("", "Label set: a known name or a YAML file; empty: the configuration's.")
    start: str = option(
        "",
        "Checkpoint of this package to start all weights from, e.g. to adapt it to own data; or "
        "efficientnet_lite0, 1 or 2: the backbone's ImageNet weights, of the extra `pretrained`.",
    )
    pretrained: str = option("", "ImageNet file to start the backbone from; empty: from scratch.")
    pretrained_skip: tuple[str, ...] = option(
        (), "Parts of the backbone that the file need not fit, e.g. `stem`."
    )
    height: int = option(
        0, "Height of the network's input when it is used, px; 0: the configuration's.",
        low=0, high=8192,
    )  # fmt: skip
    width: int = option(0, "Its width, px; 0: the configuration's.", low=0, high=8192)
    seed: int = option(1, "Of the weights and of every sample.", low=0, high=2**31 - 1)
    precision: str = option(
        "float32", "Autocast of the forward pass.", choices=("float32", "bfloat16", "float16")
    )
    dropout: float = option(0.1, "Probability of dropping a channel.", low=0.0, high=0.9)
    drop_path: float = option(
        0.1, "Probability of dropping the last transformer block's branches.", low=0.0, high=0.9
    )
    sync_norm: bool = option(True, "Batch norm over all devices.")
    data: DataSettings = field(default_factory=DataSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    report: ReportSettings = field(default_factory=ReportSettings)

    def __post_init__(self) -> None:
        check(self)
        if self.start and self.pretrained:
            raise SettingsError("start and pretrained are both set: weights start from one of them")
        if bool(self.height) != bool(self.width):
            raise SettingsError(
                f"height is {self.height} and width is {self.width}: give both, or 0 for both"
            )
