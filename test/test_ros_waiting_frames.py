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


def refuse(frame: LabelledFrame) -> None:
    raise AssertionError(f"left out: {frame}")


def in_thread(action) -> list:
    """What an action returns, once it does."""
    results: list = []
    threading.Thread(target=lambda: results.append(action()), daemon=True).start()
    return results


def test_a_frame_that_is_ready_comes_out_at_once():
    frames = WaitingFrames(lambda frame: True, refuse)
    frames.put(frame("a"))
    frames.put(frame("b"))
    assert [frames.take().camera, frames.take().camera] == ["a", "b"]


def test_a_frame_that_becomes_ready_comes_out_when_there_is_news():
    ready: set[str] = set()
    asked: list[str] = []

    def is_ready(frame: LabelledFrame) -> bool:
        asked.append(frame.camera)
        return frame.camera in ready

    frames = WaitingFrames(is_ready, refuse)
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
    frames = WaitingFrames(lambda frame: False, refuse)
    frames.put(frame("a", until_s=time.monotonic() - 1))
    frames.put(frame("b", until_s=time.monotonic() + 0.05))
    assert [frames.take().camera, frames.take().camera] == ["a", "b"]


def test_where_too_many_wait_the_oldest_is_left_out():
    left_out: list[LabelledFrame] = []
    frames = WaitingFrames(lambda frame: False, left_out.append)
    for number in range(20):
        frames.put(frame(str(number)))
    assert [f.camera for f in left_out] == ["0", "1", "2", "3"]


def test_late_frames_make_way_for_newer_ones_of_their_camera():
    left_out: list[LabelledFrame] = []
    frames = WaitingFrames(lambda frame: True, left_out.append)
    late = time.monotonic() - 1
    sent = [frame(name, late) for name in ("front", "rear", "front", "rear", "front")]
    for one in sent:
        frames.put(one)
    assert [frames.take(), frames.take()] == sent[3:]
    assert left_out == sent[:3]


def test_frames_that_cannot_be_placed_come_out_one_by_one_to_say_why():
    left_out: list[LabelledFrame] = []
    frames = WaitingFrames(lambda frame: False, left_out.append)
    sent = [frame("front", time.monotonic() - 1) for _ in range(3)]
    for one in sent:
        frames.put(one)
    assert [frames.take() for _ in sent] == sent
    assert not left_out


def test_closing_ends_a_waiting_take_and_takes_no_more():
    frames = WaitingFrames(lambda frame: False, refuse)
    frames.put(frame("a"))
    taken = in_thread(frames.take)
    frames.close()
    wait_until(lambda: taken, "the end")
    assert taken == [None]
    frames.put(frame("b"))
    assert frames.take() is None
