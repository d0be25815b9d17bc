"""The most memory that this process has used so far."""

from __future__ import annotations

import resource
import sys

import torch

_MIB = 2**20


def peak_memory() -> dict[str, float | None]:
    """`host_mib`: resident; `device_mib`: reserved by torch on all CUDA devices, null without."""
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, bytes
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    device = None
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        count = torch.cuda.device_count()
        device = round(sum(map(torch.cuda.max_memory_reserved, range(count))) / _MIB, 1)
    return {"host_mib": round(host / _MIB, 1), "device_mib": device}
