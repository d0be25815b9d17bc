"""The processes of one run, as torchrun starts them; without torchrun there is one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from dcfm_ros.streaming.device import resolve_device

T = TypeVar("T")

_PATIENCE = timedelta(days=1)  # unpacking a long bag takes longer than any step


@dataclass(frozen=True)
class Processes:
    """This process among those of its run."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rank: int = 0
    count: int = 1
    local_rank: int = 0
    """Among those of its machine."""
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

    @contextmanager
    def first_of_machine_first(self) -> Iterator[None]:
        """Run the body in the first process of each machine, then in its others."""
        if self.count > 1 and self.local_rank > 0:
            dist.barrier(group=self.patient)
        yield
        if self.count > 1 and self.local_rank == 0:
            dist.barrier(group=self.patient)


@contextmanager
def joined(device: str = "auto") -> Iterator[Processes]:
    """Join the other processes of the run, if torchrun started several.

    Args:
        device: auto, cpu, cuda (with torchrun each process takes its own), cuda:1, …

    Raises:
        DeviceError: no such device.
    """
    count, local_rank = (
        int(os.environ.get("WORLD_SIZE", "1")),
        int(os.environ.get("LOCAL_RANK", "0")),
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
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        patient = dist.new_group(backend="gloo", timeout=_PATIENCE)
        yield Processes(chosen, dist.get_rank(), count, local_rank, patient)
    finally:
        dist.destroy_process_group()
