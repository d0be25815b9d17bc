"""Metrics against implementations that share no code with them, on random data."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from dcfm_ros.evaluation.measure.boundary import BoundaryScore
from dcfm_ros.evaluation.measure.confidence import Reliability
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.evaluation.measure.consistency import FlowConsistency, VideoConsistency, warp

CLASSES = 5
SHAPE = (40, 56)


def blobs(rng: np.random.Generator, count: int = CLASSES, shape=SHAPE) -> np.ndarray:
    """Label images as they look: patches of one class."""
    noise = rng.normal(size=(count, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 3, 3))
    return smooth.argmax(0).astype(np.uint8)


def video(rng: np.random.Generator, length: int, change: float) -> list[np.ndarray]:
    """Label images of which a share of pixels changes from frame to frame."""
    frames = [blobs(rng)]
    for _ in range(length - 1):
        changed = rng.random(SHAPE) < change
        frames.append(np.where(changed, blobs(rng), frames[-1]).astype(np.uint8))
    return frames


@pytest.mark.parametrize("seed", range(4))
def test_accuracies_equal_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    counts = ConfusionMatrix(CLASSES)
    truths, predictions = [], []
    for _ in range(3):
        truth, prediction = blobs(rng), blobs(rng)
        prediction = np.where(rng.random(SHAPE) < 0.6, truth, prediction).astype(np.uint8)
        truth[rng.random(SHAPE) < 0.1] = 255
        truth[truth == 3] = 255  # a class that is predicted but never true
        counts.add(truth, prediction)
        truths.append(truth[truth != 255])
        predictions.append(prediction[truth != 255])
    true, found = np.concatenate(truths), np.concatenate(predictions)
    present = np.unique(true)
    jaccard = sklearn_metrics.jaccard_score(true, found, labels=present, average=None)
    weights = np.array([(true == label).mean() for label in present])
    recall = sklearn_metrics.recall_score(true, found, labels=present, average="macro")
    assert counts.iou()[present] == pytest.approx(jaccard, abs=1e-12)
    assert counts.miou() == pytest.approx(jaccard.mean(), abs=1e-12)
    assert counts.miou(absent_as_zero=True) == pytest.approx(jaccard.sum() / CLASSES, abs=1e-12)
    assert counts.frequency_weighted_iou() == pytest.approx(float(jaccard @ weights), abs=1e-12)
    assert counts.mean_accuracy() == pytest.approx(recall, abs=1e-12)
    accuracy = sklearn_metrics.accuracy_score(true, found)
    assert counts.pixel_accuracy() == pytest.approx(accuracy, abs=1e-12)


def test_accuracies_of_nothing_are_unknown():
    counts = ConfusionMatrix(CLASSES)
    assert math.isnan(counts.mean_accuracy())
    assert math.isnan(counts.frequency_weighted_iou())


def published_vc(truths, predictions, n: int) -> list[float]:
    """VC of VSPW word for word: one accuracy for each window, the last possible one left out."""
    accuracies = []
    for start in range(len(truths) - n):
        true_common = np.ones(truths[start].shape, bool)
        predicted_common = np.ones(truths[start].shape, bool)
        for offset in range(1, n):
            true_common &= truths[start] == truths[start + offset]
            predicted_common &= predictions[start] == predictions[start + offset]
        accuracies.append((true_common & predicted_common).sum() / true_common.sum())
    return accuracies


@pytest.mark.parametrize("seed", range(3))
def test_video_consistency_is_the_published_one(seed):
    """Pooled over videos, one of them shorter than a window; 255 is a label like any other."""
    rng = np.random.default_rng(seed)
    found = VideoConsistency()
    expected: dict[int, list[float]] = {8: [], 16: []}
    for length in (30, 8, 19, 5):
        truths, predictions = video(rng, length, 0.02), video(rng, length, 0.05)
        for truth in truths:
            truth[:5] = 255
        for n in (8, 16):
            expected[n] += published_vc(truths, predictions, n)
        found.end_video()
        for truth, prediction in zip(truths, predictions, strict=True):
            found.add(truth, prediction)
    for n, accuracies in expected.items():
        assert found.windows[n] == len(accuracies) > 0
        assert found.value(n) == pytest.approx(np.mean(accuracies), abs=1e-9)


def test_video_consistencies_add_up():
    rng = np.random.default_rng(9)
    videos = [(video(rng, 20, 0.03), video(rng, 20, 0.06)) for _ in range(2)]
    whole, parts = VideoConsistency(), [VideoConsistency(), VideoConsistency()]
    for part, (truths, predictions) in zip(parts, videos, strict=True):
        whole.end_video()
        for truth, prediction in zip(truths, predictions, strict=True):
            whole.add(truth, prediction)
            part.add(truth, prediction)
    windows = {n: parts[0].windows[n] + parts[1].windows[n] for n in whole.windows}
    assert windows == whole.windows
    pooled = (parts[0].sums[8] + parts[1].sums[8]) / windows[8]
    assert pooled == pytest.approx(whole.value(8), abs=1e-12)


def test_windows_without_constant_truth_are_left_out():
    consistency = VideoConsistency()
    for index in range(12):
        consistency.add(np.full((2, 2), index, np.uint8), np.zeros((2, 2), np.uint8))
    assert math.isnan(consistency.value(8))


def boundary_by_distances(truth, prediction, reach_px: float) -> np.ndarray:
    """F-score of each class from the distances of all pairs of boundary pixels."""
    known = truth < CLASSES
    scores = np.full(CLASSES, np.nan)
    for label in range(CLASSES):
        outlines = []
        for image in (truth, prediction):
            pixels = []
            for v, u in zip(*np.nonzero((image == label) & known), strict=True):
                around = [(v - 1, u), (v + 1, u), (v, u - 1), (v, u + 1)]
                inside = [p for p in around if 0 <= p[0] < SHAPE[0] and 0 <= p[1] < SHAPE[1]]
                if any(known[p] and image[p] != label for p in inside):
                    pixels.append((v, u))
            outlines.append(np.array(pixels, float).reshape(-1, 2))
        true, found = outlines
        if not len(true):
            continue
        if not len(found):
            scores[label] = 0.0
            continue
        apart = cdist(true, found)
        recall = (apart.min(1) <= reach_px).mean()
        precision = (apart.min(0) <= reach_px).mean()
        total = recall + precision
        scores[label] = 2 * recall * precision / total if total else 0.0
    return scores


@pytest.mark.parametrize("seed", range(3))
def test_boundary_scores_equal_those_from_all_distances(seed):
    rng = np.random.default_rng(seed)
    truth, prediction = blobs(rng), blobs(rng)
    prediction = np.where(rng.random(SHAPE) < 0.8, truth, prediction).astype(np.uint8)
    truth[10:15, 20:30] = 255
    score = BoundaryScore(CLASSES)
    score.add(truth, prediction)
    expected = boundary_by_distances(truth, prediction, max(1.0, 0.0075 * math.hypot(*SHAPE)))
    np.testing.assert_allclose(score.f_scores(), expected, atol=1e-9)
    assert score.mean() == pytest.approx(np.nanmean(expected), abs=1e-9)


def test_boundaries_by_hand():
    """A vertical edge that is 2 px off, in an image that allows 3 px, is met; 8 px is not."""
    truth = np.zeros((240, 320), np.uint8)
    truth[:, 160:] = 1
    for shift, expected in ((0, 1.0), (2, 1.0), (8, 0.0)):
        score = BoundaryScore(3)
        score.add(truth, _edge(160 + shift))
        np.testing.assert_array_equal(score.f_scores(), [expected, expected, np.nan])


def _edge(column: int) -> np.ndarray:
    labels = np.zeros((240, 320), np.uint8)
    labels[:, column:] = 1
    return labels


def test_without_boundaries_the_score_is_unknown():
    score = BoundaryScore(2)
    score.add(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
    assert math.isnan(score.mean())


@pytest.mark.parametrize("seed", range(3))
def test_reliability_equals_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth, prediction = blobs(rng), blobs(rng)
    confidence = rng.integers(0, 256, SHAPE).astype(np.uint8)
    right = rng.random(SHAPE) < confidence / 255.0
    prediction = np.where(right, truth, prediction).astype(np.uint8)
    truth[rng.random(SHAPE) < 0.1] = 255
    reliability = Reliability()
    reliability.add(confidence, truth, prediction, CLASSES)
    known = truth != 255
    outcome = (truth == prediction)[known]
    accuracy, mean = calibration_curve(outcome, confidence[known] / 255.0, n_bins=15)
    bins = reliability.bins()
    assert [one.accuracy for one in bins] == pytest.approx(accuracy, abs=1e-9)
    assert [one.confidence for one in bins] == pytest.approx(mean, abs=1e-9)
    edges = np.linspace(0, 1, 16)
    place = np.searchsorted(edges[1:-1], confidence[known] / 255.0)
    shares = np.bincount(place, minlength=15) / known.sum()
    assert [one.share for one in bins] == pytest.approx(shares, abs=1e-12)
    expected = float(np.abs(accuracy - mean) @ shares)
    assert reliability.error() == pytest.approx(expected, abs=1e-9)


def test_confidence_that_is_right_has_no_error():
    reliability = Reliability()
    assert math.isnan(reliability.error())
    truth = np.zeros((1, 10), np.uint8)
    prediction = np.array([[0] * 8 + [1] * 2], np.uint8)
    reliability.add(np.full((1, 10), 204, np.uint8), truth, prediction, 2)  # 204 / 255 = 0.8
    assert reliability.error() == pytest.approx(0.0, abs=1e-12)
    assert len(reliability.bins()) == 1


def test_labels_that_move_with_the_picture_are_consistent():
    """A textured picture that shifts by 4 px a frame, with its labels; then labels that do not."""
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (120, 400, 3)).astype(np.uint8), (9, 9), 0)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    labels = blobs(rng, 3, (120, 400))
    moving, still = FlowConsistency(3), FlowConsistency(3)
    for index in range(6):
        window = np.s_[:, 4 * index : 4 * index + 300]
        rgb = np.ascontiguousarray(wide[window])
        moving.add(rgb, np.ascontiguousarray(labels[window]))
        still.add(rgb, np.ascontiguousarray(labels[:, :300]))
    assert moving.value() > 0.95
    assert still.value() < moving.value() - 0.1


def test_warped_labels_come_from_where_the_flow_says():
    """8 px to the left: what enters on the right comes from outside of the picture."""
    rng = np.random.default_rng(4)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (96, 200)).astype(np.uint8), (9, 9), 0)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    labels = np.tile(np.arange(160, dtype=np.uint8), (96, 1))
    former, current = (np.ascontiguousarray(wide[:, s : s + 160]) for s in (0, 8))
    moved = warp(labels, former, current)
    inner = moved[16:-16, 24:-24].astype(int)
    assert np.abs(inner - (np.arange(24, 136) + 8)).max() <= 1
    assert (moved[16:-16, -4:] == 255).mean() > 0.8


def test_a_new_video_is_not_compared_with_the_last():
    rng = np.random.default_rng(5)
    consistency = FlowConsistency(3)
    for _ in range(3):
        consistency.add(rng.integers(0, 256, (32, 40, 3)).astype(np.uint8), blobs(rng, 3, (32, 40)))
        consistency.end_video()
    assert math.isnan(consistency.value())
