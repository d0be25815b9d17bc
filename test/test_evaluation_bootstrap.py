"""The bootstrap against what statistics say, on series whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from dcfm_ros.evaluation.compare.bootstrap import (
    DRAWS,
    MANY_RECORDINGS,
    block_length,
    blocks,
    draw_weights,
    interval,
    weighted_percentile,
)


def interval_of_mean(values, block, draws=DRAWS):
    sizes = blocks([len(values)], block)
    weights = np.repeat(draw_weights(len(sizes), draws), sizes, 1)
    return interval(weights @ values / weights.sum(1))


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
    low, high = interval_of_mean(values, 1)
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
            low, high = interval_of_mean(values, block, draws=300)
            covered[kind] += low <= 0 <= high
    assert covered[1] / rounds < 0.7
    assert covered["rule"] / rounds > 0.8


def test_the_block_grows_with_likeness():
    rng = np.random.default_rng(3)
    lengths = [block_length([autoregressive(rng, 1000, rho)]) for rho in (0.0, 0.5, 0.9)]
    assert lengths[0] <= 3 < lengths[1] < lengths[2]
    assert block_length([np.zeros(50)]) == block_length([np.full(50, np.nan)]) == 1
    assert block_length([np.arange(40.0)]) <= 10, "a quarter at most"


def test_blocks_stay_within_recordings_and_are_about_as_long():
    assert blocks([3, 12, 1], 3).tolist() == [3, 3, 3, 3, 3, 1]
    assert blocks([10], 4).tolist() == [5, 5]
    assert blocks([2, 0, 2], 5).tolist() == [2, 2]


def test_all_blocks_are_drawn_alike():
    weights = draw_weights(5, draws=4000)
    np.testing.assert_array_equal(weights.sum(1), 5.0)
    np.testing.assert_allclose(weights.mean(0), 1.0, atol=0.06)


def test_many_recordings_are_drawn_whole():
    assert blocks([7] * MANY_RECORDINGS, 2).tolist() == [7] * MANY_RECORDINGS


def test_a_long_recording_has_longer_blocks_rather_than_more():
    sizes = blocks([1_000_000], 2)
    assert len(sizes) == 2000
    assert set(sizes.tolist()) == {500}


def test_the_same_seed_gives_the_same_draws():
    np.testing.assert_array_equal(draw_weights(50), draw_weights(50))


def test_there_is_no_interval_where_most_draws_have_no_value():
    assert interval(np.array([1.0, np.nan, np.nan])) is None
    assert interval(np.array([1.0, 1.0, np.nan])) == (1.0, 1.0)


def test_weighted_percentiles_by_hand():
    values = np.array([10.0, 20.0, 30.0])
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(weighted_percentile(values, weights, 50), [20.0, 10.0, np.nan])
    np.testing.assert_array_equal(weighted_percentile(values, weights, 99)[:2], [30.0, 20.0])
