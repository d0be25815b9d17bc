"""Key-frame policies run on a measured table: what they would have chosen, without the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.calibration.reuse_table import ReuseTable
from dcfm_ros.streaming.keyframes import KeyFramePolicy, KeyFrameReason
from dcfm_ros.streaming.label_change import Calibration, Correction
from dcfm_ros.streaming.selector import KeyFrameSelector
from dcfm_ros.streaming.settings import KeyFrameSettings
from dcfm_ros.streaming.signals import Signals


@dataclass(frozen=True)
class SimulatedRun:
    """A policy on a video."""

    is_key: NDArray[np.bool_]
    """(N,)."""
    change: NDArray[np.float64]
    """(N,) measured label change of the labels that came out; 0 on key frames."""
    expected: NDArray[np.float64]
    """(N,) expected label change, likewise."""

    @property
    def key_share(self) -> float:
        """Share of key frames."""
        return float(self.is_key.mean())

    @property
    def mean_change(self) -> float:
        """Mean measured label change over all frames: 1 − the agreement with always."""
        return float(self.change.mean())


def simulate(
    table: ReuseTable,
    policy: KeyFramePolicy,
    calibration: Calibration,
    *,
    cut_correlation: float | None = None,
    correction: Correction | None = None,
) -> SimulatedRun:
    """Run a policy over a table of a key frame at every frame; ages end at the table's.

    Args:
        cut_correlation: None takes the default.
        correction: of the estimate, in place of the usual one.
    """
    settings = KeyFrameSettings(max_age_s=0.0)
    least = settings.cut_correlation if cut_correlation is None else cut_correlation
    selector = KeyFrameSelector(settings, calibration, policy=policy, correction=correction)
    selector.reset()
    is_key = np.zeros(len(table), bool)
    change, expected = np.zeros(len(table)), np.zeros(len(table))
    key = 0
    for index, stamp in enumerate(table.stamps_ns.tolist()):
        age = index - key
        if index == 0:
            decision = selector.force(KeyFrameReason.FIRST, stamp)
        elif table.correlation[index] < least:
            decision = selector.force(KeyFrameReason.CUT, stamp)
        elif age > table.ages:
            decision = selector.force(KeyFrameReason.MAX_AGE, stamp)
        else:
            decision = selector.decide(_signals(table, key, age), 0, stamp)
        if decision.is_measured:
            selector.learn(float(table.columns["label_change"][key, age]))
        if decision.reason.is_key_frame:
            key, is_key[index] = index, True
        else:
            change[index] = table.columns["label_change"][key, age]
            expected[index] = decision.expected_change
    return SimulatedRun(is_key, change, expected)


def _signals(table: ReuseTable, key: int, age: int) -> Signals:
    at = {name: float(column[key, age]) for name, column in table.columns.items()}
    return Signals(
        age=age,
        luma_change=at["luma_change"],
        drift=at["drift"],
        confidence_fall=at["confidence_fall"],
        boundary=float(table.boundary[key]),
        input_change=at["input_change"],
    )
