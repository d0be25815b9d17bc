"""From settings to the data sets that a run trains and validates on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.datasets import Clips, bags, clip_folder
from dcfm_ros.datasets.catalogue import CATALOGUE
from dcfm_ros.datasets.labelled_bags import BagOptions
from dcfm_ros.errors import SettingsError
from dcfm_ros.training.settings import DataSettings

COUNTED_FRAMES = 500
"""Class frequencies are counted over at most so many frames of a data set, evenly spread."""


@dataclass(frozen=True)
class Data:
    """What a run works on."""

    train: list[tuple[Clips, float]]
    """Each with its share of the samples."""
    validation: Clips | None

    @property
    def notes(self) -> list[str]:
        """What one has to know before one trains on it."""
        clips = [clips for clips, _ in self.train]
        if self.validation is not None:
            clips.append(self.validation)
        return list(dict.fromkeys(note for each in clips for note in each.notes))


def find_data(settings: DataSettings, classes: Sequence[str], cache: Path) -> Data:
    """Open every data set that the settings name.

    Args:
        classes: names of those that the network tells apart, by id.
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


def _open(settings: DataSettings, split: str, classes: Sequence[str]) -> list[Clips]:
    """The data sets that come in splits."""
    found = []
    for name, known in CATALOGUE.items():
        root, theirs = getattr(settings, name), known.classes
        if not root:
            continue
        if len(classes) != len(theirs):
            raise SettingsError(
                f"data.{name} has {len(theirs)} classes, the network {len(classes)}; choose "
                "another config"
            )
        found.append(known.open(Path(root), split).read_as(theirs, classes))
    return found


def _shares(
    settings: DataSettings, classes: Sequence[str], train: list[Clips]
) -> list[tuple[Clips, float]]:
    """Clips get their share, the rest is divided by the number of labelled frames."""
    clip_share = settings.clip_share if train else 1.0
    frames = sum(len(clips) for clips in train)
    rest = 1.0 - (clip_share if settings.clips else 0.0)
    shared = [(clips, rest * len(clips) / frames) for clips in train]
    if settings.clips:
        shared.append((clip_folder(Path(settings.clips), classes), clip_share))
    return shared


def _bags(
    settings: DataSettings, paths: tuple[str, ...], cache: Path, classes: Sequence[str]
) -> Clips:
    options = BagOptions(
        image_topic=settings.bag_image_topic,
        label_topic=settings.bag_label_topic,
        tolerance_ms=settings.bag_tolerance_ms,
        image_bits=settings.bag_image_bits,
        void=settings.bag_void,
        reach=settings.max_age,
    )
    return bags([Path(path) for path in paths], options, cache, classes)


def class_weights(
    train: list[tuple[Clips, float]], classes: int, power: float
) -> NDArray[np.float32]:
    """(classes,) weights: frequency to the power of −`power`, of mean 1 over the pixels."""
    share = np.zeros(classes)
    for clips, weight in train:
        chosen = np.unique(np.linspace(0, len(clips) - 1, COUNTED_FRAMES).round().astype(int))
        counts = np.zeros(256, np.int64)
        for index in chosen:
            counts += np.bincount(clips.labels(int(index)).ravel(), minlength=256)
        share += weight * counts[:classes] / max(int(counts[:classes].sum()), 1)
    share = np.maximum(share / max(share.sum(), 1e-12), 1e-4)
    weights = share**-power
    return (weights / (weights * share).sum()).astype(np.float32)
