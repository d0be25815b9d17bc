"""The endless stream of training samples; sample k is a function of the seed and k alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from dcfm_ros.datasets.clips import Clips, nearest_frame
from dcfm_ros.datasets.files import read_rgb
from dcfm_ros.errors import DcfmError
from dcfm_ros.training.augment import AugmentSettings, augment_pair, paste_things
from dcfm_ros.training.motion import simulate_motion

Image = NDArray[np.uint8]
Batch = tuple[Tensor, Tensor, "Tensor | None"]
"""Labelled frames (B, 3, h, w), labels (B, h, w) and neighbours (B, 3, h, w), all uint8.

Neighbours are None in a step that uses the labelled frames alone.
"""


class TrainingSamples(Dataset["Batch | DcfmError"]):
    """Augmented samples, each as a `Batch` of one without its first dimension.

    A sample that cannot be read is returned as its error: so it reaches the main process whole.

    Args:
        datasets: where frames come from, each with its share of the samples.
        augment: for both frames of a pair alike.
        ages: least and largest distance to the neighbour, in frames, in either direction.
        seed: with the number it decides all about a sample; a resumed run sees what it would have.
        height: pictures are resized to it first, px; 0: as they are.
        paired_from: number of the first sample with a neighbour; those before it need none.
    """

    def __init__(
        self,
        datasets: Sequence[tuple[Clips, float]],
        augment: AugmentSettings,
        ages: tuple[int, int],
        seed: int,
        height: int = 0,
        paired_from: int = 0,
    ) -> None:
        self._datasets = [clips for clips, share in datasets if share > 0]
        shares = np.array([share for _, share in datasets if share > 0])
        self._shares = shares / shares.sum()
        self._augment = augment
        self._ages = ages
        self._seed = seed
        self._height = height
        self._paired_from = paired_from

    def __getitem__(self, number: int) -> Batch | DcfmError:
        cv2.setNumThreads(0)  # the loader's processes are the parallelism
        try:
            rng = np.random.default_rng((self._seed, number))
            return self._draw(rng, number >= self._paired_from)
        except DcfmError as error:
            return error

    def _draw(self, rng: np.random.Generator, paired: bool) -> Batch:
        clips = self._datasets[rng.choice(len(self._datasets), p=self._shares)]
        index = int(rng.integers(len(clips)))
        rgb, labels = read_labelled(clips, index, self._height)
        if self._augment.paste > 0 and rng.random() < self._augment.paste:
            rgb, labels = self._with_things(clips, index, (rgb, labels), rng)
        other = self._neighbour(clips, index, rgb, rng) if paired else None
        labelled, labels, other = augment_pair(rgb, labels, other, self._augment, rng)
        neighbour = None if other is None else _planes(other)
        return _planes(labelled), torch.from_numpy(labels), neighbour

    def _with_things(
        self, clips: Clips, index: int, frame: tuple[Image, Image], rng: np.random.Generator
    ) -> tuple[Image, Image]:
        """The frame with things from another one, unless a neighbour would show it without them."""
        if nearest_frame(clips, index, self._ages[1]) is not None:
            return frame
        donor = read_labelled(clips, int(rng.integers(len(clips))), self._height)
        return paste_things(frame, donor, self._augment.paste_below, rng)

    def _neighbour(self, clips: Clips, index: int, rgb: Image, rng: np.random.Generator) -> Image:
        age = int(rng.integers(self._ages[0], self._ages[1] + 1)) * int(rng.choice((-1, 1)))
        path = nearest_frame(clips, index, age)
        if path is None:
            return simulate_motion(rgb, abs(age), rng)
        neighbour = resize_to_height(read_rgb(path), self._height, cv2.INTER_AREA)
        _check_size(neighbour, rgb.shape[:2], path)
        return neighbour


class Order(Sampler[list[int]]):
    """The numbers of the samples of each step, for one of several processes.

    Step t takes the samples t · batch … (t + 1) · batch − 1, however many processes share them.

    Args:
        steps: the first step, and the one after the last.
        batch: samples per step over all processes.
        rank: of this process.
        processes: how many there are; `batch` is a multiple of it.
    """

    def __init__(self, steps: range, batch: int, rank: int = 0, processes: int = 1) -> None:
        self._steps = steps
        self._batch = batch
        share = batch // processes
        self._own = range(rank * share, (rank + 1) * share)

    def __iter__(self) -> Iterator[list[int]]:
        for step in self._steps:
            yield [step * self._batch + k for k in self._own]

    def __len__(self) -> int:
        return len(self._steps)


def collate(samples: list[Batch | DcfmError]) -> Batch | DcfmError:
    """Stack samples, or pass on the first error among them."""
    whole: list[Batch] = []
    for sample in samples:
        if isinstance(sample, DcfmError):
            return sample
        whole.append(sample)
    neighbours = [neighbour for _, _, neighbour in whole if neighbour is not None]
    return (
        torch.stack([labelled for labelled, _, _ in whole]),
        torch.stack([labels for _, labels, _ in whole]),
        torch.stack(neighbours) if len(neighbours) == len(whole) else None,
    )


def read_labelled(clips: Clips, index: int, height: int = 0) -> tuple[Image, Image]:
    """A labelled frame (H, W, 3) and its labels (H, W), resized to `height` px unless that is 0.

    Raises:
        DcfmError: a file cannot be read, or the two differ in size.
    """
    path = clips.frame(index)
    assert path is not None  # clips have a picture for each of its labels
    rgb, labels = read_rgb(path), clips.labels(index)
    _check_size(rgb, labels.shape, path)
    return (
        resize_to_height(rgb, height, cv2.INTER_AREA),
        resize_to_height(labels, height, cv2.INTER_NEAREST),
    )


def resize_to_height(image: Image, height: int, interpolation: int) -> Image:
    """Keep the aspect; the image itself where it has that height or `height` is 0."""
    if height in (0, image.shape[0]):
        return image
    if interpolation == cv2.INTER_AREA and height > image.shape[0]:
        interpolation = cv2.INTER_LINEAR
    width = round(image.shape[1] * height / image.shape[0])
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def _check_size(image: Image, expected: tuple[int, ...], path: str) -> None:
    if image.shape[:2] != tuple(expected):
        raise DcfmError(
            f"{path} is {image.shape[1]}x{image.shape[0]} px, its labels or labelled frame "
            f"{expected[1]}x{expected[0]} px; they must be of one size"
        )


def _planes(rgb: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))
