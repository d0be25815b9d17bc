"""The executable `segment_node`: one `segmenter` node until SIGINT or SIGTERM."""

from __future__ import annotations

import re
import signal
import sys
import threading
from types import FrameType

import dcfm_ros.openmp  # noqa: F401  (before torch)

_USAGE_ERROR = 2
_SWITCH_INTERVAL_S = 0.0005


def main(args: list[str] | None = None) -> int:
    """Run the node.

    Returns:
        0 after SIGINT or SIGTERM, 2 if an argument or a parameter has an invalid value,
        or a package that is needed is missing.
    """
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    return _run(args, stop)


def _run(args: list[str] | None, stop: threading.Event) -> int:
    # Imported late: torch takes seconds, and a signal in that time must end the process cleanly.
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from dcfm_ros.errors import DcfmError
    from dcfm_ros.ros.environment import use_fast_dds_profile
    from dcfm_ros.ros.executor import INVALID_ARGUMENTS, spin

    try:
        from dcfm_ros.ros.node import SegmenterNode
    except ModuleNotFoundError as error:
        text = f"the node needs {error.name}, which is not installed: `dcfm doctor` says how to"
        rclpy.logging.get_logger("segmenter").fatal(f"{text} get it")
        return _USAGE_ERROR

    # Callbacks are short, so let them in between two steps of the worker sooner than after 5 ms.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        use_fast_dds_profile()
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = SegmenterNode()
    except (DcfmError, *INVALID_ARGUMENTS) as error:
        rclpy.logging.get_logger("segmenter").fatal(_one_line(error))
        rclpy.try_shutdown()
        return _USAGE_ERROR
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with spin(executor, node.get_logger()):
        stop.wait()
    node.finish()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()
    return 0


def _one_line(error: Exception) -> str:
    """An error's text without the lines of C code that rcl adds to it."""
    text = " ".join(re.sub(r",? at /\S+:\d+", "", str(error)).split())
    return f"unknown arguments {text}" if text.startswith("[") else text


if __name__ == "__main__":
    sys.exit(main())
