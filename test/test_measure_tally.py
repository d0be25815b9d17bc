from __future__ import annotations

import json
import math

import numpy as np
import pytest
from frame_harness import segmented_frame

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.cost import FrameCost
from dcfm_ros.evaluation.measure.counts import accuracy_of, added, counts_of
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.measure.latency import Latencies, time_stages
from dcfm_ros.evaluation.measure.metrics import measure
from dcfm_ros.evaluation.measure.tally import Tally
from dcfm_ros.evaluation.report.notes import notes_on
from dcfm_ros.evaluation.run.results import Recording
from dcfm_ros.network import LabelSet

LABELS = LabelSet("two", ("left", "right"), ((255, 0, 0), (0, 0, 255)))
COST = FrameCost(key=100, non_key=20, key_attention=0, non_key_attention=0, parameters=1)
LEFT_RIGHT = np.array([[0, 1], [0, 1]], np.uint8)
MS = 1_000_000


def frame(index, *, key=False, total_ms=10.0, labels=LEFT_RIGHT, truth=None, stamp_ns=None):
    return segmented_frame(
        labels,
        index=index,
        stamp_ns=index * 100 * MS if stamp_ns is None else stamp_ns,
        is_key_frame=key,
        mean_confidence=0.5 if key else 0.75,
        stages_ms={"preprocess": 1.0, "network": total_ms - 1.0, "total": total_ms},
        truth=truth,
    )


def tally_of(*frames: SegmentedFrame) -> Tally:
    tally = Tally(2)
    for one in frames:
        tally.add(one, "bag")
    return tally


def test_figures_by_hand():
    """A key frame that is right, and one that reuses it and takes every pixel for `left`."""
    tally = tally_of(
        frame(0, key=True, total_ms=30.0, truth=LEFT_RIGHT),
        frame(1, total_ms=10.0, truth=LEFT_RIGHT, labels=np.zeros((2, 2), np.uint8)),
        frame(2, total_ms=20.0),
    )
    found = measure(counts_of(tally), LABELS, COST)
    assert found["frames"] == 3
    assert found["key_frames"] == {
        "count": 1,
        "share": 1 / 3,
        "reasons": {"INTERVAL": 1, "REUSE": 2},
        "mean_age": 2 / 3,
    }
    assert found["multiply_adds"] == {"key": 100, "non_key": 20, "mean": round(140 / 3)}
    assert found["mean_confidence"] == pytest.approx((0.5 + 0.75 + 0.75) / 3)
    assert found["predicted_shares"] == {"left": 8 / 12, "right": 4 / 12}
    accuracy = found["accuracy"]
    assert (accuracy["frames"], accuracy["pixels"]) == (2, 8)
    assert accuracy["miou_of_key_frames"] == 1.0
    assert accuracy["miou_of_non_key_frames"] == pytest.approx((2 / 4 + 0) / 2)
    assert accuracy["miou"] == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert accuracy["pixel_accuracy"] == 6 / 8
    assert accuracy["mean_accuracy"] == pytest.approx((1.0 + 0.5) / 2)
    assert accuracy["frequency_weighted_iou"] == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert [(one["age"], one["frames"], one["miou"]) for one in accuracy["by_age"]] == [
        (0, 1, 1.0), (1, 1, pytest.approx(0.25))
    ]  # fmt: skip
    assert accuracy["classes"][1] == {
        "id": 1, "name": "right", "iou": 0.5, "precision": 1.0, "recall": 0.5,
        "boundary_f_score": None, "share": 0.5,
    }  # fmt: skip


def test_percentiles_of_each_stage_and_kind():
    tally = tally_of(*(frame(i, key=i == 0, total_ms=10.0 + i) for i in range(101)))
    times = time_stages(tally.latencies)
    total = times["stages_ms"]["total"]
    assert total == {"p50": 60.0, "p95": 105.0, "p99": 109.0, "mean": 60.0, "max": 110.0}
    assert times["total_ms_of_key_frames"]["max"] == 10.0
    assert times["total_ms_of_non_key_frames"]["p50"] == 60.5
    assert "queue" not in times["stages_ms"]


