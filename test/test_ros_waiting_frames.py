"""Frames come out in order, when they are ready or when their time is over."""

from __future__ import annotations

import threading
import time

import numpy as np
from ros_harness import wait_until
from std_msgs.msg import Header

from dcfm_ros.ros.waiting_frames import LabelledFrame, WaitingFrames

FAR_S = time.monotonic() + 3600


def frame(name: str, until_s: float = FAR_S) -> LabelledFrame:
    pixels = np.zeros((2, 3), np.uint8)
    return LabelledFrame(name, Header(), pixels, pixels, 0.0, until_s)


def in_thread(action) -> list:
    """What an action returns, once it does."""
    results: list = []
    threading.Thread(target=lambda: results.append(action()), daemon=True).start()
    return results


def test_a_frame_that_is_ready_comes_out_at_once():
    frames = WaitingFrames(lambda frame: True)
    assert frames.put(frame("a")) is None
    assert frames.put(frame("b")) is None
    assert [frames.take().camera, frames.take().camera] == ["a", "b"]


def test_a_frame_that_becomes_ready_comes_out_when_there_is_news():
    ready: set[str] = set()
    asked: list[str] = []

    def is_ready(frame: LabelledFrame) -> bool:
        asked.append(frame.camera)
        return frame.camera in ready

    frames = WaitingFrames(is_ready)
    frames.put(frame("a"))
    frames.put(frame("b"))
    taken = in_thread(frames.take)
    wait_until(lambda: asked, "a first look")
    ready.add("b")
    frames.wake()
    wait_until(lambda: len(asked) > 1, "a second look")
    assert not taken, "the order stays"
    ready.add("a")
    frames.wake()
    wait_until(lambda: taken, "the frame")
    assert taken[0].camera == "a"


def test_a_frame_whose_time_is_over_comes_out_all_the_same():
    frames = WaitingFrames(lambda frame: False)
    frames.put(frame("a", until_s=time.monotonic() - 1))
    frames.put(frame("b", until_s=time.monotonic() + 0.05))
    assert [frames.take().camera, frames.take().camera] == ["a", "b"]


def test_where_too_many_wait_the_oldest_is_left_out():
    frames = WaitingFrames(lambda frame: False)
    left_out = [frames.put(frame(str(number))) for number in range(20)]
    assert [f.camera for f in left_out if f is not None] == ["0", "1", "2", "3"]


def test_closing_ends_a_waiting_take_and_takes_no_more():
    frames = WaitingFrames(lambda frame: False)
    frames.put(frame("a"))
    taken = in_thread(frames.take)
    frames.close()
    wait_until(lambda: taken, "the end")
    assert taken == [None]
    late = frame("b")
    assert frames.put(late) is late
