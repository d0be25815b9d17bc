"""Reads frames.jsonl back: per-frame figures as arrays, for comparing runs frame by frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import EvaluationError

FILE = "frames.jsonl"
HITS, TRUE, PREDICTED = range(3)


@dataclass(frozen=True)
class FrameLog:
    """The frames of one recording of a run, in order."""

    stamps_ns: NDArray[np.int64]
    """(frames,)."""
    is_key: NDArray[np.float64]
    """(frames,) 0 or 1."""
    confidence: NDArray[np.float64]
    """(frames,); NaN if unknown."""
    miou: NDArray[np.float64]
    """(frames,) of each frame alone; NaN without ground truth."""
    total_ms: NDArray[np.float64]
    """(frames,) latency."""
    counts: NDArray[np.float64]
    """(frames, 3, classes) pixels found, true and predicted; 0 without ground truth."""

    def at(self, places: NDArray[np.intp]) -> FrameLog:
        """The frames at some places."""
        return FrameLog(
            self.stamps_ns[places],
            self.is_key[places],
            self.confidence[places],
            self.miou[places],
            self.total_ms[places],
            self.counts[places],
        )


def read_frame_logs(document: Mapping[str, Any], folder: Path) -> dict[str, FrameLog]:
    """The frame logs of a run by the name of the recording; empty where they are not there.

    Args:
        document: the content of metrics.json.
        folder: that metrics.json lies in; the logs of a fleet lie below it.

    Raises:
        EvaluationError: a log that is damaged.
    """
    classes = len(document["setup"]["classes"])
    logs: dict[str, FrameLog] = {}
    shared = folder / FILE
    by_name = _lines_by_recording(shared) if shared.is_file() else {}
    for recording in document["recordings"]:
        name = recording["name"]
        own = folder / recording["folder"] / FILE if "folder" in recording else None
        if own is not None and own.is_file():
            logs[name] = _log(list(_lines(own)), classes)
        elif name in by_name:
            logs[name] = _log(by_name[name], classes)
    return logs


def _lines_by_recording(path: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in _lines(path):
        found.setdefault(line["recording"], []).append(line)
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
                line["recording"], line["stamp_ns"], line["ms"]["total"], line["key"]
            except (ValueError, KeyError, TypeError):
                raise EvaluationError(f"{path}, line {number}: damaged, evaluate anew") from None
            yield line


def _log(lines: list[dict[str, Any]], classes: int) -> FrameLog:
    counts = np.zeros((len(lines), 3, classes))
    for row, line in enumerate(lines):
        for class_id, *pixels in line.get("counts") or ():
            counts[row, :, class_id] = pixels
    return FrameLog(
        stamps_ns=np.array([line["stamp_ns"] for line in lines], np.int64),
        is_key=np.array([line["key"] for line in lines], np.float64),
        confidence=_floats(line.get("mean_confidence") for line in lines),
        miou=_floats(line.get("miou") for line in lines),
        total_ms=_floats(line["ms"]["total"] for line in lines),
        counts=counts,
    )


def _floats(values: Iterator[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], np.float64)
