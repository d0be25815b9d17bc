from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix

TRUTH = np.array([[0, 0, 1], [1, 2, 255]], np.uint8)
PREDICTION = np.array([[0, 1, 1], [1, 1, 2]], np.uint8)


def counted(classes: int, truth: np.ndarray, prediction: np.ndarray) -> ConfusionMatrix:
    matrix = ConfusionMatrix(classes)
    matrix.add(truth, prediction)
    return matrix


def test_counts_by_hand():
    """Class 0: 1 of 2 found; class 1: both found, 2 too many; class 2: none; 255 does not count."""
    matrix = counted(3, TRUTH, PREDICTION)
    np.testing.assert_array_equal(matrix.counts, [[1, 1, 0], [0, 2, 0], [0, 1, 0]])
    assert matrix.pixels == 5
    np.testing.assert_allclose(matrix.iou(), [1 / 2, 2 / 4, 0])
    assert matrix.miou() == pytest.approx(1 / 3)
    assert matrix.pixel_accuracy() == pytest.approx(3 / 5)
    np.testing.assert_allclose(matrix.recall(), [1 / 2, 1, 0])
    np.testing.assert_allclose(matrix.precision(), [1, 1 / 2, np.nan])
    np.testing.assert_allclose(matrix.shares(), [2 / 5, 2 / 5, 1 / 5])


def test_absent_classes_are_left_out_unless_asked_for():
    """Class 3 is neither in the truth nor predicted; class 2 is predicted but not in the truth."""
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    prediction = np.array([[0, 0, 1, 2]], np.uint8)
    matrix = counted(4, truth, prediction)
    np.testing.assert_array_equal(matrix.iou(), [1.0, 0.5, np.nan, np.nan])
    assert matrix.miou() == 0.75
    assert matrix.miou(absent_as_zero=True) == 1.5 / 4


@pytest.mark.parametrize("classes", [2, 11, 124])
def test_equals_scikit_learn(classes):
    """On random images of which one pixel in ten is unlabelled."""
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, (37, 53)).astype(np.uint8)
    prediction = np.where(
        rng.random(truth.shape) < 0.6, truth, rng.integers(0, classes, truth.shape)
    )
    prediction = prediction.astype(np.uint8)
    void = rng.random(truth.shape) < 0.1
    matrix = counted(classes, np.where(void, 255, truth).astype(np.uint8), prediction)

    t, p, every = truth[~void], prediction[~void], np.arange(classes)
    np.testing.assert_array_equal(matrix.counts, metrics.confusion_matrix(t, p, labels=every))
    iou = metrics.jaccard_score(t, p, labels=every, average=None)
    np.testing.assert_allclose(matrix.iou(), iou, atol=1e-12)
    assert matrix.miou() == pytest.approx(iou.mean(), abs=1e-12)
    assert matrix.pixel_accuracy() == pytest.approx(metrics.accuracy_score(t, p), abs=1e-12)
    recall = metrics.recall_score(t, p, labels=every, average=None)
    np.testing.assert_allclose(matrix.recall(), recall, atol=1e-12)
    precision = metrics.precision_score(t, p, labels=every, average=None)
    np.testing.assert_allclose(matrix.precision(), precision, atol=1e-12)


def test_adding_up_frames_equals_one_large_frame():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, (8, 10, 6)).astype(np.uint8)
    prediction = rng.integers(0, 5, truth.shape).astype(np.uint8)
    whole = counted(5, truth.reshape(80, 6), prediction.reshape(80, 6))
    merged = ConfusionMatrix(5)
    for t, p in zip(truth, prediction, strict=True):
        merged.merge(counted(5, t, p))
    np.testing.assert_array_equal(merged.counts, whole.counts)


def test_without_labelled_pixels_there_is_no_figure():
    matrix = counted(3, np.full((2, 3), 255, np.uint8), np.zeros((2, 3), np.uint8))
    assert np.isnan(matrix.miou())
    assert np.isnan(matrix.pixel_accuracy())
    assert np.isnan(matrix.shares()).all()


def test_other_sizes_are_refused():
    with pytest.raises(
        EvaluationError, match=r"ground truth is 3x2 px, the prediction 2x3; resize"
    ):
        counted(3, TRUTH, PREDICTION.T)


def test_predictions_that_are_no_class_are_refused():
    with pytest.raises(EvaluationError, match="holds label 7, expected 0 to 2"):
        counted(3, TRUTH, np.full_like(PREDICTION, 7))


def test_counts_by_class_leave_out_what_a_frame_does_not_show():
    matrix = counted(5, TRUTH, PREDICTION)
    assert matrix.by_class() == ((0, 1, 2, 1), (1, 2, 2, 4), (2, 0, 1, 0))
