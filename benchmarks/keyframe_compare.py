"""A held-out video: every policy on its measured table, estimates from the other videos."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks import keyframe_bounds as bounds
from dcfm_ros.calibration.fit import run_with_budget
from dcfm_ros.calibration.reuse_table import ReuseTable
from dcfm_ros.calibration.simulation import simulate
from dcfm_ros.streaming.adaptive import Adaptive
from dcfm_ros.streaming.label_change import Calibration, Correction

SHARES = (0.1, 0.2, 0.33)
PROMISES = (0.03, 0.05, 0.08)
_AROUND = tuple(float(factor) for factor in np.geomspace(0.85, 1 / 0.85, 9))
_BLOCK = 10
_RESAMPLES = 2000
_SIGNALS = (
    "luma_change",
    "drift",
    "confidence_fall",
    "input_change",
    "feature_difference",
    "feature_angle",
)


class _Uncorrected(Correction):
    """Never measures: the estimate stays as it was calibrated."""

    @property
    def is_due(self) -> bool:
        return False


def compare(held: ReuseTable, calibration: Calibration) -> dict[str, Any]:
    """Key shares, label changes, promises and rank correlations of one video."""
    fixed = bounds.fixed(held, calibration)
    inputs = bounds.input_difference(held, calibration)
    perfect = bounds.perfect(held, held.columns["label_change"])
    least = bounds.oracle(held)
    shares = [
        _at_share(wanted, held, calibration, fixed, inputs, perfect, least) for wanted in SHARES
    ]
    promises = []
    for promise in PROMISES:
        run = simulate(held, Adaptive(calibration, promise), calibration)
        plain = simulate(
            held, Adaptive(calibration, promise), calibration, correction=_Uncorrected()
        )
        promises.append(
            {
                "promised": promise,
                "expected_over_measured": float(run.expected.mean() / run.mean_change),
                "expected_over_measured_uncorrected": float(
                    plain.expected.mean() / plain.mean_change
                ),
                "expected": float(run.expected.mean()),
                "measured": run.mean_change,
                "share": run.key_share,
                "fixed": fixed.change_at(run.key_share),
            }
        )
    reused = held.reused
    target = held.columns["label_change"][reused]
    expected = calibration.expected_changes(held.signals())
    ages = np.arange(held.ages + 1)
    return {
        "frames": len(held),
        "change_by_age": [float(np.nanmean(held.columns["label_change"][:, age])) for age in ages],
        "expected_over_measured": float(expected.mean() / target.mean()),
        "weights": list(calibration.weights),
        "correlation": _correlations(held, expected),
        "curves": {
            "fixed": [fixed.shares.tolist(), fixed.series.mean(1).tolist()],
            "input_difference": [inputs.shares.tolist(), inputs.series.mean(1).tolist()],
            "adaptive": _adaptive_curve(held, calibration),
            "oracle": [least.shares.tolist(), least.series.mean(1).tolist()],
        },
        "shares": shares,
        "promises": promises,
    }


def _at_share(
    wanted: float,
    held: ReuseTable,
    calibration: Calibration,
    fixed: bounds.Curve,
    inputs: bounds.Curve,
    perfect: bounds.Curve,
    least: bounds.Curve,
) -> dict[str, Any]:
    """Adaptive around a budget, and everything else at the shares of key frames that it took.

    As fixed is averaged over its phases, adaptive is over budgets close to each other.
    """
    budget = calibration.budget_for_share(wanted)
    runs = [run_with_budget(held, calibration, budget * around) for around in _AROUND]
    taken = [run.key_share for run in runs]
    change = np.mean([run.change for run in runs], axis=0)  # (N,)
    at_fixed = np.mean([fixed.at(share) for share in taken], axis=0)  # (N,)

    def mean_of(curve: bounds.Curve) -> float:
        return float(np.mean([curve.change_at(share) for share in taken]))

    low, high = _interval(change - at_fixed)
    adaptive, share, best = float(change.mean()), float(np.mean(taken)), mean_of(least)
    followed = simulate(held, Adaptive(calibration, 0.03, wanted), calibration)
    return {
        "wanted": wanted,
        "share": share,
        "fixed_reaches_share": all(fixed.covers(share) for share in taken),
        "adaptive": adaptive,
        "fixed": float(at_fixed.mean()),
        "difference_95": [low, high],
        "input_difference": mean_of(inputs) if all(map(inputs.covers, taken)) else None,
        "random": float(np.mean([bounds.random(held, share) for share in taken])),
        "perfect": mean_of(perfect),
        "oracle": best,
        "gap_closed": _gap(float(at_fixed.mean()), adaptive, best),
        "gap_closed_perfect": _gap(float(at_fixed.mean()), mean_of(perfect), best),
        "fewer_key_frames": 1 - share / fixed.share_for(adaptive),
        "fewer_key_frames_oracle": 1 - share / fixed.share_for(best),
        "share_with_target_key_share": followed.key_share,
    }


def _adaptive_curve(held: ReuseTable, calibration: Calibration) -> list[list[float]]:
    runs = [run_with_budget(held, calibration, float(b)) for b in np.geomspace(0.02, 2.0, 25)]
    return [[run.key_share for run in runs], [run.mean_change for run in runs]]


def _correlations(held: ReuseTable, expected: NDArray[np.float64]) -> dict[str, list[float]]:
    """Spearman's with the label change: over all ages, and at age 5."""
    reused = held.reused
    rows, ages = np.nonzero(reused)
    target = held.columns["label_change"][reused]
    signals = {name: held.columns[name][reused] for name in _SIGNALS}
    signals |= {"age": ages.astype(float), "boundary": held.boundary[rows], "estimate": expected}
    five = ages == 5
    found = {}
    for name, values in signals.items():
        found[name] = [rank(values, target), rank(values[five], target[five])]
    return found


def rank(values: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Spearman's correlation; 0 where one of the two is constant."""
    if np.ptp(values) == 0 or np.ptp(target) == 0:
        return 0.0
    return float(spearmanr(values, target)[0])


def _interval(difference: NDArray[np.float64]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over clips of consecutive frames."""
    clips = [difference[i : i + _BLOCK] for i in range(0, len(difference), _BLOCK)]
    sums, sizes = np.array([c.sum() for c in clips]), np.array([c.size for c in clips])
    picks = np.random.default_rng(0).integers(0, len(clips), (_RESAMPLES, len(clips)))
    means = sums[picks].sum(1) / sizes[picks].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _gap(fixed: float, found: float, best: float) -> float:
    return (fixed - found) / (fixed - best) if fixed > best else float("nan")
