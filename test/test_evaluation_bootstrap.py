"""The bootstrap against what statistics say, on series whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from dcfm_ros.evaluation.bootstrap import (
    MANY_RECORDINGS,
    block_length,
    interval,
    weighted_percentile,
)


def mean_of(values):
    return lambda weights: weights @ values / weights.sum(1)


def autoregressive(rng, count, rho):
    """Variance 1; neighbours alike by `rho`."""
    noise = rng.standard_normal(count) * np.sqrt(1 - rho * rho)
    values = np.empty(count)
    values[0] = rng.standard_normal()
    for i in range(1, count):
        values[i] = rho * values[i - 1] + noise[i]
    return values


def test_of_independent_frames_the_interval_is_the_textbooks():
    values = np.random.default_rng(1).standard_normal(400)
    low, high = interval(mean_of(values), [400], 1)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_blocks_cover_the_truth_where_single_frames_do_not():
    """Means of AR(1) series, whose true mean is 0; 95 % asked for."""
    rng = np.random.default_rng(2)
    covered = {1: 0, "rule": 0}
    rounds = 60
    for _ in range(rounds):
        values = autoregressive(rng, 600, 0.9)
        for kind in covered:
            block = 1 if kind == 1 else block_length([values])
            low, high = interval(mean_of(values), [600], block, draws=300)
            covered[kind] += low <= 0 <= high
    assert covered[1] / rounds < 0.7
    assert covered["rule"] / rounds > 0.8


def test_the_block_grows_with_likeness():
    rng = np.random.default_rng(3)
    lengths = [block_length([autoregressive(rng, 1000, rho)]) for rho in (0.0, 0.5, 0.9)]
    assert lengths[0] <= 3 < lengths[1] < lengths[2]
    assert block_length([np.zeros(50)]) == block_length([np.full(50, np.nan)]) == 1
    assert block_length([np.arange(40.0)]) <= 10, "a quarter at most"


def test_blocks_stay_within_recordings_and_cover_all_alike():
    """Each recording keeps its share of the draw; no frame is drawn more than another."""
    seen = []

    def statistic(weights):
        seen.append(weights)
        return weights[:, :3].sum(1) / weights.sum(1)

    assert interval(statistic, [3, 12], 3, draws=4000) == (0.2, 0.2)
    mean = np.concatenate(seen).mean(0)
    np.testing.assert_allclose(mean, 1.0, atol=0.08)


def test_many_recordings_are_drawn_whole():
    lengths = [2] * MANY_RECORDINGS

    def statistic(weights):
        np.testing.assert_array_equal(weights[:, ::2], weights[:, 1::2])
        return weights[:, 0]

    low, high = interval(statistic, lengths, 1, draws=500)
    assert low == 0.0 < high


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(4).standard_normal(50)
    assert interval(mean_of(values), [50], 5) == interval(mean_of(values), [50], 5)


def test_there_is_no_interval_of_one_frame_or_of_nothing():
    assert interval(mean_of(np.ones(1)), [1], 1) is None
    assert interval(lambda weights: np.full(len(weights), np.nan), [9], 1) is None


def test_weighted_percentiles_by_hand():
    values = np.array([30.0, 10.0, 20.0])
    weights = np.array([[1.0, 1.0, 1.0], [0.0, 3.0, 1.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(weighted_percentile(values, weights, 50), [20.0, 10.0, np.nan])
    np.testing.assert_array_equal(weighted_percentile(values, weights, 99)[:2], [30.0, 20.0])
