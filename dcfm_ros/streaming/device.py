"""What the network computes on: device, arithmetic, threads, and a worker beside the frames."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

from dcfm_ros.errors import DeviceError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_thread = threading.local()
_BACKGROUND_NICE = 15
"""Added to the niceness of threads that give way: some 1/30 of the weight of others."""


def resolve_device(name: str) -> torch.device:
    """The torch device that the setting names; auto: CUDA if present, else the CPU.

    Raises:
        DeviceError: no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(
            f"device {name!r} is unknown, expected auto, cpu, cuda or cuda:N"
        ) from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"device {name!r} is not supported, expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        _check_cuda(device)
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The arithmetic that the setting names; auto: float16 on CUDA, float32 on the CPU.

    Raises:
        DeviceError: float16 on a CPU, which torch computes slowly or not at all.
    """
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name == "float16" and device.type == "cpu":
        raise DeviceError("precision float16 needs CUDA; on a CPU use float32 or bfloat16")
    return _DTYPES[name]


def resolve_threads(count: int) -> int:
    """CPU threads for the network; 0: all cores that this process may use."""
    return count or len(os.sched_getaffinity(0))


def prepare_thread(threads: int = 0) -> None:
    """Flush denormal numbers to zero in the calling thread, once, and set its number of threads.

    Without it some networks run 40 times slower on CPUs. The flag belongs to a thread and is
    inherited by the OpenMP threads that it starts, so every thread that computes needs the call
    before its first operation. OpenMP's number of threads belongs to the calling thread as well.

    Args:
        threads: that OpenMP may use for the work of this thread; 0: as it is.
    """
    if not getattr(_thread, "prepared", False):
        torch.set_flush_denormal(True)
        _thread.prepared = True
    if threads and getattr(_thread, "threads", 0) != threads:
        torch.set_num_threads(threads)
        _thread.threads = threads


@dataclass(frozen=True)
class ExecutionContext:
    """Where a thread computes: the frames have one, and the worker in the background another."""

    threads: int
    """Of the CPU."""
    stream: torch.cuda.Stream | None = None
    """On CUDA."""

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Within the `with` block the calling thread computes here, and waits for no other."""
        prepare_thread(self.threads)
        with torch.inference_mode(), torch.cuda.stream(self.stream):
            yield


def give_way() -> None:
    """Let the calling thread, and those that it starts, have only the CPU time that others leave.

    Where the system cannot rank threads (all but Linux) nothing happens.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        lower = min(19, os.getpriority(os.PRIO_PROCESS, thread) + _BACKGROUND_NICE)
        os.setpriority(os.PRIO_PROCESS, thread, lower)


def _check_cuda(device: torch.device) -> None:
    if not torch.cuda.is_available():
        raise DeviceError(
            f"device {device} was asked for, but torch {torch.__version__} finds no CUDA device; "
            "use device cpu, or install the driver and a CUDA build of torch"
        )
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise DeviceError(
            f"device {device} was asked for, but there are {torch.cuda.device_count()} CUDA devices"
        )


T = TypeVar("T")


class BackgroundWorker:
    """A thread with its own CPU threads; on CUDA with a stream of lower priority than the frames'.

    On the CPU its threads give way to those of the frames.

    Args:
        threads: CPU threads of the worker.
    """

    def __init__(self, device: torch.device, threads: int) -> None:
        self._device = device
        stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._context = ExecutionContext(threads, stream)
        self._worker = ThreadPoolExecutor(
            max_workers=1,
            thread_name_prefix="dcfm-deep",
            initializer=give_way if stream is None else None,
        )

    def submit(self, compute: Callable[[ExecutionContext], T]) -> Future[T]:
        """Compute after what the caller has asked of the device so far, and beside what follows.

        The result is complete on the device when the future is done; its error is the future's.

        Args:
            compute: called in the worker with the context to compute in.
        """
        if self._context.stream is None:
            return self._worker.submit(compute, self._context)
        before = torch.cuda.current_stream(self._device).record_event()
        return self._worker.submit(self._on_cuda, self._context.stream, compute, before)

    def close(self) -> None:
        """Wait for the computation under way; what has not begun is cancelled."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _on_cuda(
        self,
        stream: torch.cuda.Stream,
        compute: Callable[[ExecutionContext], T],
        before: torch.cuda.Event,
    ) -> T:
        stream.wait_event(before)
        result = compute(self._context)
        stream.synchronize()
        return result
