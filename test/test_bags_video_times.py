"""Stamps of videos of variable rate: the times in the container, whatever its rate says."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from dcfm_ros.bags import open_bag
from dcfm_ros.bags.convert import frames_to_bag
from dcfm_ros.bags.video import open_video
from dcfm_ros.bags.video_times import FrameTimes

START_NS = 1_000_000_000_000_000_000
PERIOD_NS = 40_000_000
HEIGHT, WIDTH = 48, 64
SLOWER_THEN_A_PAUSE = np.concatenate(
    [np.arange(20) / 30, 20 / 30 + np.arange(10) / 10, 4.0 + np.arange(10) / 15]
)
"""s; 30 Hz, then 10 Hz, then nothing for 2.4 s, then 15 Hz."""


# Before 4.7 OpenCV gives no time for the last frames where some are shown out of coding order.
OLD_OPENCV = tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 7)


def timed(codec: str) -> slice:
    """The frames for which OpenCV gives the time in the container."""
    return slice(None, -2) if OLD_OPENCV and codec == "libx264" else slice(None)


def write(
    path: Path, times_s: Sequence[float], codec: str, ticks_hz: int = 90_000, **options: str
) -> Path:
    """A video whose frames, ever brighter, are shown at the given times."""
    tick = Fraction(1, ticks_hz)
    with av.open(str(path), "w", options=options) as container:
        stream: Any = container.add_stream(codec, rate=30)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = tick
        for number, time_s in enumerate(times_s):
            picture = np.full((HEIGHT, WIDTH, 3), 20 + 4 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def times_s(path: Path, **options: Any) -> np.ndarray:
    """When the frames of a video come out, and that they come in the order they were shown."""
    frames = list(open_video(path, **options).frames())
    means = [float(frame.message.data.mean()) for frame in frames]
    assert (np.diff(means) > -2).all()  # one is 4 brighter than the one before, but for the codec
    return np.array([frame.stamp_ns - START_NS for frame in frames]) / 1e9


@pytest.mark.parametrize(
    ("name", "codec", "ticks_hz", "options"),
    [
        ("phone.mp4", "libx264", 90_000, {}),
        ("phone.mov", "libx264", 600, {}),
        ("plain.mp4", "mpeg4", 1000, {}),
        ("stream.mp4", "libx264", 90_000, {"movflags": "frag_keyframe+empty_moov"}),
        ("screen.mkv", "libx264", 1000, {}),
        ("browser.webm", "libvpx-vp9", 1000, {}),
        ("old.avi", "mjpeg", 30, {}),
    ],
)
def test_stamps_are_the_times_in_the_container(
    tmp_path: Path, name: str, codec: str, ticks_hz: int, options: dict[str, str], caplog: Any
) -> None:
    """To a tick of the container."""
    path = write(tmp_path / name, SLOWER_THEN_A_PAUSE, codec, ticks_hz, **options)
    found = times_s(path)
    known = timed(codec)
    expected = SLOWER_THEN_A_PAUSE[known]
    np.testing.assert_allclose(found[known], expected, atol=1.01 / ticks_hz)
    if len(expected) == len(found):
        assert not caplog.records
    else:
        assert "names no usable time for 2 of 40 frames" in caplog.text


def test_a_video_that_starts_late_starts_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "late.mp4", SLOWER_THEN_A_PAUSE + 3.0, "libx264")
    known = timed("libx264")
    np.testing.assert_allclose(times_s(path)[known], SLOWER_THEN_A_PAUSE[known], atol=1e-3)


def test_the_pause_is_in_a_bag_made_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "phone.mp4", SLOWER_THEN_A_PAUSE, "libx264")
    frames_to_bag(open_video(path).frames(), tmp_path / "bag")
    with open_bag(tmp_path / "bag") as bag:
        stamps = [frame.stamp_ns for frame in bag.frames("/camera/image_raw/compressed")]
    known = timed("libx264")
    steps_s = np.diff(stamps[known]) / 1e9
    np.testing.assert_allclose(steps_s, np.diff(SLOWER_THEN_A_PAUSE[known]), atol=1e-3)


def test_a_rate_that_is_given_goes_before_the_times(tmp_path: Path) -> None:
    path = write(tmp_path / "phone.mp4", SLOWER_THEN_A_PAUSE, "libx264")
    np.testing.assert_allclose(times_s(path, rate_hz=20.0), np.arange(40) / 20)


def test_a_stream_without_container_says_that_it_has_no_times(tmp_path: Path, caplog: Any) -> None:
    path = write(tmp_path / "camera.mjpeg", SLOWER_THEN_A_PAUSE, "mjpeg", 30)
    with caplog.at_level(logging.WARNING):
        found = times_s(path)
    assert "is bare Motion-JPEG without a container and holds no times" in caplog.text
    assert np.ptp(np.diff(found)) < 1e-6
    caplog.clear()
    times_s(path, rate_hz=30.0)
    assert not caplog.records


@pytest.mark.parametrize(
    ("times_ms", "expected_ms", "unknown"),
    [
        ([0, 33, 100, 2100], [0, 33, 100, 2100], 0),
        ([500, 533, 600], [0, 33, 100], 0),
        ([500, 533, 0, 0, 0], [0, 33, 73, 113, 153], 3),  # the last ones, OpenCV before 4.7
        ([-7e12, -7e12 + 40], [0, 40], 0),
        ([math.nan] * 3, [0, 40, 80], 3),
        ([0, math.nan, 200, 300], [0, 40, 200, 300], 1),
        ([0, math.nan, 30, 300], [0, 40, 80, 350], 2),
        ([900, 1000, 50, 150, 250], [0, 100, 140, 240, 340], 1),  # joined from two
        ([0, 0, 0], [0, 40, 80], 2),
    ],
)
def test_frames_without_usable_time_follow_the_one_before(
    times_ms: list[float], expected_ms: list[int], unknown: int
) -> None:
    times = FrameTimes(PERIOD_NS)
    assert [times.offset_ns(time) // 10**6 for time in times_ms] == expected_ms
    assert times.unknown == unknown
