"""Agreement beyond chance, and the order of ids under which labels would agree."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix, kappa, likely_ids


def matrix(counts: list[list[int]]) -> ConfusionMatrix:
    found = ConfusionMatrix(len(counts))
    found.counts[:] = counts
    return found


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[30, 0], [0, 70]], 1.0),
        ([[25, 25], [25, 25]], 0.0),
        ([[0, 50], [50, 0]], -1.0),
        ([[45, 5], [15, 35]], 0.6),  # 0.8 agree, 0.5 by chance
    ],
)
def test_kappa(counts: list[list[int]], expected: float) -> None:
    assert kappa(np.array(counts)) == pytest.approx(expected)


def test_one_class_alone_says_nothing() -> None:
    assert math.isnan(kappa(np.array([[3, 97], [0, 0]])))
    assert math.isnan(kappa(np.zeros((2, 2), np.int64)))
    assert likely_ids(matrix([[3, 97], [0, 0]])) == {}


def test_ids_in_another_order_are_recognised() -> None:
    shifted = [[1, 900, 9, 0], [0, 10, 800, 3], [50, 0, 0, 700], [300, 5, 0, 0]]
    assert likely_ids(matrix(shifted)) == {0: 1, 1: 2, 2: 3, 3: 0}


def test_two_that_are_exchanged_are_recognised() -> None:
    exchanged = [[900, 10, 0], [0, 5, 800], [3, 700, 9]]
    assert likely_ids(matrix(exchanged)) == {1: 2, 2: 1}


def test_a_poor_network_is_no_other_order() -> None:
    poor = [[700, 200, 100], [300, 400, 300], [200, 500, 300]]
    assert likely_ids(matrix(poor)) == {}
