"""The estimate follows what key frames show: slowly, within bounds, by frames alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_harness import pictures, stamps_ns, write_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings, Segmenter
from dcfm_ros.streaming.keyframes import Always, FixedInterval, KeyFrameReason, Scripted
from dcfm_ros.streaming.label_change import GENERAL, Correction
from dcfm_ros.streaming.selector import KeyFrameSelector
from dcfm_ros.streaming.signals import Signals, change, coarse

COUNT = 10
STEP_NS = 100_000_000
SHARE = st.floats(0, 1, allow_subnormal=False)


def measured(*pairs: tuple[float, float]) -> Correction:
    correction = Correction()
    for expected, found in pairs:
        correction.begin(expected)
        correction.learn(found)
    return correction


def test_the_factor_by_hand() -> None:
    """A prior of 0.1 on both sides, and 0.9 of what was there before."""
    assert Correction().factor == 1.0
    assert measured((0.2, 0.1)).factor == pytest.approx(0.2 / 0.3)
    assert measured((0.2, 0.1), (0.1, 0.2)).factor == pytest.approx(0.39 / 0.38)
    assert measured(*[(0.1, 0.12)] * 100).factor == pytest.approx(1.2, abs=0.02)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(SHARE, SHARE), max_size=60))
def test_the_factor_is_bounded_and_reset_forgets(pairs: list[tuple[float, float]]) -> None:
    correction = measured(*pairs)
    assert 0.5 <= correction.factor <= 2.0
    correction.reset()
    assert correction.factor == 1.0


def run_selector(policy, frames: int, truth: float) -> tuple[str, KeyFrameSelector]:
    """M for key frames that are measured, K for others, . for reuse; the estimate is 0.1 · 1.2."""
    selector = KeyFrameSelector(KeyFrameSettings(max_age_s=0.0), GENERAL, policy=policy)
    selector.force(KeyFrameReason.FIRST, 0)
    sequence, age = "K", 0
    for index in range(1, frames):
        age += 1
        decision = selector.decide(Signals(age, 0.1, 0.0, 0.0, 0.0), 0, index * STEP_NS)
        if decision.is_measured:
            selector.learn(truth)
        age = 0 if decision.reason.is_key_frame else age
        sequence += "M" if decision.is_measured else "K" if decision.reason.is_key_frame else "."
    return sequence, selector


def test_measurements_are_six_frames_apart_at_least_and_only_where_frames_reuse() -> None:
    assert run_selector(FixedInterval(3), 19, 0.1)[0] == "K..M..K..M..K..M..K"
    assert run_selector(FixedInterval(8), 17, 0.1)[0] == "K.......M.......M"
    assert run_selector(Always(), 15, 0.1)[0] == "K" * 15


def test_the_estimate_approaches_what_is_measured() -> None:
    _, selector = run_selector(FixedInterval(6), 300, 0.18)
    decision = selector.decide(Signals(1, 0.1, 0.0, 0.0, 0.0), 0, 300 * STEP_NS)
    assert decision.expected_change == pytest.approx(0.18, rel=0.05)
    selector.reset()
    selector.force(KeyFrameReason.FIRST, 0)
    assert selector.decide(Signals(1, 0.1, 0, 0, 0), 0, 1).expected_change == pytest.approx(0.12)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory):
    path = write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")
    engine = Engine.load(EngineSettings(checkpoint=str(path), device="cpu", threads=1))
    engine.calibration = replace(GENERAL, fitted_on=("a test",))
    yield engine
    engine.release()


def run(engine: Engine, keys, **mode) -> tuple[Segmenter, list]:
    limits = {"cut_correlation": -1.0, "max_age_s": 0.0, **mode}
    segmenter = Segmenter(engine, KeyFrameSettings(**limits), policy=Scripted(keys))
    frames = zip(pictures(COUNT), stamps_ns(COUNT), strict=True)
    return segmenter, [segmenter.step(*frame) for frame in frames]


@pytest.mark.parametrize(
    "mode", [{}, {"mode": "background", "background_frames": 2}], ids=["blocking", "background"]
)
def test_a_key_frame_is_compared_with_what_reuse_would_have_said(engine: Engine, mode) -> None:
    """Key frame 4 against frame 4 with frame 0's common feature; the estimate is then corrected."""
    _, reused = run(engine, ())
    _, fresh = run(engine, {4})
    truth = change(coarse(reused[4].labels), coarse(fresh[4].labels))
    assert truth > 0
    expected = reused[4].expected_label_change
    segmenter, found = run(engine, {4}, **mode)
    factor = float(np.clip((truth + 0.1) / (expected + 0.1), 0.5, 2.0))
    assert segmenter.estimate_factor == pytest.approx(factor)
    plain = [r.expected_label_change for r in found[:4]]
    assert plain == pytest.approx([r.expected_label_change for r in reused[:4]])


def test_settings_that_change_keep_what_was_learned(engine: Engine) -> None:
    segmenter, _ = run(engine, {4})
    before = segmenter.estimate_factor
    assert before != 1.0
    segmenter.configure(KeyFrameSettings(interval=3))
    assert segmenter.estimate_factor == before
    segmenter.reset()
    assert segmenter.estimate_factor == 1.0
