"""Computes deep features beside the frames, so that a key frame's labels do not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from dcfm_ros.streaming.device import ExecutionContext, give_way

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
