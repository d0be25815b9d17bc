"""Latency of frames with key frames that block, in the background, and without any.

The three take turns in one process, so that whatever else the machine does meets all of them. The
frames' own CPU time is told beside: other processes do not show in it.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.streaming import Engine, KeyFrameSettings, Segmenter

Frame = tuple[NDArray[np.uint8], int]
_INTERVAL = 5
_TURN = 15
_TURNS = 5
_PACE = 1.6
"""Period of the frames over the time that a key frame takes."""
_SETTINGS = {
    "no key frames": KeyFrameSettings(policy="fixed", interval=1000, max_age_s=0.0),
    "blocking": KeyFrameSettings(policy="fixed", interval=_INTERVAL, max_age_s=0.0),
    "background": KeyFrameSettings(
        policy="fixed", interval=_INTERVAL, max_age_s=0.0, mode="background"
    ),
}


def measure_latency(engine: Engine, frames: list[Frame]) -> dict[str, Any]:
    """p50 and p99 of each mode in ms, at a pace that blocking key frames can keep."""
    segmenters = {mode: Segmenter(engine, settings) for mode, settings in _SETTINGS.items()}
    streams = {mode: _Stream(segmenter, frames) for mode, segmenter in segmenters.items()}
    for stream in streams.values():
        stream.run(_INTERVAL, 0.0)
    blocking = streams["blocking"]
    period_s = _PACE * np.median([row[0] for row in blocking.run(2 * _INTERVAL, 0.0) if row[2]])
    rows: dict[str, list[tuple[float, float, bool]]] = {mode: [] for mode in streams}
    for _ in range(_TURNS):
        for mode, stream in streams.items():
            # The first of a turn finds cold caches, in each of the modes.
            rows[mode] += stream.run(_TURN, float(period_s))[1:]
    return {mode: _summary(found) for mode, found in rows.items()}


def machine() -> str:
    """The CPU and how much of it this process may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    return f"{len(os.sched_getaffinity(0))} virtual cores of {name}"


class _Stream:
    """A camera that plays the frames over and over, its stamps going on."""

    def __init__(self, segmenter: Segmenter, frames: list[Frame]) -> None:
        self._segmenter = segmenter
        self._frames = frames
        self._step_ns = frames[1][1] - frames[0][1]
        self._index = 0
        self._pause = threading.Event()

    def run(self, count: int, period_s: float) -> list[tuple[float, float, bool]]:
        """Wall time and CPU time in s of each frame, and whether it was a key frame."""
        rows = []
        for _ in range(count):
            rgb, _ = self._frames[self._index % len(self._frames)]
            own, started = time.thread_time(), time.perf_counter()
            result = self._segmenter.step(rgb, self._index * self._step_ns)
            taken = time.perf_counter() - started
            rows.append((taken, time.thread_time() - own, result.is_key_frame))
            self._pause.wait(max(0.0, period_s - taken))
            self._index += 1
        return rows


def _summary(rows: list[tuple[float, float, bool]]) -> dict[str, float]:
    wall, own, keys = (np.array(column) for column in zip(*rows, strict=True))
    p50, p90, p99 = np.percentile(1e3 * wall, [50, 90, 99])
    own50, own99 = np.percentile(1e3 * own, [50, 99])
    return {
        "frames": len(rows),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "p90_over_p50": float(p90 / p50),
        "ratio": float(p99 / p50),
        "own_p50_ms": float(own50),
        "own_ratio": float(own99 / own50),
        "key_over_non_key": float(np.median(own[keys]) / np.median(own[~keys]))
        if keys.any()
        else 1.0,
    }
