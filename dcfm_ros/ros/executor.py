"""Spins an executor in a thread of its own, so that the main thread is free for signals."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rclpy.executors import Executor, ExternalShutdownException

_PAUSE_S = 0.1  # lest an executor that fails at once fills the log


@contextmanager
def spin(executor: Executor, logger: Any) -> Iterator[None]:
    """Spin within the `with` block; an exception out of a callback is logged and survived."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            try:
                executor.spin_once()
            except ExternalShutdownException:
                return
            except Exception:
                text = "a callback failed:\n" + traceback.format_exc()
                logger.error(text)
                stop.wait(_PAUSE_S)

    thread = threading.Thread(target=loop, name="dcfm_executor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        executor.create_task(lambda: None)  # a task, unlike a wake-up, ends a spin_once
        thread.join()
