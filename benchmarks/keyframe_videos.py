"""The videos of the key-frame benchmark, measured once and kept."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.calibration.reuse_table import COLUMNS, ReuseTable, measure_reuse
from dcfm_ros.network import load
from dcfm_ros.streaming import Engine, EngineSettings
from dcfm_ros.synthetic import Street, StreetSettings

Frames = Iterator[tuple[NDArray[np.uint8], int]]
SYNTHETIC_S = {
    "stop_and_go": 8.0,
    "traffic_lights": 36.0,
    "slow": 8.0,
    "fast": 8.0,
    "cut": 8.0,
}
_SEED = 900


def names(shared: Path | None) -> list[str]:
    """The videos at hand; real ones need the shared folder."""
    real = []
    if shared is not None and (shared / "data/camvid/val").is_dir():
        real.append("val")
    if shared is not None and (shared / "data/video").is_dir():
        real.append("drive")
    return [*real, *SYNTHETIC_S]


def street(name: str) -> Street:
    """A synthetic video, with its poses."""
    settings = StreetSettings(seed=_SEED, motion=name, duration_s=SYNTHETIC_S[name])
    return Street(settings)


def frames(name: str, shared: Path | None) -> Frames:
    """RGB and stamp in ns of every frame; of the driving video every second frame."""
    if name in SYNTHETIC_S:
        return ((frame.rgb, frame.stamp_ns) for frame in street(name).frames())
    assert shared is not None
    return _pictures(shared / "data/camvid/val", 15.0) if name == "val" else _video(shared)


@dataclass(frozen=True)
class Measuring:
    """How to measure the videos."""

    engine: EngineSettings
    shared: Path | None
    cache: Path
    ages: int


def tables(wanted: Sequence[str], how: Measuring, jobs: int) -> dict[str, ReuseTable]:
    """Measure videos, several at a time; what was measured with the same weights is taken."""
    longest_first = sorted(wanted, key=lambda name: SYNTHETIC_S.get(name, 8.0), reverse=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        pending = {name: pool.submit(table, name, how) for name in longest_first}
        return {name: pending[name].result() for name in wanted}


def table(name: str, how: Measuring) -> ReuseTable:
    """Measure a video, or take what was measured before with the same weights."""
    file = how.cache / f"{name}_{_digest(name, how)}.npz"
    if not file.is_file():
        found = measure_reuse(
            Engine.load(how.engine), name, frames(name, how.shared), ages=how.ages
        )
        how.cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            file,
            stamps_ns=found.stamps_ns,
            boundary=found.boundary,
            correlation=found.correlation,
            **found.columns,
        )
        print(f"measured {name}: {len(found)} frames", file=sys.stderr, flush=True)
    with np.load(file) as stored:
        columns = {column: stored[column] for column in COLUMNS}
        return ReuseTable(
            name, stored["stamps_ns"], columns, stored["boundary"], stored["correlation"]
        )


def _digest(name: str, how: Measuring) -> str:
    """Of all that decides about a table: the weights, not what a calibration adds to their file."""
    found = hashlib.sha256(repr((name, how.ages, SYNTHETIC_S.get(name), _SEED)).encode())
    for part, weights in sorted(load(how.engine.checkpoint).state_dict().items()):
        found.update(part.encode() + weights.numpy().tobytes())
    return found.hexdigest()[:12]


def _pictures(folder: Path, rate_hz: float) -> Frames:
    for index, path in enumerate(sorted(folder.iterdir())):
        picture = cv2.imread(str(path))
        assert picture is not None, path
        yield np.ascontiguousarray(picture[..., ::-1]), round(index * 1e9 / rate_hz)


def _video(shared: Path) -> Frames:
    (path,) = (shared / "data/video").glob("*.mp4")
    video = cv2.VideoCapture(str(path))
    rate_hz, index = video.get(cv2.CAP_PROP_FPS), 0
    while True:
        found, picture = video.read()
        if not found:
            return
        if index % 2 == 0:
            yield np.ascontiguousarray(picture[..., ::-1]), round(index * 1e9 / rate_hz)
        index += 1
