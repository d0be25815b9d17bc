"""The processes of one run, of training or of a fleet, as torchrun starts them; without it one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from dcfm_ros.streaming.device import resolve_device

T = TypeVar("T")

_PATIENCE = timedelta(days=30)
"""Unpacking a long bag takes longer than any step; one process may have longer recordings."""
_SET_BY_TORCHRUN = ("GROUP_", "LOCAL_", "MASTER_", "RANK", "ROLE_", "TORCHELASTIC_", "WORLD_SIZE")


@dataclass(frozen=True)
class Processes:
    """This process among those of its run."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rank: int = 0
    count: int = 1
    local_rank: int = 0
    """Among those of its machine."""
    local_count: int = 1
    """How many share this machine."""
    patient: dist.ProcessGroup | None = None
    """Waits as long as it takes; where there are several processes."""

    @property
    def is_first(self) -> bool:
        """Whether this one writes files and talks."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all processes; without gradient."""
        if self.count > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
        return value

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process, in all; tensors travel by main memory."""
        if self.count == 1:
            return make()
        box: list[T | None] = [make() if self.is_first else None]
        dist.broadcast_object_list(box, group=self.patient)
        return box[0]  # type: ignore[return-value]

    def own(self, items: Sequence[T]) -> Sequence[T]:
        """This process's share of what all have in the same order."""
        return items[self.rank :: self.count]

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items of all processes in the first; in others their own."""
        if self.count == 1:
            return list(items)
        boxes: list[Sequence[T]] | None = [()] * self.count if self.is_first else None
        dist.gather_object(list(items), boxes, group=self.patient)
        return [item for box in boxes for item in box] if boxes is not None else list(items)

    @contextmanager
    def first_of_machine_first(self) -> Iterator[None]:
        """Run the body in the first process of each machine, then in its others."""
        if self.count > 1 and self.local_rank > 0:
            dist.barrier(group=self.patient)
        yield
        if self.count > 1 and self.local_rank == 0:
            dist.barrier(group=self.patient)


@contextmanager
def joined_processes(device: str = "auto") -> Iterator[Processes]:
    """Join the other processes of the run, if torchrun started several.

    Args:
        device: auto, cpu, cuda (with torchrun each process takes its own), cuda:1, …

    Raises:
        DeviceError: no such device.
    """
    count = started_processes()
    local_rank, local_count = (
        int(os.environ.get("LOCAL_RANK", "0")),
        int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
    )
    chosen = resolve_device(device)
    if chosen.type == "cuda" and count > 1:
        chosen = torch.device("cuda", local_rank)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if count == 1:
        yield Processes(chosen)
        return
    # A 1x1 kernel's strides are ambiguous; its memory is the same.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    if chosen.type == "cuda":
        dist.init_process_group("nccl")
    else:
        dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        patient = dist.new_group(backend="gloo", timeout=_PATIENCE)
        yield Processes(chosen, dist.get_rank(), count, local_rank, local_count, patient)
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
