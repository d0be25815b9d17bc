"""Measuring reuse, fitting and simulating, against known truth and the real segmenter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_harness import pictures, stamps_ns, write_recording
from sklearn.isotonic import IsotonicRegression

from dcfm_ros.calibration.fit import (
    CalibrationError,
    fit,
    held_out_ratios,
    isotonic,
    run_with_budget,
)
from dcfm_ros.calibration.reuse_table import COLUMNS, ReuseTable, measure_reuse
from dcfm_ros.calibration.simulation import simulate
from dcfm_ros.cli.main import main
from dcfm_ros.network import load, read_info
from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings, Segmenter
from dcfm_ros.streaming.adaptive import Adaptive
from dcfm_ros.streaming.keyframes import Always, FixedInterval, Scripted

AGES = 6
COUNT = 24


def table(seed: int, frames: int = 120, gain: float = 0.8) -> ReuseTable:
    """Luma moves and rests by turns; the label change is `gain` times the luma change."""
    moving = np.random.default_rng(seed).uniform(0.0, 0.03, frames // 40)
    pace = np.stack([moving, np.zeros_like(moving)], -1).repeat(20)
    way = np.cumsum(pace)
    columns = {name: np.full((frames, AGES + 1), np.nan) for name in COLUMNS}
    for k in range(frames):
        for age in range(min(AGES, frames - 1 - k) + 1):
            luma = way[k + age] - way[k]
            for name in COLUMNS:
                columns[name][k, age] = 0.0
            columns["luma_change"][k, age] = luma
            columns["label_change"][k, age] = min(1.0, gain * luma)
            columns["confidence"][k, age] = 0.9
            columns["trust"][k, age] = 0.9 * (1 - min(1.0, gain * luma))
    stamps = np.arange(frames, dtype=np.int64) * 100_000_000
    return ReuseTable(f"v{seed}", stamps, columns, np.zeros(frames), np.ones(frames))


def test_isotonic_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=200).cumsum(), rng.uniform(0.1, 2.0, 200)
    expected = IsotonicRegression().fit_transform(np.arange(200), values, sample_weight=weights)
    np.testing.assert_allclose(isotonic(values, weights), expected, atol=1e-9)


def test_the_fit_finds_what_made_the_tables() -> None:
    tables = [table(seed) for seed in range(3)]
    calibration = fit(tables)
    held = table(9)
    expected = calibration.expected_changes(held.signals())
    measured = held.columns["label_change"][held.reused]
    assert np.abs(expected - measured).mean() < 0.1 * measured.mean()
    assert calibration.is_fitted
    assert np.diff(calibration.mean_changes).min() >= 0
    assert all(0.8 < ratio < 1.25 for ratio in held_out_ratios(tables))


def test_confidence_is_discounted_by_what_changed() -> None:
    """Confidence stays 0.9 while the fresh output trusts the labels less by all of the change."""
    assert fit([table(1), table(2)], discount=True).confidence_discount == pytest.approx(
        1.0, abs=0.1
    )


def test_the_adaptive_policy_beats_fixed_where_the_pace_varies() -> None:
    calibration = fit([table(seed) for seed in range(3)])
    held = table(9, frames=400)
    fixed = simulate(held, FixedInterval(4), calibration)
    runs = [run_with_budget(held, calibration, budget) for budget in np.geomspace(0.01, 1, 40)]
    at_most = [run.mean_change for run in runs if run.key_share <= fixed.key_share]
    assert min(at_most) < 0.9 * fixed.mean_change


def test_bounds_of_the_simulation() -> None:
    held, calibration = table(3), fit([table(1)])
    assert simulate(held, Always(), calibration).mean_change == 0.0
    script = simulate(held, Scripted({5, 9}), calibration)
    assert np.flatnonzero(script.is_key)[:3].tolist() == [0, 5, 9]
    assert script.change[7] == held.columns["label_change"][5, 2]


def test_short_videos_are_refused() -> None:
    with pytest.raises(CalibrationError, match="found v1 of 19 frames, expected videos of 20"):
        fit([table(1, frames=120), _cut(table(1), 19)])


def _cut(whole: ReuseTable, frames: int) -> ReuseTable:
    columns = {name: column[:frames] for name, column in whole.columns.items()}
    return ReuseTable(
        whole.name, whole.stamps_ns[:frames], columns, whole.boundary[:frames], whole.correlation
    )


def test_the_table_holds_what_the_segmenter_does(checkpoint: Path) -> None:
    """Agreement with always, key frames and expected changes, measured on real runs."""
    engine = Engine.load(EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=1))
    frames = list(zip(pictures(COUNT), stamps_ns(COUNT), strict=True))
    found = measure_reuse(engine, "moving", frames, ages=AGES)
    engine.calibration = fit([found])
    settings = KeyFrameSettings(cut_correlation=-1.0)

    def run(policy):
        segmenter = Segmenter(engine, settings, policy=policy)
        return [segmenter.step(rgb, stamp) for rgb, stamp in frames]

    fresh = run(Always())
    for make in (lambda: FixedInterval(4), lambda: Adaptive(engine.calibration, 0.05)):
        real = run(make())
        simulated = simulate(found, make(), engine.calibration, cut_correlation=-1.0)
        assert [r.is_key_frame for r in real] == simulated.is_key.tolist()
        change = [(r.labels != f.labels).mean() for r, f in zip(real, fresh, strict=True)]
        np.testing.assert_allclose(change, simulated.change, atol=1e-9)
        expected = [r.expected_label_change for r in real]
        np.testing.assert_allclose(expected, simulated.expected, atol=1e-6)


def test_calibrate_writes_the_same_network_with_its_calibration(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "calibrated.safetensors"
    videos = [write_recording(tmp_path / name, pictures(COUNT)) for name in ("one", "two")]
    options = ["--ages", "4", "--device", "cpu", "--threads", "1", "-o", str(out)]
    assert main(["calibrate", str(checkpoint), *map(str, videos), *options]) == 0
    printed = capsys.readouterr().out
    assert f"{out}: calibrated on one: {COUNT} frames, two: {COUNT} frames" in printed
    assert "fitted on the other videos: one" in printed
    assert not read_info(checkpoint).calibration
    before, after = load(checkpoint).state_dict(), load(out).state_dict()
    assert all((before[key] == after[key]).all() for key in before)
    segmenter = Segmenter.load(str(out), device="cpu", threads=1)
    assert segmenter.policy_name == "adaptive"
    first, second = (segmenter.step(p, s) for p, s in zip(pictures(2), stamps_ns(2), strict=True))
    assert (first.expected_label_change, first.is_key_frame) == (0.0, True)
    assert second.is_key_frame or second.expected_label_change > 0


def test_calibrate_tells_what_is_wrong(checkpoint: Path, tmp_path: Path, capsys) -> None:
    short = write_recording(tmp_path / "short", pictures(5))
    out = ["-o", str(tmp_path / "out.safetensors")]
    assert main(["calibrate", str(checkpoint), str(short), *out]) == 2
    assert "found short of 5 frames, expected videos of 20" in capsys.readouterr().err
    assert main(["calibrate", str(checkpoint), str(short), "--ages", "0", *out]) == 2
    assert "--ages and --frames: expected 1 or more" in capsys.readouterr().err
