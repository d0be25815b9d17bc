"""Runs rclpy so that signals, failing callbacks and impossible requests do it no harm."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode
from rclpy.signals import SignalHandlerOptions

INVALID_ARGUMENTS = (
    rclpy_implementation.RCLError,
    rclpy_implementation.UnknownROSArgsError,
    NameValidationException,
    ParameterException,
)
"""What rclpy raises for arguments, names and parameters that make no sense."""
_PAUSE_S = 0.1  # lest an executor that fails at once fills the log


@contextmanager
def running() -> Iterator[None]:
    """Nodes can be made within the `with` block; signals stay with the caller."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        yield
    finally:
        rclpy.shutdown()


@contextmanager
def spin(executor: Executor, logger: Any) -> Iterator[None]:
    """Spin in a thread of its own within the `with` block; failing callbacks are logged."""
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


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Answer `success: false` where rclpy raises and leaves the caller without an answer."""
    service = getattr(node, "_service_change_state", None)
    if service is None:  # another rclpy than the ones known; the executor's loop still survives
        return
    change_state = service.callback

    def answer(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except rclpy_implementation.RCLError:
            name = request.transition.label or request.transition.id
            node.get_logger().warning(f"transition {name} refused: not possible in this state")
            response.success = False
            return response

    service.callback = answer
