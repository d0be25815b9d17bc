"""Messages as consumers need them: mono8 without padding, headers untouched, ids by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from dcfm_ros.images import image_to_labels, image_to_rgb
from dcfm_ros.msg import FrameStatus
from dcfm_ros.network.labels import CAMVID11
from dcfm_ros.ros.counts import Counts, Drop
from dcfm_ros.ros.messages import (
    Timing,
    frame_status,
    label_info,
    mono8_image,
    rgb8_image,
    stamp_ns,
)
from dcfm_ros.streaming import FrameResult, KeyFrameReason

HEADER = Header(stamp=Time(sec=3, nanosec=5), frame_id="camera_optical")


def result(**changes) -> FrameResult:
    values = {
        "labels": np.zeros((2, 3), np.uint8),
        "confidence": None,
        "mean_confidence": 0.5,
        "is_key_frame": False,
        "reason": KeyFrameReason.REUSE,
        "age": 2,
        "age_ns": 1_250_000_000,
        "expected_label_change": math.nan,
        "key_budget": math.nan,
        "preprocess_ms": 1.0,
        "network_ms": 2.0,
        "postprocess_ms": 4.0,
    }
    return FrameResult(**{**values, **changes})


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (360, 480)])
def test_labels_come_back_from_the_message_they_are_put_into(shape):
    labels = np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape).astype(np.uint8)
    message = mono8_image(HEADER, labels)
    assert (message.height, message.width, message.step) == (*shape, shape[1])
    assert message.encoding == "mono8"
    assert message.header == HEADER
    np.testing.assert_array_equal(image_to_labels(message), labels)


def test_colours_come_back_from_the_message_they_are_put_into():
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    message = rgb8_image(HEADER, rgb)
    assert (message.height, message.width, message.step) == (2, 3, 9)
    np.testing.assert_array_equal(image_to_rgb(message), rgb)


def test_an_array_that_is_not_contiguous_is_written_row_by_row():
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)[:, ::2]
    np.testing.assert_array_equal(image_to_labels(mono8_image(HEADER, labels)), labels)


def test_label_info_names_every_class_and_leaves_out_unlabelled():
    info = label_info(CAMVID11, Time(sec=9))
    assert [entry.class_id for entry in info.class_map] == list(range(11))
    assert [entry.class_name for entry in info.class_map] == list(CAMVID11.classes)
    assert info.header.stamp.sec == 9


def test_status_says_what_happened_and_where_the_time_went():
    counts = Counts(published=7, dropped=3, by_cause={Drop.REPLACED: 3})
    timing = Timing(queue_ms=0.5, decode_ms=8.0, total_ms=16.0)
    status = frame_status(HEADER, "front", result(), timing, counts)
    assert status.header == HEADER
    assert status.camera == "front"
    assert not status.is_key_frame
    assert status.reason == FrameStatus.REUSE
    assert status.common_age_frames == 2
    assert (status.common_age.sec, status.common_age.nanosec) == (1, 250_000_000)
    assert math.isnan(status.expected_label_change)
    assert math.isnan(status.key_budget)
    assert status.mean_confidence == 0.5
    assert (status.queue_ms, status.preprocess_ms, status.network_ms) == (0.5, 9.0, 2.0)
    assert (status.postprocess_ms, status.total_ms) == (4.0, 16.0)
    assert (status.taken, status.published, status.dropped) == (10, 7, 3)


@pytest.mark.parametrize("reason", list(KeyFrameReason))
def test_reasons_have_the_numbers_of_the_message(reason):
    assert getattr(FrameStatus, reason.name) == reason.value


def test_stamps_are_whole_nanoseconds():
    assert stamp_ns(Time(sec=1_700_000_000, nanosec=999_999_999)) == 1_700_000_000_999_999_999
