"""Never above the rate, never above the age, whatever the frames do."""

from __future__ import annotations

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcfm_ros.streaming.keyframes import KeyFrameReason
from dcfm_ros.streaming.label_change import GENERAL
from dcfm_ros.streaming.selector import KeyFrameBudget, KeyFrameSelector
from dcfm_ros.streaming.settings import KeyFrameSettings
from dcfm_ros.streaming.signals import Signals

SLOW = [HealthCheck.too_slow]  # a busy machine is no fault
FRAMES = st.lists(
    st.tuples(
        st.integers(0, 400_000_000),  # to the next stamp, in ns
        st.floats(0, 1, allow_subnormal=False),  # luma change
        st.floats(0, 1, allow_subnormal=False),  # drift
        st.booleans(),  # forced
    ),
    min_size=1,
    max_size=80,
)


def keys_of(frames, limits: KeyFrameSettings) -> tuple[list[int], list[int]]:
    """Stamps of the key frames that nothing forced, and ages of all frames, in ns."""
    selector = KeyFrameSelector(limits, GENERAL)
    stamp, key, age = 0, 0, 0
    selector.force(KeyFrameReason.FIRST, stamp)
    chosen, ages = [], []
    for step_ns, luma, drift, forced in frames:
        stamp += step_ns
        age += 1
        if forced:
            decision = selector.force(KeyFrameReason.REQUEST, stamp)
        else:
            decision = selector.decide(Signals(age, luma, drift, 0.0, 0.1), stamp - key, stamp)
            if decision.reason.is_key_frame:
                chosen.append(stamp)
        if decision.reason.is_key_frame:
            key, age = stamp, 0
        ages.append(stamp - key)
    return chosen, ages


@given(
    FRAMES,
    st.sampled_from(["adaptive", "always", "fixed"]),
    st.floats(0.5, 20, allow_subnormal=False),
    st.integers(1, 4),
    st.floats(2.0, 5.0, allow_subnormal=False),
)
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
def test_never_above_the_rate_and_never_above_the_age(frames, policy, rate, burst, age_s) -> None:
    limits = KeyFrameSettings(
        policy=policy, max_key_rate_hz=rate, key_rate_burst=burst, max_age_s=age_s
    )
    chosen, ages = keys_of(frames, limits)
    assert all(age <= age_s * 1e9 for age in ages)
    for i, first in enumerate(chosen):
        for j in range(i, len(chosen)):
            span_s = (chosen[j] - first) / 1e9
            assert j - i + 1 <= burst + span_s * rate + 1e-6


@given(FRAMES, st.integers(1, 6))
@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
def test_never_within_the_minimum_interval(frames, least) -> None:
    limits = KeyFrameSettings(policy="adaptive", min_interval=least, max_age_s=0.0)
    selector = KeyFrameSelector(limits, GENERAL)
    selector.force(KeyFrameReason.FIRST, 0)
    stamp = age = 0
    for step_ns, luma, drift, _ in frames:
        stamp, age = stamp + step_ns, age + 1
        if selector.decide(Signals(age, luma, drift, 0.0, 0.1), 0, stamp).reason.is_key_frame:
            assert age >= least
            age = 0


def test_budget_by_hand() -> None:
    budget = KeyFrameBudget(2.0, 2)
    assert budget.grants(0)
    budget.spend()
    budget.spend()
    assert budget.left == 0.0
    assert not budget.grants(499_000_000)
    assert budget.grants(500_000_000)
    assert budget.left == 1.0
    assert budget.grants(100_000_000)  # a stamp that goes back refills nothing and takes nothing
    assert budget.left == 1.0
    budget.reset()
    assert budget.left == 2.0


def test_without_a_rate_there_is_no_budget() -> None:
    budget = KeyFrameBudget(0.0, 1)
    for _ in range(3):
        assert budget.grants(0)
        budget.spend()
    assert math.isnan(budget.left)
