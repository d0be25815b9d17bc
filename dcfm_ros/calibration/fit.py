"""Fits the expected label change and the budgets of key-frame selection to measured tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.calibration.reuse_table import ReuseTable
from dcfm_ros.calibration.simulation import SimulatedRun, simulate
from dcfm_ros.errors import DcfmError
from dcfm_ros.streaming.adaptive import Adaptive
from dcfm_ros.streaming.label_change import FEATURES, MAX_KNOTS, Calibration

Values = NDArray[np.float64]
_BUDGETS = tuple(float(budget) for budget in np.geomspace(0.005, 2.0, 25))
_LEAST_FRAMES = 20


class CalibrationError(DcfmError):
    """The videos do not do for a calibration."""


def fit(tables: Sequence[ReuseTable], *, discount: bool = False) -> Calibration:
    """Fit to videos of one kind; every video counts alike.

    Args:
        discount: fit a discount of reused labels' confidence, too. It halves the calibration error
            of the street models (see benchmarks/results); a network that doubts enough needs none.

    Raises:
        CalibrationError: the videos are too short.
    """
    short = [table for table in tables if len(table) < _LEAST_FRAMES]
    if short or not tables:
        found = f"{short[0].name} of {len(short[0])} frames" if short else "none"
        raise CalibrationError(f"found {found}, expected videos of {_LEAST_FRAMES} frames or more")
    weights, scores, changes = fit_line(
        [features(table) for table in tables],
        [table.columns["label_change"][table.reused] for table in tables],
    )
    first = Calibration(weights, scores, changes, (0.01, 1.0), (0.0, 1.0), (1.0, 0.0))
    runs = [[run_with_budget(table, first, b) for table in tables] for b in _BUDGETS]
    return replace(
        first,
        budgets=_BUDGETS,
        mean_changes=_increasing([_mean([r.mean_change for r in row]) for row in runs]),
        key_shares=tuple(_mean([r.key_share for r in row]) for row in runs),
        confidence_discount=_fit_discount(tables, first) if discount else 0.0,
        fitted_on=tuple(f"{table.name}: {len(table)} frames" for table in tables),
    )


def run_with_budget(table: ReuseTable, calibration: Calibration, budget: float) -> SimulatedRun:
    """The adaptive policy with a budget that stays as it is."""
    fixed = replace(
        calibration, budgets=(budget, budget), mean_changes=(0.0, 1.0), key_shares=(1.0, 0.0)
    )
    return simulate(table, Adaptive(fixed, 0.5, adapt=False), calibration)


def fit_line(
    features_of: Sequence[Values], targets_of: Sequence[Values]
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Non-negative least squares on the features, then an isotonic curve of few knots.

    Args:
        features_of: of each video (M, F), M frames that reuse.
        targets_of: of each video (M,), the label change.

    Returns:
        Weights of the features, and the broken line from their sum to the expected change.
    """
    from scipy.optimize import nnls

    columns = np.concatenate(features_of)
    target = np.concatenate(targets_of)
    share = np.concatenate([np.full(t.size, 1.0 / t.size) for t in targets_of])
    scale = columns.std(0) + 1e-9
    root = np.sqrt(share)
    scaled, _ = nnls(columns / scale * root[:, None], target * root)
    weights = scaled / scale
    score = columns @ weights
    order = np.argsort(score, kind="stable")
    curve = isotonic(target[order], share[order])
    knots = np.unique(np.quantile(score, np.linspace(0.0, 1.0, MAX_KNOTS - 1)))
    # A mean over each knot's surroundings: single frames make the ends of an isotonic curve.
    surroundings = np.linspace(*_between(knots), 9)
    means = np.interp(surroundings, score[order], curve).mean(0)
    return (
        tuple(weights.tolist()),
        (0.0, *(knots + 1e-9).tolist()),
        _increasing([0.0, *means.tolist()]),
    )


def isotonic(values: Values, weights: Values) -> Values:
    """The never decreasing sequence closest by weighted squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, total, length = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other, share, count = blocks.pop()
            mean = (mean * total + other * share) / (total + share)
            total, length = total + share, length + count
        blocks.append((mean, total, length))
    return np.repeat([block[0] for block in blocks], [block[2] for block in blocks])


def _between(knots: Values) -> tuple[Values, Values]:
    """From half way to the knot before to half way to the next."""
    middles = (knots[1:] + knots[:-1]) / 2
    return np.append(knots[:1], middles), np.append(middles, knots[-1:])


def features(table: ReuseTable) -> Values:
    """(M, FEATURES) of all reused frames of a video."""
    signals = table.signals()
    columns = [np.asarray(feature(signals), np.float64) for feature in FEATURES.values()]
    return np.stack(columns, axis=-1)


def _fit_discount(tables: Sequence[ReuseTable], calibration: Calibration) -> float:
    """What multiplies the expected change so that reused labels are as sure as they are right.

    If the fresh output's probabilities are right, a reused label is right as often as they say:
    confidence · (1 − d · expected change) = that probability, by least squares.
    """
    a, b = [], []
    for table in tables:
        held = table.columns["confidence"][table.reused]
        right = table.columns["trust"][table.reused]
        known = ~np.isnan(right)
        expected = calibration.expected_changes(table.signals())
        a.append((held * expected)[known])
        b.append((held - right)[known])
    one, two = np.concatenate(a), np.concatenate(b)
    return float(np.clip((one @ two) / max(float(one @ one), 1e-12), 0.0, 3.0))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _increasing(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(np.maximum.accumulate(np.asarray(values)).tolist())


def held_out_ratios(tables: Sequence[ReuseTable]) -> list[float]:
    """Expected over measured mean label change of each video, fitted on the others (at least 2)."""
    ratios = []
    for held in tables:
        calibration = fit([table for table in tables if table is not held])
        measured = held.columns["label_change"][held.reused].mean()
        expected = calibration.expected_changes(held.signals()).mean()
        ratios.append(float(expected / max(measured, 1e-9)))
    return ratios


def summary(calibration: Calibration, tables: Sequence[ReuseTable]) -> str:
    """What key frames bring, and how the estimate holds on videos that it was not fitted to."""
    lines = ["mean label change   key frames"]
    last = 1.0
    for mean, share in zip(calibration.mean_changes, calibration.key_shares, strict=True):
        if share < 0.8 * last:
            lines.append(f"{mean:17.4f}   {100 * share:8.1f} %")
            last = share
    if len(tables) > 1:
        ratios = held_out_ratios(tables)
        told = ", ".join(f"{t.name} {ratio:.2f}" for t, ratio in zip(tables, ratios, strict=True))
        lines.append(f"expected over measured label change, fitted on the other videos: {told}")
    return "\n".join(lines)
