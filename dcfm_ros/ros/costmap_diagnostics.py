"""What became of the frames that were handed to the costmap, and what /diagnostics says of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from diagnostic_msgs.msg import DiagnosticStatus

from dcfm_ros.ros.diagnostics import status
from dcfm_ros.ros.image_input import InputState


@dataclass(frozen=True)
class CostmapCounts:
    """Since activation."""

    added: int = 0
    refused: int = 0
    """For want of a transform, or with a calibration or depth that cannot be used."""
    overtaken: int = 0
    """Left out because the costmap did not keep up."""
    grids: int = 0
    last_problem: str = ""
    """Of the last refused frame; stays when others are added."""


class CostmapCounter:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = CostmapCounts()

    def add(self) -> None:
        """A frame is in the grid."""
        with self._lock:
            self._counts = replace(self._counts, added=self._counts.added + 1)

    def refuse(self, problem: str) -> None:
        """A frame could not be added."""
        with self._lock:
            refused = self._counts.refused + 1
            self._counts = replace(self._counts, refused=refused, last_problem=problem)

    def overtake(self, frames: int = 1) -> None:
        """Frames were left out for newer ones."""
        with self._lock:
            self._counts = replace(self._counts, overtaken=self._counts.overtaken + frames)

    def publish(self) -> None:
        """A grid went out."""
        with self._lock:
            self._counts = replace(self._counts, grids=self._counts.grids + 1)

    def read(self) -> CostmapCounts:
        """The counts now."""
        with self._lock:
            return self._counts


@dataclass(frozen=True)
class PlacingState:
    """Where that comes from which places a camera's images."""

    topic: str
    """Of the calibration."""
    publishers: int
    has_arrived: bool
    depth: InputState
    depth_problem: str = ""
    """Why depth is not used, though somebody publishes it."""


@dataclass(frozen=True)
class CostmapReport:
    """State of an active node's costmap."""

    wanted: bool
    """Whether somebody subscribes to it."""
    is_stale: bool
    cameras: tuple[PlacingState, ...]
    frames: tuple[str, ...]
    """Names of tf that were received."""
    counts: CostmapCounts
    before: CostmapCounts
    """At the last report."""


def costmap_status(name: str, report: CostmapReport) -> DiagnosticStatus:
    """The status of the costmap; `name` is the whole diagnostic name.

    What nobody subscribes to is no reason to warn: it is said at level OK.
    """
    level, text = _judge(report)
    if not report.wanted and level != DiagnosticStatus.OK:
        level, text = DiagnosticStatus.OK, f"nobody subscribes; {text}"
    counts = report.counts
    return status(
        name,
        level,
        text,
        {
            "frames added": counts.added,
            "frames not added": counts.refused,
            "frames overtaken": counts.overtaken,
            "grids": counts.grids,
            "camera_info": ", ".join(
                f"{c.topic} ({'received' if c.has_arrived else 'missing'})" for c in report.cameras
            ),
            "depth": ", ".join(f"{c.depth.topic} ({_depth(c)})" for c in report.cameras),
            "tf frames": ", ".join(report.frames),
            "last problem": counts.last_problem,
        },
    )


def _judge(report: CostmapReport) -> tuple[bytes, str]:
    counts, before = report.counts, report.before
    missing = [c for c in report.cameras if not c.has_arrived]
    refused, added = counts.refused - before.refused, counts.added - before.added
    overtaken = counts.overtaken - before.overtaken
    if missing:
        publishers = missing[0].publishers
        why = f"it has publishers ({publishers})" if publishers else "it has no publisher"
        return DiagnosticStatus.WARN, f"no camera_info yet on {missing[0].topic}: {why}"
    if refused:
        text = f"{refused} of {refused + added} frames not added: {counts.last_problem}"
        return DiagnosticStatus.WARN, text
    if report.is_stale:
        reason = f"; last problem: {counts.last_problem}" if counts.last_problem else ""
        return DiagnosticStatus.WARN, f"no frames: all of it is unknown{reason}"
    if without := [c for c in report.cameras if c.depth_problem]:
        return DiagnosticStatus.WARN, f"{without[0].depth.topic}: {without[0].depth_problem}"
    if overtaken:
        advice = "take a larger costmap.grid.resolution_m or smaller images"
        text = f"{overtaken} frames left out: the costmap does not keep up; {advice}"
        return DiagnosticStatus.WARN, text
    return DiagnosticStatus.OK, f"{added} frames added, {counts.grids - before.grids} grids"


def _depth(camera: PlacingState) -> str:
    state = camera.depth
    return state.problem or camera.depth_problem or f"{state.publishers} publishers"
