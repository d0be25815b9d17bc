"""From settings to the sources that a run trains and validates on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.datasets import (
    Source,
    bags,
    camvid,
    camvid_original,
    cityscapes,
    clip_folder,
    vspw,
)
from dcfm_ros.datasets.bag import BagOptions
from dcfm_ros.errors import SettingsError
from dcfm_ros.training.settings import DataSettings

COUNTED_FRAMES = 500
"""Class frequencies are counted over at most so many frames of a source, evenly spread."""


@dataclass(frozen=True)
class Data:
    """What a run works on."""

    train: list[tuple[Source, float]]
    """Each with its share of the samples."""
    validation: Source | None


def find_data(settings: DataSettings, classes: int, cache: Path) -> Data:
    """Open every data set that the settings name.

    Args:
        classes: that the network tells apart.
        cache: where frames of bags are unpacked unless the settings name a place.

    Raises:
        SettingsError: no training data at all, or data of another number of classes.
        DcfmError: a data set is not there or not whole.
    """
    train = _open(settings, "train", classes)
    validation = _open(settings, "val", classes)
    if settings.use_val:
        train += validation
    unpacked = Path(settings.cache) if settings.cache else cache
    if settings.bags:
        train.append(_bags(settings, settings.bags, unpacked, classes))
    if settings.validation_bags:
        validation.insert(0, _bags(settings, settings.validation_bags, unpacked, classes))
    if settings.validation_clips:
        validation.insert(0, clip_folder(Path(settings.validation_clips), classes))
    shared = _shares(settings, classes, train)
    if not shared:
        raise SettingsError(
            "no training data; name some: --set data.camvid=FOLDER, or data.cityscapes, data.vspw, "
            "data.bags, data.clips"
        )
    return Data(shared, validation[0] if validation else None)


def _open(settings: DataSettings, split: str, classes: int) -> list[Source]:
    """The data sets that come in splits."""
    known: dict[str, tuple[int, Callable[[Path, str], Source]]] = {
        "camvid": (11, camvid),
        "camvid_original": (11, camvid_original),
        "cityscapes": (19, cityscapes),
        "vspw": (124, vspw),
    }
    found = []
    for name, (expected, opener) in known.items():
        root = getattr(settings, name)
        if root and classes != expected:
            raise SettingsError(
                f"data.{name} has {expected} classes, the network {classes}; choose another config"
            )
        if root:
            found.append(opener(Path(root), split))
    return found


def _shares(
    settings: DataSettings, classes: int, train: list[Source]
) -> list[tuple[Source, float]]:
    """Clips get their share, the rest is divided by the number of labelled frames."""
    clip_share = settings.clip_share if train else 1.0
    frames = sum(len(source) for source in train)
    rest = 1.0 - (clip_share if settings.clips else 0.0)
    shared = [(source, rest * len(source) / frames) for source in train]
    if settings.clips:
        shared.append((clip_folder(Path(settings.clips), classes), clip_share))
    return shared


def _bags(settings: DataSettings, paths: tuple[str, ...], cache: Path, classes: int) -> Source:
    options = BagOptions(
        image_topic=settings.bag_image_topic,
        label_topic=settings.bag_label_topic,
        tolerance_ms=settings.bag_tolerance_ms,
        void=settings.bag_void,
        reach=settings.max_age,
    )
    return bags([Path(path) for path in paths], options, cache, classes)


def class_weights(
    train: list[tuple[Source, float]], classes: int, power: float
) -> NDArray[np.float32]:
    """(classes,) weights: frequency to the power of −`power`, of mean 1 over the pixels."""
    share = np.zeros(classes)
    for source, weight in train:
        chosen = np.unique(np.linspace(0, len(source) - 1, COUNTED_FRAMES).round().astype(int))
        counts = np.zeros(256, np.int64)
        for index in chosen:
            counts += np.bincount(source.labels(int(index)).ravel(), minlength=256)
        share += weight * counts[:classes] / max(int(counts[:classes].sum()), 1)
    share = np.maximum(share / max(share.sum(), 1e-12), 1e-4)
    weights = share**-power
    return (weights / (weights * share).sum()).astype(np.float32)
