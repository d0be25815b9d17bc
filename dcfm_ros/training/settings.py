"""Settings of a training run; a YAML file with the same nesting overrides the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dcfm_ros.errors import SettingsError
from dcfm_ros.settings import check, from_flat, option
from dcfm_ros.training.augment import AugmentSettings


@dataclass(frozen=True)
class DataSettings:
    """What is trained and validated on."""

    camvid: str = option("", "CamVid folder (480x360, 11 classes): train/, trainannot/, val/, …")
    use_val: bool = option(False, "Also train on the CamVid val split.")
    clips: str = option("", "Folder of labelled clips, e.g. the synthetic street; empty: none.")
    clip_share: float = option(0.3, "Share of the samples that clips give.", low=0.0, high=1.0)
    max_age: int = option(10, "Largest distance to a neighbour, in frames.", low=1, high=100)
    workers: int = option(1, "Processes that load and augment images.", low=0, high=64)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW with a linear warm-up and polynomial decay."""

    iterations: int = option(10000, "Optimiser steps.", low=1, high=10_000_000)
    batch: int = option(8, "Labelled frames per step.", low=1, high=4096)
    learning_rate: float = option(2e-3, "Highest learning rate.", low=0.0, high=10.0)
    weight_decay: float = option(0.02, "Decoupled weight decay.", low=0.0, high=10.0)
    warmup: int = option(300, "Steps of linear warm-up.", low=0, high=1_000_000)
    power: float = option(0.9, "Exponent of the polynomial decay.", low=0.1, high=10.0)
    ema_decay: float = option(0.998, "Decay of the averaged weights.", low=0.0, high=0.99999)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class TrainSettings:
    """A whole run."""

    config: str = option("camvid_small", "Named network configuration.")
    seed: int = option(1, "Seed of the weights and of every sample.", low=0, high=2**31 - 1)
    symmetric_from: int = option(
        0,
        "First step with the symmetric loss; before it only the labelled frame is used, at half the cost.",
        low=0,
        high=10_000_000,
    )
    class_weight_power: float = option(
        0.3, "Classes weigh their frequency to this negative power; 0: all the same.", low=0, high=1
    )
    validate_every: int = option(1000, "Steps between validations.", low=1, high=10_000_000)
    save_every: int = option(100, "Steps between resumable checkpoints.", low=1, high=10_000_000)
    data: DataSettings = field(default_factory=DataSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)

    def __post_init__(self) -> None:
        check(self)


def read_train_settings(path: Path) -> TrainSettings:
    """Read a YAML file.

    Raises:
        SettingsError: not a YAML mapping, an unknown name or an invalid value.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds no settings, expected lines like `config: camvid_small`")
    return from_flat(TrainSettings, dict(_dotted(content)))


def _dotted(content: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in content.items():
        nested = isinstance(value, dict)
        pairs += _dotted(value, f"{prefix}{name}.") if nested else [(f"{prefix}{name}", value)]
    return pairs
