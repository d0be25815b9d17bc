"""The endless stream of training samples; sample k is a function of the seed and k alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from dcfm_ros.training.augment import AugmentSettings, augment_pair
from dcfm_ros.training.motion import simulate_motion
from dcfm_ros.training.sources import Source


class Samples(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Augmented samples: labelled and neighbour (3, h, w) uint8, labels (h, w) int64.

    Args:
        sources: where frames come from, each with its share of the samples.
        max_age: a neighbour is 1 … max_age frames away, in either direction.
        seed: with the index it decides everything about a sample, so a resumed run sees what it would have seen.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Source, float]],
        augment: AugmentSettings,
        max_age: int,
        seed: int,
    ) -> None:
        self._sources = [source for source, share in sources if share > 0]
        shares = np.array([share for _, share in sources if share > 0])
        self._shares = shares / shares.sum()
        self._augment = augment
        self._max_age = max_age
        self._seed = seed

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        cv2.setNumThreads(0)  # the loader's processes are the parallelism
        rng = np.random.default_rng((self._seed, index))
        source = self._sources[rng.choice(len(self._sources), p=self._shares)]
        age = int(rng.integers(1, self._max_age + 1)) * int(rng.choice((-1, 1)))
        pair = source.pair(int(rng.integers(len(source))), age)
        neighbour = pair.neighbour
        if neighbour is None:
            neighbour = simulate_motion(pair.rgb, abs(age), rng)
        augmented = augment_pair(pair.rgb, pair.labels, neighbour, self._augment, rng)
        labelled, labels, neighbour = augmented
        assert neighbour is not None
        return _planes(labelled), torch.from_numpy(labels.astype(np.int64)), _planes(neighbour)


class Order(Sampler[int]):
    """Sample numbers first … last − 1, in order."""

    def __init__(self, first: int, last: int) -> None:
        self._range = range(first, last)

    def __iter__(self) -> Iterator[int]:
        return iter(self._range)

    def __len__(self) -> int:
        return len(self._range)


def _planes(rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))
