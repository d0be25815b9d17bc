"""What /diagnostics says about the node: one status for the engine, one per camera.

Names begin with the node's full name, which is the hardware id, too: aggregators tell two robots
apart by them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from dcfm_ros.ros.counts import Counts, Drop, RecentFigures
from dcfm_ros.ros.environment import fast_dds_profile
from dcfm_ros.ros.image_input import InputState


@dataclass(frozen=True)
class CameraReport:
    """State of one active camera."""

    input: InputState
    has_arrived: bool
    input_age_s: float
    """Since the last image, or since activation."""
    stale_after_s: float
    counts: Counts
    newly_lost: int
    newly_bad: int
    """Dropped as unreadable or failed since the last report."""
    newly_published: int
    last_problem: str
    recent: RecentFigures
    key_frame_policy: str = ""
    estimate_factor: float = 1.0
    """What corrects the estimated label change on this camera."""


def camera_status(name: str, report: CameraReport) -> DiagnosticStatus:
    """The status of a camera; `name` is the whole diagnostic name."""
    level, text = _judge(report)
    counts, recent = report.counts, report.recent
    return status(
        name,
        level,
        text,
        {
            "topic": report.input.topic,
            "publishers": report.input.publishers,
            "reliability": report.input.reliability,
            "input age (s)": f"{report.input_age_s:.2f}",
            "rate (Hz)": f"{recent.rate_hz:.2f}",
            "latency, median (ms)": f"{recent.latency_ms:.1f}",
            "latency, worst (ms)": f"{recent.worst_latency_ms:.1f}",
            "key frames (share)": f"{recent.key_frame_share:.2f}",
            "key-frame policy": report.key_frame_policy,
            "key-frame estimate, corrected by": f"{report.estimate_factor:.2f}",
            "taken": counts.taken,
            "published": counts.published,
            "dropped": counts.dropped,
            **{f"dropped, {cause.value}": counts.by_cause.get(cause, 0) for cause in Drop},
            "lost by the middleware": report.input.lost_messages,
            "Fast DDS profile": fast_dds_profile() or "not set",
            "last problem": report.last_problem,
        },
    )


def engine_status(
    name: str, state: str, problem: str, values: Mapping[str, object], mismatches: Mapping[str, str]
) -> DiagnosticStatus:
    """The status of the node as a whole.

    Args:
        state: of the lifecycle.
        problem: why the last configure failed; empty if it did not.
        values: the resolved engine settings and memory.
        mismatches: policy by output topic that a subscriber asked for and does not get.
    """
    if problem:
        level, text = DiagnosticStatus.ERROR, problem
    elif mismatches:
        topic, policy = next(iter(mismatches.items()))
        level = DiagnosticStatus.WARN
        text = f"a subscriber of {topic} asks for another {policy} policy and gets nothing"
    else:
        level, text = DiagnosticStatus.OK, state
    return status(
        name, level, text, {"state": state, **values, "resident memory (MB)": _resident_mb()}
    )


def _judge(report: CameraReport) -> tuple[bytes, str]:
    source = report.input
    if source.problem:
        return DiagnosticStatus.ERROR, source.problem
    if not report.has_arrived:
        return DiagnosticStatus.WARN, f"no image yet on {source.topic}"
    if report.newly_bad and not report.newly_published:
        return DiagnosticStatus.ERROR, f"no frame was usable: {report.last_problem}"
    if report.input_age_s > report.stale_after_s:
        return (
            DiagnosticStatus.WARN,
            f"no image on {source.topic} for {report.input_age_s:.0f} s",
        )
    if report.newly_bad:
        return (
            DiagnosticStatus.WARN,
            f"{report.newly_bad} frames dropped: {report.last_problem}",
        )
    if report.newly_lost:
        lost = f"the middleware lost {report.newly_lost} images of {source.topic}"
        advice = "start the camera driver with the Fast DDS profile config/fastdds.xml"
        return DiagnosticStatus.WARN, f"{lost}; {advice}"
    recent = report.recent
    latency = "" if math.isnan(recent.latency_ms) else f", {recent.latency_ms:.0f} ms"
    return DiagnosticStatus.OK, f"{recent.rate_hz:.1f} Hz{latency}"


def status(name: str, level: bytes, text: str, values: Mapping[str, object]) -> DiagnosticStatus:
    """A diagnostic status with its figures."""
    found = DiagnosticStatus(level=level, name=name, message=text)
    found.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return found


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
