"""The videos of the key-frame benchmark, measured once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.streaming import Engine
from dcfm_ros.synthetic import Street, StreetSettings
from dcfm_ros.training.reuse_table import COLUMNS, ReuseTable, measure

Frames = Iterator[tuple[NDArray[np.uint8], int]]
SYNTHETIC = ("stop_and_go", "slow", "fast", "cut")
_SEED = 900
_SYNTHETIC_S = 8.0


def names(shared: Path | None) -> list[str]:
    """The videos at hand; real ones need the shared folder."""
    real = []
    if shared is not None and (shared / "data/camvid/val").is_dir():
        real.append("val")
    if shared is not None and (shared / "data/video").is_dir():
        real.append("drive")
    return [*real, *SYNTHETIC]


def frames(name: str, shared: Path | None) -> Frames:
    """RGB and stamp in ns of every frame; of the driving video every second frame."""
    if name in SYNTHETIC:
        street = Street(StreetSettings(seed=_SEED, motion=name, duration_s=_SYNTHETIC_S))
        return ((frame.rgb, frame.stamp_ns) for frame in street.frames())
    assert shared is not None
    return _pictures(shared / "data/camvid/val", 15.0) if name == "val" else _video(shared)


def table(engine: Engine, name: str, shared: Path | None, cache: Path, ages: int) -> ReuseTable:
    """Measure a video, or take what was measured before with the same checkpoint."""
    checkpoint = Path(engine.resolved.checkpoint)
    digest = hashlib.sha256(repr((name, ages, _weights(engine))).encode()).hexdigest()[:12]
    file = cache / f"{name}_{checkpoint.stem}_{digest}.npz"
    if not file.is_file():
        found = measure(engine, name, frames(name, shared), ages=ages)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            file,
            stamps_ns=found.stamps_ns,
            boundary=found.boundary,
            correlation=found.correlation,
            **found.columns,
        )
    with np.load(file) as stored:
        columns = {column: stored[column] for column in COLUMNS}
        return ReuseTable(
            name, stored["stamps_ns"], columns, stored["boundary"], stored["correlation"]
        )


def _weights(engine: Engine) -> float:
    """A number that other weights do not have."""
    rgb = np.random.default_rng(0).integers(0, 256, (*engine.info.training_size, 3), np.uint8)
    shallow = engine.shallow(engine.upload(engine.resize(rgb)))
    return round(float(engine.decode(engine.deep(shallow), shallow).float().abs().mean()), 3)


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
