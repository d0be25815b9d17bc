"""`dcfm`: finds the verb, runs it, turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

import dcfm_ros
import dcfm_ros.openmp  # before torch
from dcfm_ros.cli.packages import how_to_get
from dcfm_ros.errors import DcfmError

# Verb -> module in this folder, whose `add_parser(subparsers)` sets what runs: `run(args) -> int`.
VERBS = {
    "demo": "demo",
    "evaluate": "evaluate",
    "segment": "segment",
    "play": "play",
    "make-bag": "make_bag",
    "make-clips": "make_clips",
    "train": "train",
    "calibrate": "calibrate",
    "mix": "checkpoints",
    "import": "checkpoints",
    "inspect": "checkpoints",
    "bench": "bench",
    "doctor": "doctor",
}
_FAILED = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; `sys.argv` by default.

    Returns:
        0, or 2 after an error that is told on stderr, 130 after Ctrl-C, 141 when the reader of the
        output left.
    """
    _print_anywhere()
    args = _parser().parse_args(arguments)
    return guarded(args.verb, lambda: args.run(args))


def guarded(verb: str, run: Callable[[], int]) -> int:
    """Run what a verb does, and tell errors as `main` does; the same exit codes."""
    try:
        with _ended_by_signals():
            code = run()
        sys.stdout.flush()
    except DcfmError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        advice = how_to_get(error.name or "")
        if not advice:
            raise
        return _fail(f"dcfm {verb} needs {error.name}, which is not installed: {advice}")
    except KeyboardInterrupt:
        # Below `python -m`, CPython ends by SIGINT if the interrupt passed through an `exec`, as it
        # may in an import that defines a dataclass, although it was caught. Another forgets that.
        exec("")  # noqa: S102
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at its end: into nothing, lest that complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:  # a folder that is a file, read-only or full: theirs to mend
        return _fail(_about_file(error))
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "rclpy":
            raise
        return _fail(f"ROS 2 refuses: {' '.join(str(error).split())}")
    return code


def _print_anywhere() -> None:
    """Write `?` for what a terminal without UTF-8 cannot show, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _about_file(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C, so that children and half results are cleaned up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # Python has no say elsewhere
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dcfm", description="Video semantic segmentation with DCFM for ROS 2."
    )
    parser.add_argument("--version", action="version", version=f"dcfm_ros {dcfm_ros.__version__}")
    subparsers = parser.add_subparsers(
        dest="verb", required=True, metavar="VERB", title="verbs (each has --help)"
    )
    for module in dict.fromkeys(VERBS.values()):
        import_module(f"dcfm_ros.cli.{module}").add_parser(subparsers)
    return parser


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return _FAILED