def test_without_ground_truth_there_is_no_accuracy():
    assert measure(counts_of(tally_of(frame(0, key=True))), LABELS, COST)["accuracy"] is None
    assert time_stages(tally_of(frame(0, key=True)).latencies)["total_ms_of_non_key_frames"] is None


def test_added_tallies_equal_one_tally():
    """Two recordings: a window of VC lies within one of them."""
    indices = [*range(12), *range(50, 60)]
    frames = [frame(i, key=i % 3 == 0, total_ms=5.0 + i, truth=LEFT_RIGHT) for i in indices]
    parts, whole = (tally_of(*frames[:12]), tally_of(*frames[12:])), tally_of(*frames)
    counts = added(*map(counts_of, parts))
    assert measure(counts, LABELS, COST) == measure(counts_of(whole), LABELS, COST)
    assert accuracy_of(counts).consistency.windows[8] == 4 + 2
    latencies = Latencies.joined([part.latencies for part in parts])
    assert time_stages(latencies) == time_stages(whole.latencies)


def test_camera_period_counts_frames_that_were_left_out():
    """Every second frame of a 20 Hz camera was segmented: the period is still 50 ms."""
    tally = tally_of(*(frame(2 * i, stamp_ns=i * 100 * MS) for i in range(5)))
    assert tally.period_ms == 50.0


@pytest.mark.parametrize("stamps_ns", [(0,), (0, 0, 0), (5 * MS, 3 * MS)])
def test_camera_period_is_unknown_without_growing_stamps(stamps_ns):
    tally = tally_of(*(frame(i, stamp_ns=stamp) for i, stamp in enumerate(stamps_ns)))
    assert math.isnan(tally.period_ms)


def test_truth_of_another_size_is_compared_at_its_own_size():
    truth = LEFT_RIGHT.repeat(2, 0).repeat(2, 1)
    tally = tally_of(frame(0, truth=truth))
    assert tally.accuracy.all.pixels == 16
    assert tally.accuracy.all.miou() == 1.0
    assert tally.accuracy.truth_sizes == {(4, 4)}


def test_ids_that_are_no_class_count_as_unlabelled():
    truth = np.array([[0, 11], [0, 255]], np.uint8)
    tally = tally_of(frame(0, truth=truth))
    assert tally.accuracy.all.pixels == 2
    assert tally.accuracy.unknown_ids == {11: 1}


def test_predictions_that_are_no_class_are_refused():
    with pytest.raises(EvaluationError, match="label 9, expected 0 to 1"):
        tally_of(frame(0, labels=np.full((2, 2), 9, np.uint8), truth=LEFT_RIGHT))


def recording(tally: Tally, label_count: int) -> Recording:
    return Recording("bag", "bag", "/image", "/gt/label", tally.frames, label_count, tally)


def test_notes_name_what_was_ignored_resized_and_not_matched():
    truth = np.full((4, 4), 0, np.uint8)
    truth[0] = 11
    notes = notes_on(recording(tally_of(frame(0, truth=truth)), 3))
    assert any("2 of 3 ground-truth images on /gt/label" in note for note in notes)
    assert any("25.0 % of the ground truth's pixels hold id 11" in note for note in notes)
    assert any("Ground truth of 4x4 px differs" in note for note in notes)


def test_notes_say_where_no_stamp_matches():
    (note,) = notes_on(recording(tally_of(frame(0)), 7))
    assert note.startswith("None of the 7 ground-truth images on /gt/label has the stamp")
    assert "--gt-tolerance-ms" in note


def test_notes_name_unreadable_frames():
    found = recording(tally_of(frame(0, truth=LEFT_RIGHT)), 1)
    for index in range(5):
        found.left_out(f"frame {index}: no image")
    (note,) = notes_on(found)
    assert note == (
        "5 frames could not be read and were left out: frame 0: no image; frame 1: no image; "
        "frame 2: no image; …"
    )


def test_records_are_json_lines_without_nan():
    record = Tally(2).add(frame(4, key=True), "bag")
    line = json.loads(record.to_json())
    assert line["miou"] is None
    assert (line["index"], line["key"], line["reason"]) == (4, True, "INTERVAL")
    assert line["ms"] == {"preprocess": 1.0, "network": 9.0, "total": 10.0}
    assert list(line)[-1] == "ms"
