"""Reads frames.jsonl back: per-frame figures as arrays, for comparing runs frame by frame."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
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
        return FrameLog(*(getattr(self, field.name)[places] for field in fields(self)))


def joined(logs: Sequence[FrameLog]) -> FrameLog:
    """The frames of several recordings after each other."""
    names = [field.name for field in fields(FrameLog)]
    return FrameLog(*(np.concatenate([getattr(log, name) for log in logs]) for name in names))


FrameLogs = dict[tuple[str, str], FrameLog]
"""By the names of recording and clip."""


def read_frame_logs(document: Mapping[str, Any], folder: Path) -> FrameLogs:
    """The frame logs of a run, by the name of the recording and the clip of a data set in it.

    Recordings without a log are left out.

    Args:
        document: the content of metrics.json.
        folder: that metrics.json lies in; the logs of a fleet lie below it.

    Raises:
        EvaluationError: a log that is damaged.
    """
    classes = len(document["setup"]["classes"])
    lines: dict[tuple[str, str], list[dict[str, Any]]] = {}
    shared = folder / FILE
    for line in _lines(shared) if shared.is_file() else ():
        lines.setdefault((line["recording"], line.get("clip", "")), []).append(line)
    for recording in document["recordings"]:
        own = folder / recording.get("folder", "") / FILE
        for line in _lines(own) if own != shared and own.is_file() else ():
            lines.setdefault((recording["name"], line.get("clip", "")), []).append(line)
    return {key: _log(part, classes) for key, part in lines.items()}


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
