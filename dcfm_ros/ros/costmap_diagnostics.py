"""What /diagnostics says about the costmap."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from dcfm_ros.ros.costmap_counts import CostmapCounts
from dcfm_ros.ros.diagnostics import status
from dcfm_ros.ros.image_input import InputState


@dataclass(frozen=True)
class PlacingState:
    """Where that comes from which places a camera's images."""

    topic: str
    """Of the calibration."""
    publishers: int
    has_arrived: bool
    depth: InputState


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
            "depth": ", ".join(
                f"{c.depth.topic} ({c.depth.problem or f'{c.depth.publishers} publishers'})"
                for c in report.cameras
            ),
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
    if overtaken:
        advice = "take a larger costmap.grid.resolution_m or smaller images"
        text = f"{overtaken} frames left out: the costmap does not keep up; {advice}"
        return DiagnosticStatus.WARN, text
    return DiagnosticStatus.OK, f"{added} frames added, {counts.grids - before.grids} grids"
