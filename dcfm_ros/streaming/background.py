"""Computes deep features beside the frames, so that a key frame's labels do not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from dcfm_ros.streaming.device import give_way, prepare_thread

T = TypeVar("T")
WORKER = "dcfm-deep"
"""Begins the name of the worker's thread."""


class Aside:
    """A worker with its own CPU threads; on CUDA with a stream of lower priority than the frames'.

    On the CPU its threads give way to those of the frames.

    Args:
        threads: CPU threads of the worker.
    """

    def __init__(self, device: torch.device, threads: int) -> None:
        self._device = device
        self._threads = threads
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._worker = ThreadPoolExecutor(
            max_workers=1,
            thread_name_prefix=WORKER,
            initializer=give_way if self._stream is None else None,
        )

    def submit(self, compute: Callable[[], T]) -> Future[T]:
        """Compute after what the caller has asked of the device so far, and beside what follows.

        The result is complete on the device when the future is done; its error is the future's.
        """
        if self._stream is None:
            return self._worker.submit(self._on_cpu, compute)
        before = torch.cuda.current_stream(self._device).record_event()
        return self._worker.submit(self._on_cuda, compute, before)

    def close(self) -> None:
        """Wait for the computation under way; what has not begun is cancelled."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _on_cpu(self, compute: Callable[[], T]) -> T:
        prepare_thread(self._threads)
        return compute()

    def _on_cuda(self, compute: Callable[[], T], before: torch.cuda.Event) -> T:
        assert self._stream is not None
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(before)
            result = compute()
            self._stream.synchronize()
        return result
