"""metrics.json: all that was measured, equal in every run but for its `created` and `timings`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dcfm_ros
from dcfm_ros.evaluation.measure.cost import FrameCost
from dcfm_ros.evaluation.measure.metrics import measure, time_stages
from dcfm_ros.evaluation.report.notes import notes_on
from dcfm_ros.evaluation.run.peak_memory import peak_memory
from dcfm_ros.evaluation.run.results import Recording, Results, plain

SCHEMA = "dcfm_ros/metrics/2"


def document(results: Results) -> dict[str, Any]:
    """The figures as JSON can hold them, with what differs from run to run apart from the rest."""
    recordings = results.recordings
    labels = results.setup.info.labels
    costs = [results.cost(recording) for recording in recordings]
    total = results.total()
    conventions = results.setup.conventions
    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "dcfm_ros": dcfm_ros.__version__,
        "setup": plain(results.setup),
        "total": measure(total, labels, _mean_cost(recordings, costs), conventions),
        "recordings": [
            {
                "name": recording.name,
                "path": recording.path,
                "image_topic": recording.image_topic,
                "label_topic": recording.label_topic,
                "image_size": {"width": recording.image_size[1], "height": recording.image_size[0]},
                "camera_hz": _camera_hz(recording),
                **({"delivery": asdict(recording.delivery)} if recording.delivery else {}),
                "unreadable_frames": recording.unreadable_count,
                "notes": notes_on(recording),
                **measure(recording.tally, labels, cost, conventions),
                **({"costmap": recording.costmap.figures()} if recording.costmap else {}),
            }
            for recording, cost in zip(recordings, costs, strict=True)
        ],
        "timings": {
            "total": {"rate_hz": _rate_hz(recordings), **time_stages(total)},
            "recordings": {
                r.name: {"rate_hz": round(r.rate_hz, 3), **time_stages(r.tally)} for r in recordings
            },
            "peak_memory": peak_memory(),
        },
    }


def write_document(content: dict[str, Any], path: Path) -> None:
    """Write it for people and programs: indented, in the order given."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _camera_hz(recording: Recording) -> float | None:
    period_ms = recording.tally.period_ms
    return None if math.isnan(period_ms) else round(1e3 / period_ms, 3)


def _mean_cost(recordings: Sequence[Recording], costs: Sequence[FrameCost]) -> FrameCost:
    """Of a frame of all recordings, whose image sizes may differ."""
    frames = sum(recording.tally.frames for recording in recordings)
    figures = {
        name: round(
            sum(
                asdict(cost)[name] * recording.tally.frames
                for recording, cost in zip(recordings, costs, strict=True)
            )
            / frames
        )
        for name in asdict(costs[0])
    }
    return FrameCost(**figures)


def _rate_hz(recordings: Sequence[Recording]) -> float:
    """Frames per second over all recordings."""
    seconds = sum(r.tally.frames / r.rate_hz for r in recordings if r.rate_hz)
    return round(sum(r.tally.frames for r in recordings) / seconds, 3) if seconds else 0.0
