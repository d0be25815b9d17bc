"""The oracle's key frames, against all there are; and where it may be used."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_harness import pictures, stamps_ns, write_recording

from dcfm_ros.calibration.oracle import (
    best_key_frames,
    mean_change,
    oracle_key_frames,
    oracle_policy,
)
from dcfm_ros.calibration.reuse_table import COLUMNS, ReuseTable, measure_reuse
from dcfm_ros.cli.main import main
from dcfm_ros.errors import SettingsError
from dcfm_ros.ros.settings import NodeSettings
from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings, Segmenter
from dcfm_ros.streaming.keyframes import Always, FixedInterval

FRAMES, AGES = 8, 3
COUNT = 20


def table(seed: int) -> ReuseTable:
    """Changes that grow with age at random paces; a cut before frame 5."""
    rng = np.random.default_rng(seed)
    change = np.cumsum(rng.uniform(0, 0.1, (FRAMES, AGES + 1)), axis=1)
    change[:, 0] = 0.0
    for key in range(FRAMES):
        for age in range(AGES + 1):
            if key + age >= FRAMES or key < 5 <= key + age:
                change[key, age] = np.nan
    columns = dict.fromkeys(COLUMNS, change)
    stamps = np.arange(FRAMES, dtype=np.int64)
    return ReuseTable("drawn", stamps, columns, np.zeros(FRAMES), np.ones(FRAMES))


def all_plans(found: ReuseTable) -> list[tuple[int, float]]:
    """Number of key frames and mean change of every plan that keeps within ages and cuts."""
    plans = []
    for bits in itertools.product((False, True), repeat=FRAMES - 1):
        keys = [0, *(i + 1 for i, bit in enumerate(bits) if bit)]
        ends = [*keys[1:], FRAMES]
        if 5 in keys and all(b - a <= AGES + 1 for a, b in zip(keys, ends, strict=True)):
            plans.append((len(keys), mean_change(found, keys)))
    return plans


@pytest.mark.parametrize("seed", range(6))
def test_no_other_plan_is_cheaper(seed: int) -> None:
    found = table(seed)
    for price in (0.01, 0.05, 0.1, 0.2, 1.0):
        keys = best_key_frames(found, price)
        cost = mean_change(found, keys) * FRAMES + price * len(keys)
        least = min(change * FRAMES + price * count for count, change in all_plans(found))
        assert keys[0] == 0
        assert 5 in keys
        assert cost == pytest.approx(least)


@pytest.mark.parametrize("seed", range(6))
def test_the_knobs_are_those_of_the_adaptive_policy(seed: int) -> None:
    found = table(seed)
    plans = all_plans(found)
    by_change = oracle_key_frames(found, KeyFrameSettings(max_label_change=0.05))
    assert mean_change(found, by_change) <= 0.05
    assert len(by_change) <= 1 + min(count for count, change in plans if change <= 0.05)
    by_share = oracle_key_frames(found, KeyFrameSettings(target_key_share=0.5))
    assert len(by_share) <= 4
    same_count = [change for count, change in plans if count == len(by_share)]
    assert mean_change(found, by_share) == pytest.approx(min(same_count))


def _engine(checkpoint: Path) -> Engine:
    return Engine.load(EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=1))


def test_on_a_recording_it_is_at_least_as_good_as_any_fixed_interval(checkpoint: Path) -> None:
    engine = _engine(checkpoint)
    frames = list(zip(pictures(COUNT), stamps_ns(COUNT), strict=True))
    limits = KeyFrameSettings(cut_correlation=-1.0, max_age_s=0.0, target_key_share=0.25)

    def labels(policy):
        segmenter = Segmenter(engine, limits, policy=policy)
        segmenter.reset()  # as the harness does it
        results = [segmenter.step(*frame) for frame in frames]
        return [r.labels for r in results], sum(r.is_key_frame for r in results)

    fresh, _ = labels(Always())

    def agreement(policy):
        found, keys = labels(policy)
        return np.mean([np.mean(a == b) for a, b in zip(found, fresh, strict=True)]), keys

    oracle, keys = agreement(oracle_policy(engine, "moving", frames, limits))
    assert keys <= 0.25 * COUNT
    for phase in range(4):
        fixed, fixed_keys = agreement(FixedInterval(4, phase))
        assert oracle >= fixed or fixed_keys > keys


def test_another_size_of_picture_is_like_a_cut_to_the_table(checkpoint: Path) -> None:
    small = [np.ascontiguousarray(picture[:40]) for picture in pictures(6)[3:]]
    frames = zip([*pictures(3), *small], stamps_ns(6), strict=True)
    found = measure_reuse(_engine(checkpoint), "two sizes", frames, ages=4)
    measured = found.reused.sum(1)
    assert measured.tolist() == [2, 1, 0, 2, 1, 0]
    assert found.correlation[3] == -1.0


def test_evaluate_takes_the_oracle(checkpoint: Path, tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "moving", pictures(COUNT))
    options = ["--checkpoint", str(checkpoint), "--device", "cpu", "--threads", "1"]
    options += ["--policy", "oracle", "--target-key-share", "0.25", "-o", str(tmp_path / "out")]
    assert main(["evaluate", str(recording), *options]) == 0
    lines = (tmp_path / "out" / "frames.jsonl").read_text().splitlines()
    assert 1 < sum(json.loads(line)["key"] for line in lines) <= 0.25 * COUNT
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert "oracle" in json.dumps(metrics)


def test_where_the_future_is_not_known_the_oracle_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clear = "policy: the oracle chooses key frames in retrospect .* take adaptive here"
    with pytest.raises(SettingsError, match=clear):
        Segmenter(_engine(checkpoint), KeyFrameSettings(policy="oracle"))
    with pytest.raises(SettingsError, match=clear):
        NodeSettings(key_frames=KeyFrameSettings(policy="oracle"))
    recording = write_recording(tmp_path / "moving", pictures(2))
    options = ["--checkpoint", str(checkpoint), "--device", "cpu", "-o", str(tmp_path / "out")]
    assert main(["segment", str(recording), "--policy", "oracle", *options]) == 2
    assert "the oracle chooses key frames in retrospect" in capsys.readouterr().err
