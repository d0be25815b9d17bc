"""Validation as the network is used: with the common feature of the frame, or of an earlier one."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from dcfm_ros.datasets.clips import Clips
from dcfm_ros.datasets.files import read_rgb
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.images import overlay
from dcfm_ros.network.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.layers import resize
from dcfm_ros.processes import Processes
from dcfm_ros.streaming.network_input import Normalizer, network_size, resized
from dcfm_ros.training.run_log import json_safe
from dcfm_ros.training.samples import read_labelled, resize_to_height

Image = NDArray[np.uint8]

INTERVAL = 5


@dataclass(frozen=True)
class Validation:
    """mIoU in 0 … 1; NaN where there is nothing to measure."""

    frames: int
    """Labelled frames."""
    miou_key: float
    """Every frame a key frame."""
    miou_by_age: tuple[float, ...]
    """With the common feature of the frame 1, 2, … frames before."""
    miou_interval: float
    """One key frame in `INTERVAL`, over all phases: ages below `INTERVAL` pooled."""
    iou: tuple[float, ...]
    """By class, every frame a key frame."""

    def as_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        values: dict[str, object] = json_safe(asdict(self))
        return values

    def scalars(self) -> dict[str, float]:
        """The figures to draw over the steps, by name."""
        ages = {f"age_{age}": value for age, value in enumerate(self.miou_by_age, 1)}
        figures = {"key": self.miou_key, **ages, f"one_in_{INTERVAL}": self.miou_interval}
        return {f"miou/{name}": value for name, value in figures.items() if not math.isnan(value)}

    def __str__(self) -> str:
        ages = " ".join(f"{100 * value:.1f}" for value in self.miou_by_age if not math.isnan(value))
        by_age = f", by age {ages}, one key frame in {INTERVAL} {100 * self.miou_interval:.2f}"
        return f"mIoU {100 * self.miou_key:.2f}{by_age if ages else ''} ({self.frames} frames)"


@torch.inference_mode()
def validate(
    predictor: Predictor, clips: Clips, ages: int, frames: int, processes: Processes
) -> Validation:
    """Segment the labelled frames of clips at ages 0 to `ages`; the processes share the work.

    Args:
        frames: how many, evenly spread; 0 for all.
    """
    classes = predictor.classes
    matrices = [ConfusionMatrix(classes) for _ in range(ages + 1)]
    chosen = spread(len(clips), frames)
    own = np.array_split(chosen, processes.count)[processes.rank]
    for index in tqdm(own, "validate", leave=False, disable=None if processes.is_first else True):
        labels, predictions = predictor.segment(clips, int(index), range(ages + 1))
        for age, prediction in predictions.items():
            matrices[age].add(labels, prediction)
    counts = torch.from_numpy(np.stack([matrix.counts for matrix in matrices]))
    totals = processes.sum(counts.to(processes.device)).cpu().numpy()
    for matrix, total in zip(matrices, totals, strict=True):
        matrix.counts = total
    interval = ConfusionMatrix(classes)
    complete = ages >= INTERVAL - 1 and all(matrix.pixels for matrix in matrices[:INTERVAL])
    for matrix in matrices[:INTERVAL] if complete else ():
        interval.merge(matrix)
    return Validation(
        frames=len(chosen),
        miou_key=matrices[0].miou(),
        miou_by_age=tuple(matrix.miou() for matrix in matrices[1:]),
        miou_interval=interval.miou(),
        iou=tuple(matrices[0].iou().tolist()),
    )


def spread(length: int, count: int) -> NDArray[np.int64]:
    """Up to `count` indices below `length`, evenly spread; all for 0."""
    if not count or count >= length:
        return np.arange(length)
    return np.linspace(0, length - 1, count).round().astype(np.int64)


class Predictor:
    """Segments labelled frames with the common feature of earlier ones, and keeps the latest.

    Args:
        network: in eval mode.
        size: (height, width) in px that the network is meant to see.
        device: of the network.
        height: pictures are resized to it first, px, as in training; 0: as they are.
    """

    def __init__(
        self, network: Dcfm, size: tuple[int, int], device: torch.device, height: int = 0
    ) -> None:
        self.classes = network.config.classes
        self._network = network
        self._size = size
        self._height = height
        self._normalize = Normalizer(IMAGENET_MEAN, IMAGENET_STD, device)
        self._commons: OrderedDict[str, Tensor] = OrderedDict()

    def segment(self, clips: Clips, index: int, ages: range) -> tuple[Image, dict[int, Image]]:
        """One labelled frame.

        Args:
            ages: how many frames before it the key frame lies; 0 for the frame itself.

        Returns:
            Its labels (H, W), and by age the prediction (H, W); not for ages before the clip.
        """
        rgb, labels = read_labelled(clips, index, self._height)
        independent = self._network.independent(self._prepare(rgb))
        own = clips.frame(index)
        assert own is not None
        if own not in self._commons:
            self._keep(own, self._project(independent), len(ages))
        predictions = {}
        for age in ages:
            path = clips.frame(index, -age)
            if path is None:
                continue
            logits = self._network.decode(self._common(path, len(ages)), independent)
            logits = resize(logits.float(), labels.shape)
            predictions[age] = logits.argmax(1)[0].to(torch.uint8).cpu().numpy()
        return labels, predictions

    def _common(self, path: str, most: int) -> Tensor:
        if path not in self._commons:
            rgb = resize_to_height(read_rgb(path), self._height, cv2.INTER_AREA)
            self._keep(path, self._project(self._network.independent(self._prepare(rgb))), most)
        return self._commons[path]

    def _project(self, independent: Tensor) -> Tensor:
        return self._network.fusion.project(self._network.common(independent))

    def _keep(self, path: str, common: Tensor, most: int) -> None:
        self._commons[path] = common
        while len(self._commons) > most:
            self._commons.popitem(last=False)

    def _prepare(self, rgb: Image) -> Tensor:
        """(1, 3, h, w) at the network's size, as the engine prepares it."""
        return self._normalize(resized(rgb, network_size(rgb.shape[:2], self._size)))


_WIDTH = 480
"""Each picture is at most this wide, px."""


@torch.inference_mode()
def overlays(
    predictor: Predictor,
    clips: Clips,
    palette: NDArray[np.uint8],
    ages: int,
    count: int,
    height: int = 0,
) -> Iterator[NDArray[np.uint8]]:
    """Frames spread over the clips, each (h, 3 w, 3): truth, key frame, oldest non-key frame."""
    for index in spread(len(clips), count) if count else ():
        rgb, labels = read_labelled(clips, int(index), height)
        _, predictions = predictor.segment(clips, int(index), range(ages + 1))
        oldest = predictions[max(predictions)]
        panels = [overlay(rgb, shown, palette) for shown in (labels, predictions[0], oldest)]
        yield np.concatenate([_small(panel) for panel in panels], axis=1)


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    if width <= _WIDTH:
        return rgb
    size = (_WIDTH, round(height * _WIDTH / width))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
