"""metrics.json: all that was measured, equal in every run but for its `created` and `timings`."""

from __future__ import annotations

import json
import math
import resource
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

import dcfm_ros
from dcfm_ros.evaluation.measure.cost import mean_cost
from dcfm_ros.evaluation.measure.counts import counts_of
from dcfm_ros.evaluation.measure.latency import mean_rate_hz, time_stages
from dcfm_ros.evaluation.measure.metrics import measure
from dcfm_ros.evaluation.report.notes import notes_on
from dcfm_ros.evaluation.run.results import Recording, Results, plain

SCHEMA = "dcfm_ros/metrics/2"
_MIB = 2**20


def document(results: Results) -> dict[str, Any]:
    """The figures as JSON can hold them, with what differs from run to run apart from the rest."""
    recordings = results.recordings
    labels = results.setup.info.labels
    frames = [recording.tally.frames for recording in recordings]
    costs = [results.cost(recording) for recording in recordings]
    rate_hz = mean_rate_hz(frames, [recording.rate_hz for recording in recordings])
    conventions = results.setup.conventions
    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "dcfm_ros": dcfm_ros.__version__,
        "setup": plain(results.setup),
        "total": measure(results.counts(), labels, mean_cost(frames, costs), conventions),
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
                **measure(counts_of(recording.tally), labels, cost, conventions),
                **({"costmap": recording.costmap.figures()} if recording.costmap else {}),
            }
            for recording, cost in zip(recordings, costs, strict=True)
        ],
        "timings": {
            "total": {"rate_hz": rate_hz, **time_stages(results.latencies())},
            "recordings": {
                r.name: {"rate_hz": round(r.rate_hz, 3), **time_stages(r.tally.latencies)}
                for r in recordings
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


def peak_memory() -> dict[str, float | None]:
    """`host_mib`: resident; `device_mib`: reserved by torch on all CUDA devices, null without."""
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, bytes
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    device = None
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        count = torch.cuda.device_count()
        device = round(sum(map(torch.cuda.max_memory_reserved, range(count))) / _MIB, 1)
    return {"host_mib": round(host / _MIB, 1), "device_mib": device}
