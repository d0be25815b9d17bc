"""What only real runs of the segmenter tell: modes, confidence, the cost of the decision."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import keyframe_videos as videos
from benchmarks.keyframe_latency import measure_latency
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.streaming import Engine, KeyFrameSettings, Segmenter
from dcfm_ros.streaming.keyframes import Always, FixedInterval
from dcfm_ros.streaming.label_change import Calibration
from dcfm_ros.streaming.signals import (
    NetworkImage,
    Signals,
    boundary_density,
    change,
    coarse,
    luma_change,
    luma_correlation,
)

_VOID = 11
_BINS = 10


def measure_runs(
    engine: Engine, calibration: Calibration, name: str, shared: Path | None
) -> dict[str, Any]:
    """Run a video for real, with a calibration from other videos."""
    engine.calibration = calibration
    frames = list(videos.frames(name, shared))
    truth = _truth(shared) if name == "val" else []
    engine.warm_up(*frames[0][0].shape[:2])
    found: dict[str, Any] = {"video": name, "decision": _decision(engine, calibration, frames)}
    found["latency"] = measure_latency(engine, frames)
    fresh = [result.labels for result in _run(engine, frames, Always())]
    found["modes"] = {}
    for mode, ahead in (("blocking", 0), ("background", 1)):
        settings = KeyFrameSettings(policy="adaptive", mode=mode, background_frames=ahead)
        segmenter = Segmenter(engine, settings)
        results = [segmenter.step(rgb, stamp, confidence=True) for rgb, stamp in frames]
        changes = [(r.labels != f).mean() for r, f in zip(results, fresh, strict=True)]
        found["modes"][mode] = {
            "key_share": float(np.mean([r.is_key_frame for r in results])),
            "label_change": float(np.mean(changes)),
            "expected": float(np.mean([r.expected_label_change for r in results])),
            "miou": _miou(engine, [r.labels for r in results], truth),
        }
    found["miou_of_always"] = _miou(engine, fresh, truth)
    if truth:
        found["reliability"] = _reliability(engine, frames, truth)
    return found


def _run(engine: Engine, frames: list[Any], policy: Any, **settings: Any) -> list[Any]:
    segmenter = Segmenter(engine, KeyFrameSettings(max_age_s=0.0, **settings), policy=policy)
    return [segmenter.step(rgb, stamp, confidence=True) for rgb, stamp in frames]


def _decision(engine: Engine, calibration: Calibration, frames: list[Any]) -> dict[str, float]:
    """Signals and estimate against a whole non-key frame, both as the fastest of some tries."""
    segmenter = Segmenter(engine, KeyFrameSettings(policy="fixed", interval=1000, max_age_s=0.0))
    labels = segmenter.step(*frames[0]).labels
    whole, decision = [], []
    view = NetworkImage.of(engine.resize(frames[0][0]))
    grid = coarse(labels)
    for rgb, stamp in frames[1:21]:
        started = time.perf_counter()
        segmenter.step(rgb, stamp)
        whole.append(time.perf_counter() - started)
        resized = engine.resize(rgb)
        started = time.perf_counter()
        now = NetworkImage.of(resized)
        luma_correlation(now, view)
        drift = change(coarse(labels), grid)
        signals = Signals(1, luma_change(now, view), drift, 0.0, boundary_density(grid))
        calibration.expected_change(signals)
        decision.append(time.perf_counter() - started)
    return {
        "non_key_ms": 1e3 * min(whole),
        "decision_ms": 1e3 * min(decision),
        "share": min(decision) / min(whole),
    }


def _truth(shared: Path | None) -> list[NDArray[np.uint8]]:
    assert shared is not None
    paths = sorted((shared / "data/camvid/valannot").iterdir())
    maps = [np.asarray(Image.open(path), np.uint8) for path in paths]
    return [np.where(m == _VOID, 255, m).astype(np.uint8) for m in maps]


def _miou(engine: Engine, labels: list[NDArray[np.uint8]], truth: list[Any]) -> float | None:
    if not truth:
        return None
    matrix = ConfusionMatrix(len(engine.info.labels.classes))
    for found, true in zip(labels, truth, strict=True):
        matrix.add(true, found)
    return float(matrix.miou())


def _reliability(engine: Engine, frames: list[Any], truth: list[Any]) -> dict[str, Any]:
    """Confidence against correctness on non-key frames of fixed intervals of 10."""
    results = _run(engine, frames, FixedInterval(10))
    discount = engine.calibration.confidence_discount
    sums = {kind: np.zeros((3, _BINS)) for kind in ("key", "reused", "reused, discounted")}
    for result, true in zip(results, truth, strict=True):
        known = true != 255
        right = (result.labels == true)[known]
        confidence = result.confidence[known] / 255.0
        if result.is_key_frame:
            _gather(sums["key"], confidence, right)
            continue
        trust = 1.0 - discount * result.expected_label_change
        _gather(sums["reused, discounted"], confidence, right)
        _gather(sums["reused"], np.minimum(1.0, confidence / trust), right)
    found = {}
    for kind, (count, sure, right) in sums.items():
        error = np.abs(sure - right).sum() / count.sum()
        found[kind] = {
            "expected_calibration_error": float(error),
            "confidence": float(sure.sum() / count.sum()),
            "right": float(right.sum() / count.sum()),
            "bins": [
                [float(s / n), float(r / n), float(n / count.sum())]
                for n, s, r in zip(count, sure, right, strict=True)
                if n
            ],
        }
    return found


def _gather(sums: NDArray[np.float64], confidence: Any, right: Any) -> None:
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    sums[0] += np.bincount(place, minlength=_BINS)
    sums[1] += np.bincount(place, confidence, _BINS)
    sums[2] += np.bincount(place, right, _BINS)
