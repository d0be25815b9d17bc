"""Watches an active node: publishers that change, silence, the figures for /diagnostics."""

from __future__ import annotations

import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus

from dcfm_ros.ros.costmap_diagnostics import (
    CostmapCounts,
    CostmapReport,
    PlacingState,
    costmap_status,
)
from dcfm_ros.ros.costmap_stage import CostmapStage
from dcfm_ros.ros.counts import Counts, Drop
from dcfm_ros.ros.diagnostics import CameraReport, camera_status
from dcfm_ros.ros.session import Session

_BAD = (Drop.UNREADABLE, Drop.FAILED)
_NO_COUNTS = Counts(0, 0, {})


class Monitor:
    """Looks after one session; called from a timer of the executor.

    Args:
        log: where the one warning per silence goes, and the line when it ends.
    """

    def __init__(
        self, session: Session, stale_after_s: float, log: Callable[[str], object]
    ) -> None:
        self.stale_after_s = stale_after_s
        self._session = session
        self._log = log
        self._silent: set[str] = set()
        self._reported: dict[str, Counts] = {}
        self._reported_lost: dict[str, int] = {}
        self._reported_costmap = CostmapCounts()

    def look(self) -> None:
        """Match the publishers' reliability, and say once when images fail to come."""
        for name, image_input in self._session.inputs.items():
            image_input.refresh()
            age_s = self._age_s(name)
            if age_s <= self.stale_after_s:
                if name in self._silent:
                    self._silent.discard(name)
                    self._log(f"images come on {image_input.topic} again")
            elif name not in self._silent:
                self._silent.add(name)
                self._log(self._silence(name, age_s))
        if self._session.costmap is not None:
            self._session.costmap.look()

    def report(self, prefix: str) -> list[DiagnosticStatus]:
        """One diagnostic status per camera and one for the costmap, since the last report."""
        found = [
            camera_status(f"{prefix}: camera {name}".rstrip(), self._camera_report(name))
            for name in self._session.cameras
        ]
        if self._session.costmap is not None:
            report = self._costmap_report(self._session.costmap)
            found.append(costmap_status(f"{prefix}: costmap", report))
        return found

    def _camera_report(self, name: str) -> CameraReport:
        camera, state = self._session.cameras[name], self._session.inputs[name].state()
        counts, before = camera.counter.read(), self._reported.get(name, _NO_COUNTS)
        lost_before = self._reported_lost.get(name, 0)
        self._reported[name], self._reported_lost[name] = counts, state.lost_messages
        return CameraReport(
            input=state,
            has_arrived=self._session.has_arrived[name],
            input_age_s=self._age_s(name),
            stale_after_s=self.stale_after_s,
            counts=counts,
            newly_lost=state.lost_messages - lost_before,
            newly_bad=_bad(counts) - _bad(before),
            newly_published=counts.published - before.published,
            last_problem=camera.last_problem,
            recent=camera.recent.summary(),
            key_frame_policy=camera.key_frame_policy,
            estimate_factor=camera.estimate_factor,
        )

    def _costmap_report(self, costmap: CostmapStage) -> CostmapReport:
        counts, before = costmap.counter.read(), self._reported_costmap
        self._reported_costmap = counts
        return CostmapReport(
            wanted=costmap.wanted,
            is_stale=costmap.is_stale,
            cameras=tuple(
                PlacingState(
                    camera.info.topic,
                    camera.info.publishers,
                    camera.info.has_arrived,
                    camera.depth.state(),
                    costmap.depth_problem(name),
                )
                for name, camera in costmap.inputs.cameras.items()
            ),
            frames=costmap.transforms.frames,
            counts=counts,
            before=before,
        )

    def _silence(self, name: str, age_s: float) -> str:
        image_input = self._session.inputs[name]
        state = image_input.state()
        text = f"no image on {state.topic} for {age_s:.0f} s"
        if state.problem:
            return f"{text}: {state.problem}"
        if state.publishers:
            return f"{text}: it has publishers ({state.publishers}), but nothing arrives"
        similar = image_input.similar_topics()
        found = f"; image topics that exist: {', '.join(similar)}" if similar else ""
        return f"{text}: it has no publisher{found or '; nor has any other image topic'}"

    def _age_s(self, name: str) -> float:
        return time.monotonic() - self._session.last_arrival_s[name]


def _bad(counts: Counts) -> int:
    return sum(counts.by_cause.get(cause, 0) for cause in _BAD)
