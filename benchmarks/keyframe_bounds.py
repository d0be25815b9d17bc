"""Reference points for key-frame policies on measured tables: fixed, random, perfect, oracle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.calibration.oracle import best_key_frames
from dcfm_ros.calibration.reuse_table import ReuseTable
from dcfm_ros.calibration.simulation import SimulatedRun, simulate
from dcfm_ros.streaming.keyframes import FixedInterval, InputDifference
from dcfm_ros.streaming.label_change import Calibration

Values = NDArray[np.float64]


class Curve:
    """Mean label change over the share of key frames, from runs of one policy."""

    def __init__(self, shares: list[float], series: list[Values]) -> None:
        order = np.argsort(shares, kind="stable")
        self.shares = np.asarray(shares)[order]
        self.series = np.stack(series)[order]  # (runs, N) label change of every frame

    def at(self, share: float) -> Values:
        """(N,) label change of every frame, between the two runs next to a share."""
        share = float(np.clip(share, self.shares[0], self.shares[-1]))
        right = int(np.clip(np.searchsorted(self.shares, share), 1, len(self.shares) - 1))
        low, high = self.shares[right - 1], self.shares[right]
        weight = (share - low) / max(high - low, 1e-12)
        return np.asarray((1 - weight) * self.series[right - 1] + weight * self.series[right])

    def change_at(self, share: float) -> float:
        """Mean label change at a share."""
        return float(self.at(share).mean())

    def share_for(self, change: float) -> float:
        """The share of key frames that this policy needs for a mean label change."""
        means = np.minimum.accumulate(self.series.mean(1))
        return float(np.interp(-change, -means, self.shares))

    def covers(self, share: float) -> bool:
        """Whether the runs reach a share from both sides."""
        return bool(self.shares[0] - 1e-9 <= share <= self.shares[-1] + 1e-9)


def fixed(table: ReuseTable, calibration: Calibration) -> Curve:
    """Fixed intervals up to the highest age, each the mean over all of its phases."""
    shares, series = [], []
    for interval in range(1, table.ages + 2):
        runs = [
            simulate(table, FixedInterval(interval, phase), calibration)
            for phase in range(interval)
        ]
        shares.append(float(np.mean([run.key_share for run in runs])))
        series.append(np.mean([run.change for run in runs], axis=0))
    return Curve(shares, series)


def input_difference(table: ReuseTable, calibration: Calibration) -> Curve:
    """The reference's criterion, made causal, over all thresholds."""
    runs = [
        simulate(table, InputDifference(float(threshold)), calibration)
        for threshold in np.geomspace(0.01, 3.0, 40)
    ]
    return _curve(runs)


def random(table: ReuseTable, share: float, tries: int = 20) -> float:
    """Mean label change of key frames at random places, as many as the share says."""
    rng = np.random.default_rng(0)
    count = max(1, round(share * len(table)))
    changes = []
    for _ in range(tries):
        places = 1 + rng.choice(len(table) - 1, count - 1, replace=False)
        changes.append(_served(table, sorted({0, *places.tolist()})).mean())
    return float(np.mean(changes))


def perfect(table: ReuseTable, signals_of: Values) -> Curve:
    """The rule of the adaptive policy with the measured change in place of the estimate.

    What no causal estimate can better with this rule.

    Args:
        signals_of: (N, ages + 1) the measured label change.
    """
    runs = []
    for budget in np.geomspace(0.005, 4.0, 60):
        keys, key, spent = [0], 0, 0.0
        for index in range(1, len(table)):
            age = index - key
            change = signals_of[key, age] if age <= table.ages else np.nan
            if np.isnan(change) or spent + change > budget:
                key, spent = index, 0.0
                keys.append(index)
            else:
                spent += change
        runs.append((len(keys) / len(table), _served(table, keys)))
    return Curve([run[0] for run in runs], [run[1] for run in runs])


def oracle(table: ReuseTable) -> Curve:
    """The least mean label change over the share of key frames, knowing the future."""
    plans = [best_key_frames(table, float(price)) for price in np.geomspace(1e-3, 30.0, 80)]
    shares = [len(keys) / len(table) for keys in plans]
    return Curve(shares, [_served(table, keys) for keys in plans])


def _served(table: ReuseTable, keys: list[int]) -> Values:
    change = table.columns["label_change"]
    series = np.zeros(len(table))
    for key, following in zip(keys, [*keys[1:], len(table)], strict=True):
        for index in range(key + 1, following):
            # beyond the table: as bad as at its highest age
            row = change[key, 1 : index - key + 1]
            known = row[~np.isnan(row)]
            series[index] = known[-1] if known.size else np.nan
    return np.nan_to_num(series, nan=float(np.nanmean(change[:, -1])))


def _curve(runs: list[SimulatedRun]) -> Curve:
    return Curve([run.key_share for run in runs], [run.change for run in runs])
