"""Counts of parts, added up, give the figures of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from frame_harness import ALL, COST, LABELS, random_tally

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.counts import (
    accuracy_of,
    added,
    counts_of,
    from_vector,
    latencies_of,
    no_counts,
    read_counts,
    to_vector,
    write_counts,
)
from dcfm_ros.evaluation.measure.latency import centres_ms, histogram, time_stages
from dcfm_ros.evaluation.measure.metrics import Conventions, measure
from dcfm_ros.evaluation.measure.tally import Measures

CLASSES = 3
PARTS = ((1, 30), (2, 7), (3, 1))


@pytest.fixture(scope="module")
def parts():
    return [random_tally(part) for part in PARTS]


@pytest.fixture(scope="module")
def pooled(parts):
    total = no_counts(CLASSES, ALL)
    for part in parts:
        total = added(total, counts_of(part))
    return total


@pytest.fixture(scope="module")
def whole():
    """A tally that saw the frames of all parts itself."""
    return random_tally(*PARTS)


def approximately(value):
    """Floats to 1e-12, everything else as it is."""
    if isinstance(value, dict):
        return {key: approximately(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [approximately(inner) for inner in value]
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value


def test_every_figure_of_the_whole_follows_from_the_sums(pooled, whole):
    for conventions in (Conventions(), Conventions(absent_as_zero=True, own_reference=True)):
        expected = measure(counts_of(whole), LABELS, COST, conventions)
        assert expected["accuracy"]["boundary_f_score"] is not None
        assert expected["consistency"]["vc8"] is not None
        assert measure(pooled, LABELS, COST, conventions) == approximately(expected)
    assert accuracy_of(pooled).unknown_ids == whole.accuracy.unknown_ids


def test_latencies_are_right_to_half_a_per_cent_of_the_samples(pooled, whole):
    expected, found = time_stages(whole.latencies), time_stages(latencies_of(pooled))
    assert set(expected["stages_ms"]) == set(found["stages_ms"]) == {
        "preprocess", "network", "total"
    }  # fmt: skip
    for kind in ("total_ms_of_key_frames", "total_ms_of_non_key_frames"):
        for name, value in expected[kind].items():
            assert found[kind][name] == pytest.approx(value, rel=0.006)
    assert found["stages_ms"]["preprocess"]["p99"] == 0.0


def test_a_histogram_keeps_values_to_half_a_bin():
    values = np.array([0.0, 0.0005, 0.001, 0.5, 12.345, 1e6, math.nan])
    counts = histogram(values)
    assert counts.sum() == 6
    again = centres_ms(counts)
    np.testing.assert_allclose(again[2:], values[2:6], rtol=0.00501)
    np.testing.assert_array_equal(again[:2], 0.0)


def test_counts_survive_a_file_and_a_vector(parts, tmp_path):
    counts = counts_of(parts[0])
    write_counts(counts, tmp_path / "counts.npz")
    for again in (read_counts(tmp_path / "counts.npz"), from_vector(to_vector(counts), counts)):
        assert set(again) == set(counts)
        for name, array in counts.items():
            assert again[name].dtype == array.dtype
            np.testing.assert_array_equal(again[name], array)


def test_the_size_does_not_depend_on_the_frames(parts):
    assert to_vector(counts_of(parts[0])).size == to_vector(no_counts(CLASSES, ALL)).size


def test_other_measures_do_not_add_up(parts):
    with pytest.raises(EvaluationError, match="other classes or measures"):
        added(counts_of(parts[0]), no_counts(CLASSES, Measures()))
    with pytest.raises(EvaluationError, match="other classes or measures"):
        added(counts_of(parts[0]), no_counts(CLASSES + 1, ALL))


def test_a_damaged_file_is_one_line(tmp_path):
    (tmp_path / "counts.npz").write_bytes(b"PK no")
    with pytest.raises(EvaluationError, match=r"cannot read .*counts.npz"):
        read_counts(tmp_path / "counts.npz")
    with pytest.raises(EvaluationError, match="cannot read"):
        read_counts(tmp_path / "nowhere.npz")
