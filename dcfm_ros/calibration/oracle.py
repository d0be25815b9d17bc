"""Key frames chosen in retrospect: what no policy that knows the past alone can better."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.calibration.reuse_table import ReuseTable, measure_reuse
from dcfm_ros.streaming.engine import Engine
from dcfm_ros.streaming.keyframes import Scripted
from dcfm_ros.streaming.settings import KeyFrameSettings

LONGEST_REUSE = 30
"""Frames that the oracle lets a common feature serve at most."""
_PRICES = (1e-5, 1e3)
_HALVINGS = 40


def oracle_policy(
    engine: Engine,
    name: str,
    frames: Iterable[tuple[NDArray[np.uint8], int]],
    settings: KeyFrameSettings,
) -> Scripted:
    """Measure a recording both ways, with old and fresh common features, and plan its key frames.

    Its knobs are those of the adaptive policy: the fewest key frames that keep the mean label
    change within `max_label_change`, or the least label change at `target_key_share`. Takes about
    `LONGEST_REUSE` times as long as the recording's other frames do. The limits of the settings
    hold over the plan.

    Args:
        frames: (H, W, 3) RGB and stamp in ns, every frame that the policy will be asked about.
    """
    table = measure_reuse(engine, name, frames, ages=LONGEST_REUSE)
    return Scripted(oracle_key_frames(table, settings), over_resets=True)


def oracle_key_frames(table: ReuseTable, settings: KeyFrameSettings) -> list[int]:
    """The plan for a recording that was measured.

    The dearer a key frame, the fewer there are: the price that meets the target is found by halves.
    """
    low, high = _PRICES
    by_share = settings.target_key_share > 0
    keys = best_key_frames(table, high if by_share else low)
    for _ in range(_HALVINGS):
        price = float(np.sqrt(low * high))
        found = best_key_frames(table, price)
        if by_share:
            fits = len(found) <= settings.target_key_share * len(table)
            low, high = (low, price) if fits else (price, high)
        else:
            fits = mean_change(table, found) <= settings.max_label_change
            low, high = (price, high) if fits else (low, price)
        keys = found if fits else keys
    return keys


def best_key_frames(table: ReuseTable, price: float) -> list[int]:
    """The key frames that cost least: all label changes plus a price for each (dynamic program).

    Over all prices these are the key frames with the least label change at their number.

    Args:
        price: sum of label changes that a key frame may be taken to save.
    """
    change, count = table.columns["label_change"], len(table)
    # served[k, n]: sum over frames k .. k + n with k's common feature
    served = np.cumsum(np.where(np.isnan(change), np.inf, change), axis=1)
    best = np.full(count + 1, np.inf)
    best[0] = 0.0
    from_key = np.zeros(count + 1, int)
    for end in range(1, count + 1):
        starts = np.arange(max(0, end - table.ages - 1), end)
        costs = best[starts] + served[starts, end - starts - 1] + price
        at = int(costs.argmin())
        best[end], from_key[end] = costs[at], starts[at]
    keys, end = [], count
    while end:
        end = int(from_key[end])
        keys.append(end)
    return keys[::-1]


def mean_change(table: ReuseTable, keys: list[int]) -> float:
    """Mean label change over all frames with these key frames, the first of which is frame 0."""
    change = table.columns["label_change"]
    ends = [*keys[1:], len(table)]
    served = [change[key, : end - key].sum() for key, end in zip(keys, ends, strict=True)]
    return float(np.sum(served)) / len(table)
