"""The processes that torchrun starts, each with recordings of its own: their counts are summed.

A thin layer over torch.distributed. Frames never travel: what is reduced are confusion matrices and
histograms, and each recording's row of figures goes to the first process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from dcfm_ros.evaluation.measure.counts import Counts, from_vector, to_vector

T = TypeVar("T")

_PATIENCE = timedelta(days=30)
"""One process may have longer recordings than another."""

_SET_BY_TORCHRUN = ("GROUP_", "LOCAL_", "MASTER_", "RANK", "ROLE_", "TORCHELASTIC_", "WORLD_SIZE")


@dataclass(frozen=True)
class Processes:
    """This process among those of its run."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    """Among those of its machine."""
    local_count: int = 1
    """How many share this machine."""

    @property
    def is_first(self) -> bool:
        """Whether this one writes the report and talks."""
        return self.rank == 0

    def own(self, items: Sequence[T]) -> Sequence[T]:
        """This process's share of what all have in the same order."""
        return items[self.rank :: self.count]

    def sum(self, counts: Counts) -> Counts:
        """The sum over all processes, in each; of the same names and shapes in all."""
        if self.count == 1:
            return counts
        vector = torch.from_numpy(to_vector(counts))
        dist.all_reduce(vector)
        return from_vector(vector.numpy(), counts)

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items of all processes in the first; in others their own."""
        if self.count == 1:
            return list(items)
        boxes: list[Sequence[T]] | None = [()] * self.count if self.is_first else None
        dist.gather_object(list(items), boxes, dst=0)
        return [item for box in boxes for item in box] if boxes is not None else list(items)

    def from_first(self, value: T) -> T:
        """The first process's value, in all."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the other processes of the run, if torchrun started several."""
    count = started_processes()
    if count == 1:
        yield Processes()
        return
    local = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), count, *local)
    finally:
        dist.destroy_process_group()


def started_processes() -> int:
    """How many torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def plain_environment() -> dict[str, str]:
    """This process's environment without what torchrun has set: for processes of its own."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(_SET_BY_TORCHRUN)}
    own.pop("OMP_NUM_THREADS", None)
    return own
