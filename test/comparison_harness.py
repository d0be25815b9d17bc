"""Runs as `dcfm evaluate` leaves them, made of figures, for the tests of comparing them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcfm_ros.evaluation.report.document import SCHEMA

CLASSES = ("road", "traffic light")
PIXELS = 1000


def write_run(
    folder: Path,
    found: Sequence[Sequence[int]],
    *,
    names: Sequence[str] = ("drive",),
    latency_ms: Sequence[float] = (),
    classes: Sequence[str] = CLASSES,
    mode: str = "exact",
    first_stamp_ns: int = 10**18,
) -> Path:
    """A metrics.json with its frames.jsonl.

    Args:
        found: by recording, for each frame, how many of its 1000 pixels of road are found; the
            others are taken for traffic lights, of which every frame has 1000, all found.
        latency_ms: of every frame of all recordings; default 10.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines, recordings = [], []
    times = list(latency_ms) or [10.0] * sum(len(part) for part in found)
    for name, part in zip(names, found, strict=True):
        recordings.append(
            {"name": name, "path": name, "frames": len(part), "unreadable_frames": 0, "notes": []}
        )
        for index, hits in enumerate(part):
            wrong = PIXELS - hits
            counts = [[0, hits, PIXELS, hits], [1, PIXELS, PIXELS, PIXELS + wrong]]
            iou = (hits / PIXELS, PIXELS / (PIXELS + wrong))
            line = {
                "recording": name,
                "index": index,
                "stamp_ns": first_stamp_ns + index * 10**8,
                "key": index % 2 == 0,
                "mean_confidence": 0.5,
                "miou": sum(iou) / 2,
                "counts": counts,
                "ms": {"total": times[len(lines)]},
            }
            lines.append(line)
    (folder / "frames.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    hits, frames = sum(sum(part) for part in found), len(lines)
    whole = frames * PIXELS
    iou = (hits / whole, whole / (2 * whole - hits))
    document = {
        "schema": SCHEMA,
        "setup": {
            "mode": mode,
            "classes": list(classes),
            "engine": {"device": "cpu", "precision": "float32", "threads": 1},
        },
        "total": {
            "frames": frames,
            "key_frames": {"count": (frames + 1) // 2, "share": 0.5, "reasons": {"FIRST": 1}},
            "mean_confidence": 0.5,
            "multiply_adds": {"key": 4 * 10**9, "non_key": 10**9, "mean": 25 * 10**8},
            "accuracy": {
                "frames": frames,
                "pixels": 2 * whole,
                "miou": sum(iou) / 2,
                "pixel_accuracy": (hits + whole) / (2 * whole),
                "classes": [
                    {"id": i, "name": name, "iou": iou[i], "share": 0.5}
                    for i, name in enumerate(classes)
                ],
            },
        },
        "recordings": recordings,
        "timings": {
            "total": {
                "rate_hz": 20.0,
                "stages_ms": {
                    "total": {f"p{p}": float(np.percentile(times, p)) for p in (50, 95, 99)},
                    "network": {"p50": 8.0},
                },
                "total_ms_of_key_frames": {"p50": 12.0},
            }
        },
    }
    (folder / "metrics.json").write_text(json.dumps(document))
    return folder / "metrics.json"
