"""The estimate of the label change, and what a checkpoint keeps of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcfm_ros.errors import CheckpointError
from dcfm_ros.streaming.label_change import FEATURES, GENERAL, Calibration
from dcfm_ros.streaming.signals import Signals

UNIT = st.floats(0, 1, allow_subnormal=False)  # torch may flush subnormal numbers to zero
BY_HAND = Calibration(
    weights=(1.0, 0.0, 0.5, 2.0, 0.0, 0.0),
    scores=(0.0, 1.0, 3.0),
    changes=(0.0, 0.1, 0.5),
    budgets=(0.1, 1.0),
    mean_changes=(0.02, 0.04),
    key_shares=(0.5, 0.1),
    fitted_on=("street: 100 frames",),
)


def test_the_estimate_by_hand() -> None:
    """0.5 + 0.5 · 2 + 2 · 0.25 = 2, half way between the knots."""
    signals = Signals(age=4, luma_change=0.5, drift=0.25, confidence_fall=0.9, boundary=0.9)
    assert BY_HAND.expected_change(signals) == pytest.approx(0.3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(UNIT, UNIT, UNIT, UNIT, st.integers(1, 90))
def test_the_estimate_never_falls_with_age(luma, drift, fall, boundary, age) -> None:
    for calibration in (BY_HAND, replace(GENERAL, weights=(1.0,) * len(FEATURES))):
        younger = calibration.expected_change(Signals(age, luma, drift, fall, boundary))
        older = calibration.expected_change(Signals(age + 1, luma, drift, fall, boundary))
        assert 0.0 <= younger <= older <= 1.0


def test_arrays_of_signals_give_arrays() -> None:
    signals = Signals(np.array([4, 4]), np.array([0.5, 0.0]), np.array([0.25, 0.0]), 0.0, 0.0)
    np.testing.assert_allclose(BY_HAND.expected_changes(signals), [0.3, 0.1])


def test_budgets_are_interpolated_by_their_logarithm() -> None:
    assert BY_HAND.budget_for_change(0.03) == pytest.approx(10**-0.5)
    assert BY_HAND.budget_for_change(0.5) == pytest.approx(1.0)
    assert BY_HAND.budget_for_share(0.3) == pytest.approx(10**-0.5)
    assert BY_HAND.budget_for_share(0.9) == pytest.approx(0.1)


def test_a_calibration_survives_the_metadata() -> None:
    assert Calibration.from_plain(json.loads(json.dumps(BY_HAND.to_plain()))) == BY_HAND
    assert Calibration.from_plain({}) is GENERAL
    assert BY_HAND.is_fitted
    assert not GENERAL.is_fitted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": (1.0,)}, "not one that this version knows"),
        ({"weights": (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0)}, "not one that this version knows"),
        ({"changes": (0.0, 0.5, 0.1)}, "not one that this version knows"),
        ({"other": 1}, "cannot be read .* run `dcfm calibrate`"),
        ({"scores": "text"}, "cannot be read|not one that"),
    ],
)
def test_damaged_calibrations_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        Calibration.from_plain({**BY_HAND.to_plain(), **change})
