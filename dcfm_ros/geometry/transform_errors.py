"""Why there is no transform: one line that names both frames and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from dcfm_ros.errors import TransformError
from dcfm_ros.geometry.time_cache import Extrapolation


def unknown(target: str, source: str, frame: str, known: Sequence[str]) -> TransformError:
    """One of the two frames was never named."""
    return TransformError(
        f"no transform from {source!r} to {target!r}: frame {frame!r} was not received "
        f"(known: {', '.join(known) or 'none'}); publish it on /tf or /tf_static",
        target,
        source,
        may_come=True,
    )


def uncovered(
    target: str, source: str, stamp_ns: int, gap: tuple[str, Extrapolation]
) -> TransformError:
    """A frame on the way was not heard of at that time."""
    frame, error = gap
    return TransformError(
        f"no transform from {source!r} to {target!r} at {stamp_ns / 1e9:.3f}: "
        f"of frame {frame!r} {error}",
        target,
        source,
        may_come=error.may_come,
    )


def unconnected(target: str, source: str) -> TransformError:
    """The two frames have no common ancestor."""
    return TransformError(
        f"no transform from {source!r} to {target!r}: they are not part of one tree; "
        "publish what connects them on /tf or /tf_static",
        target,
        source,
        may_come=True,
    )


def loop(target: str, source: str) -> TransformError:
    """Going up from one of the frames never ends."""
    return TransformError(
        f"no transform from {source!r} to {target!r}: the tree of frames has a loop; "
        "look for a frame that two publishers give different parents",
        target,
        source,
        may_come=True,
    )
