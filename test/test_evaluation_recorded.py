from __future__ import annotations

import numpy as np
import pytest
from evaluation_harness import STEP_NS, pictures, stamps_ns, write_recording
from frame_harness import segmented_frame

from dcfm_ros.bags import open_bag, write_bag
from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.run.recorded import rate_hz, recorded_frames
from dcfm_ros.evaluation.run.writers import LabelBag
from dcfm_ros.network import label_set
from dcfm_ros.streaming import KeyFrameReason


def published(index: int, labels: np.ndarray) -> SegmentedFrame:
    times_ms = {"queue": 1.0, "preprocess": 2.0, "network": 3.0, "postprocess": 4.0, "total": 10.0}
    return segmented_frame(
        labels,
        stamp_ns=stamps_ns(index + 1)[-1],
        is_key_frame=index == 0,
        reason=KeyFrameReason.FIRST if index == 0 else KeyFrameReason.REUSE,
        age=index,
        age_ns=index * STEP_NS,
        mean_confidence=0.25,
        stages_ms=times_ms,
    )


@pytest.fixture
def recordings(tmp_path):
    """Six frames were played; the node left the second and the last two out."""
    images = pictures(6)
    truth = [np.full(image.shape[:2], index, np.uint8) for index, image in enumerate(images)]
    played = write_recording(tmp_path / "played", images, truth)
    bag = LabelBag(tmp_path / "outputs", label_set("camvid"))
    for index in (0, 2, 3):
        bag.write(published(index, truth[index]))
    bag.close()
    return played, tmp_path / "outputs", images


def test_outputs_find_their_frames_by_stamp(recordings):
    played, outputs, images = recordings
    with open_source(played, SourceOptions()) as source, open_bag(outputs) as bag:
        found = list(recorded_frames(source, bag))
    assert [frame.index for frame in found] == [0, 2, 3]
    for frame in found:
        np.testing.assert_array_equal(frame.rgb, images[frame.index])
        np.testing.assert_array_equal(frame.result.labels, np.full((48, 64), frame.index))
        np.testing.assert_array_equal(frame.truth, frame.result.labels)
    assert [frame.result.is_key_frame for frame in found] == [True, False, False]
    assert found[1].result.reason is KeyFrameReason.REUSE
    assert (found[2].result.age, found[2].result.age_ns) == (3, 3 * STEP_NS)
    assert found[0].result.mean_confidence == 0.25
    assert found[0].stages_ms == {
        "queue": 1.0, "preprocess": 2.0, "network": 3.0, "postprocess": 4.0, "total": 10.0
    }  # fmt: skip


def test_rate_is_that_of_label_images(recordings):
    """Three label images within 0.3 s of log time."""
    _, outputs, _ = recordings
    with open_bag(outputs) as bag:
        assert rate_hz(bag) == pytest.approx(2 / 0.3)


def test_a_label_image_without_status_is_left_out(recordings, tmp_path):
    """Its status was lost: nothing is known about the frame."""
    played, outputs, _ = recordings
    with open_bag(outputs) as bag, write_bag(tmp_path / "lossy") as lossy:
        statuses = 0
        for message in bag.raw_messages():
            statuses += message.type.endswith("FrameStatus")
            if not (message.type.endswith("FrameStatus") and statuses == 2):
                lossy.write_raw(message.topic, message.type, message.cdr, message.log_ns)
    with open_source(played, SourceOptions()) as source, open_bag(tmp_path / "lossy") as bag:
        assert [frame.index for frame in recorded_frames(source, bag)] == [0, 3]


def test_one_label_image_has_no_rate(tmp_path):
    bag = LabelBag(tmp_path / "outputs", label_set("camvid"))
    bag.write(published(0, np.zeros((4, 6), np.uint8)))
    bag.close()
    with open_bag(tmp_path / "outputs") as reader:
        assert rate_hz(reader) == 0.0
