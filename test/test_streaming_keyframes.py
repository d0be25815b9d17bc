"""Key-frame sequences worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcfm_ros.errors import SettingsError
from dcfm_ros.streaming.adaptive import Adaptive
from dcfm_ros.streaming.keyframes import (
    Always,
    FixedInterval,
    InputDifference,
    KeyFrameReason,
    Scripted,
)
from dcfm_ros.streaming.label_change import GENERAL
from dcfm_ros.streaming.selector import KeyFrameSelector, make_policy, policy_name
from dcfm_ros.streaming.settings import KeyFrameSettings
from dcfm_ros.streaming.signals import Signals

STEP_NS = 100_000_000
# Expected change = luma change, so that scripts can be read.
IDENTITY = replace(
    GENERAL,
    weights=(1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    scores=(0.0, 1.0),
    changes=(0.0, 1.0),
    budgets=(0.1, 1.0),
    mean_changes=(0.01, 0.1),
    key_shares=(1.0, 0.1),
    fitted_on=("a script",),
)


def still(age: int, change: float = 0.0) -> Signals:
    return Signals(age, change, 0.0, 0.0, 0.0, input_change=change)


def run(policy, changes, settings: KeyFrameSettings | None = None, step_ns: int = STEP_NS) -> str:
    """K for key frames, - for those that the budget forbids, . for others; the first is forced.

    Args:
        changes: what every frame's luma differs by from any other frame's.
    """
    selector = KeyFrameSelector(
        settings or KeyFrameSettings(max_age_s=0.0), IDENTITY, policy=policy
    )
    selector.reset()
    sequence, key = "", 0
    for index, change in enumerate(changes):
        stamp = index * step_ns
        if index == 0:
            reason = selector.force(KeyFrameReason.FIRST, stamp).reason
        else:
            age = index - key
            reason = selector.decide(still(age, change), age * step_ns, stamp).reason
        if reason.is_key_frame:
            key = index
        names = {KeyFrameReason.REUSE: ".", KeyFrameReason.BUDGET_EXHAUSTED: "-"}
        sequence += names.get(reason, "K")
    return sequence


def steady(policy, frames: int) -> str:
    return run(policy, [0.0] * frames)


def adaptive(budget: float) -> Adaptive:
    return Adaptive(replace(IDENTITY, budgets=(budget, budget)), 0.5, adapt=False)


def test_fixed_intervals() -> None:
    assert steady(FixedInterval(3), 10) == "K..K..K..K"
    assert steady(FixedInterval(1), 4) == "KKKK"


def test_a_phase_shortens_the_first_interval_only() -> None:
    assert steady(FixedInterval(4, phase=1), 12) == "K..K...K...K"
    assert steady(FixedInterval(4, phase=2), 12) == "K.K...K...K."
    assert steady(FixedInterval(4, phase=4), 9) == "K...K...K"


def test_reset_brings_the_phase_back() -> None:
    policy = FixedInterval(4, phase=2)
    assert steady(policy, 7) == "K.K...K"
    assert steady(policy, 7) == "K.K...K"  # `run` resets


def test_always() -> None:
    assert steady(Always(), 5) == "KKKKK"


def test_a_script() -> None:
    assert steady(Scripted({0, 2, 3, 7}), 9) == "K.KK...K."


def test_input_difference_fires_at_the_threshold_and_after_five_frames() -> None:
    assert run(InputDifference(0.5), [0, 0.4, 0.5, 0.1, 0.6, 0.1]) == "K.K.K."
    assert run(InputDifference(0.5), [0.0] * 12) == "K....K....K."


def test_adaptive_spends_the_sum_of_expected_changes() -> None:
    """0.25 a frame against a budget of 0.55: the third would bring 0.75."""
    assert run(adaptive(0.55), [0.25] * 10) == "K..K..K..K"
    assert run(adaptive(0.55), [0.0] * 10) == "K........."
    assert run(adaptive(0.55), [0.0] * 4 + [0.25] * 4 + [0.6, 0.6]) == "K.....K.KK"


def test_fast_passages_get_intervals_by_the_root_of_the_rate() -> None:
    """Changes rate · age: four times the rate halves the interval and no more."""

    def interval(rate: float) -> int:
        policy = adaptive(0.61)
        age, spent = 1, 0.0
        while spent + rate * age <= policy.budget:
            spent += rate * age
            age += 1
        selector = KeyFrameSelector(KeyFrameSettings(max_age_s=0.0), IDENTITY, policy=policy)
        selector.force(KeyFrameReason.FIRST, 0)
        sequence = [
            selector.decide(still(a, rate * a), 0, a).reason.is_key_frame for a in range(1, age + 1)
        ]
        assert sequence == [False] * (age - 1) + [True]
        return age

    assert (interval(0.0025), interval(0.01), interval(0.04)) == (22, 11, 6)


def test_a_due_key_frame_waits_for_the_rate_limit() -> None:
    """One a second at 10 Hz, due from the third frame on."""
    settings = KeyFrameSettings(max_age_s=0.0, max_key_rate_hz=2.5)
    assert run(adaptive(0.55), [0.3] * 10, settings) == "K.--K.--K."
    assert run(Always(), [0.0] * 10, settings) == "K---K---K-"


def test_a_burst_is_granted_once() -> None:
    settings = KeyFrameSettings(max_age_s=0.0, max_key_rate_hz=2.5, key_rate_burst=3)
    assert run(Always(), [0.0] * 12, settings) == "KKK-K---K---"


def test_hysteresis_keeps_a_key_frame_due_until_the_estimate_falls_clearly() -> None:
    settings = KeyFrameSettings(max_age_s=0.0, min_interval=6)
    assert run(adaptive(0.55), [0, 0.6, 0.4, 0.4, 0.4, 0.4, 0.31], settings) == "K.....K"
    # At 0.29 < 0.6 / 2 it is due no more; half of the budget counts as spent.
    assert run(adaptive(0.55), [0, 0.6, 0.29, 0.0, 0, 0, 0.0, 0, 0.2], settings) == "K........"


def test_minimum_interval_and_age() -> None:
    at_least = KeyFrameSettings(max_age_s=0.0, min_interval=3)
    assert run(Always(), [0.0] * 8, at_least) == "K..K..K."
    at_most = KeyFrameSettings(max_age_s=0.3)
    assert run(adaptive(0.55), [0.0] * 9, at_most) == "K...K...K"
    both = KeyFrameSettings(max_age_s=0.2, min_interval=5)  # the age wins
    assert run(Always(), [0.0] * 8, both) == "K..K..K."


def test_the_key_share_is_held() -> None:
    policy = Adaptive(IDENTITY, 0.03, target_key_share=0.2)
    sequence = run(policy, [0.01] * 1500)
    assert sequence[500:].count("K") / 1000 == pytest.approx(0.2, abs=0.02)


def test_the_promised_change_is_held_within_bounds() -> None:
    """Changes of 0.02 per frame of age; the calibration was made for other video."""
    policy = Adaptive(IDENTITY, 0.1)
    age, changes = 0, []
    for _ in range(3000):
        age += 1
        due = policy.propose(still(age), 0.02 * age).is_key_frame
        policy.settle(due, 0.0 if due else 0.02 * age)
        changes.append(0.0 if due else 0.02 * age)
        age = 0 if due else age
    assert sum(changes[1000:]) / 2000 == pytest.approx(0.1, rel=0.2)
    assert 1.0 / 3 <= policy.budget <= 3.0


def test_auto_is_adaptive_where_the_checkpoint_is_calibrated() -> None:
    auto = KeyFrameSettings()
    assert policy_name(auto, GENERAL) == "fixed"
    assert policy_name(auto, IDENTITY) == "adaptive"
    assert policy_name(KeyFrameSettings(policy="always"), IDENTITY) == "always"
    kinds = {
        "always": Always,
        "fixed": FixedInterval,
        "input_difference": InputDifference,
        "adaptive": Adaptive,
    }
    for name, kind in kinds.items():
        assert isinstance(make_policy(KeyFrameSettings(policy=name), GENERAL), kind)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"max_key_rate_hz: found 0\.25 Hz .* needs 0\.333 Hz"):
        KeyFrameSettings(max_key_rate_hz=0.25, max_age_s=3.0)
    KeyFrameSettings(max_key_rate_hz=0.25, max_age_s=0.0)


def test_only_reuse_and_an_empty_budget_are_no_key_frames() -> None:
    not_key = {reason.name for reason in KeyFrameReason if not reason.is_key_frame}
    assert not_key == {"REUSE", "BUDGET_EXHAUSTED"}
