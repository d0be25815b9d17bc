"""Starts and ends rclpy for commands, which do not import it themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.signals import SignalHandlerOptions


@contextmanager
def running() -> Iterator[None]:
    """Nodes can be made within the `with` block; signals stay with the caller."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        yield
    finally:
        rclpy.shutdown()
