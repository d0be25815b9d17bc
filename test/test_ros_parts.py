"""Hand-over, counts, throttle and figures: the parts of the node that know no ROS."""

from __future__ import annotations

import math
import threading

import pytest

from dcfm_ros.errors import SettingsError
from dcfm_ros.ros.counts import Drop, FrameCounter, RecentFrames
from dcfm_ros.ros.environment import PROFILE_VARIABLES, fast_dds_profile, use_fast_dds_profile
from dcfm_ros.ros.session import HandOver
from dcfm_ros.ros.settings import NodeSettings
from dcfm_ros.ros.throttle import Throttle


class SteppedClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_newer_frame_replaces_the_unread_one():
    frames: HandOver[int] = HandOver([""])
    assert frames.put("", 1) is None
    assert frames.put("", 2) == 1
    assert frames.put("", 3) == 2
    assert frames.take() == ("", 3)


def test_cameras_take_turns_however_fast_one_of_them_is():
    frames: HandOver[int] = HandOver(["front", "rear"])
    served = []
    for number in range(6):
        frames.put("front", number)
        frames.put("front", number)
        if number % 2 == 0:
            frames.put("rear", number)
        served.append(frames.take()[0])
    assert served == ["front", "rear", "front", "rear", "front", "rear"]


def test_take_waits_for_an_item():
    frames: HandOver[int] = HandOver(["", "other"])
    taken = []
    reader = threading.Thread(target=lambda: taken.append(frames.take()))
    reader.start()
    frames.put("other", 7)
    reader.join(10)
    assert taken == [("other", 7)]


def test_closing_ends_a_waiting_take_and_gives_back_what_was_unread():
    frames: HandOver[int] = HandOver([""])
    frames.put("", 1)
    frames.close()
    assert frames.take() is None
    assert frames.put("", 2) == 2
    assert frames.drain() == {"": 1}
    assert frames.drain() == {}


def test_taken_is_published_plus_dropped_at_any_moment():
    counter = FrameCounter()
    seen = []

    def count(number: int) -> None:
        seen.extend(
            counter.publish() if (step + number) % 2 else counter.drop(Drop.REPLACED)
            for step in range(200)
        )

    threads = [threading.Thread(target=count, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(counts.taken == counts.published + counts.dropped for counts in seen)
    assert sorted(counts.taken for counts in seen) == list(range(1, 801))
    assert counter.read().by_cause == {Drop.REPLACED: 400}
    counter.reset()
    assert counter.read().taken == 0


def test_a_kind_of_problem_is_said_once_per_period_with_the_number_held_back():
    clock, said = SteppedClock(), []
    throttle = Throttle(5.0, clock)
    assert throttle.say("size", "too small", said.append)
    assert not throttle.say("size", "too small", said.append)
    assert not throttle.say("size", "too small", said.append)
    assert throttle.say("encoding", "unknown", said.append)
    clock.now_s += 5.0
    assert throttle.say("size", "too small", said.append)
    assert said == ["too small", "unknown", "too small (2 more like this)"]


def test_throttle_stays_small_when_each_message_is_a_kind_of_its_own():
    throttle = Throttle(5.0, SteppedClock())
    for number in range(1000):
        throttle.say(str(number), "x", lambda text: None)
    assert len(throttle._last_s) <= 201


def test_recent_frames_give_rate_latency_and_key_frame_share_of_the_window():
    clock = SteppedClock()
    recent = RecentFrames(5.0, clock)
    assert math.isnan(recent.summary().latency_ms)
    for number in range(100):
        clock.now_s += 0.1
        recent.add(total_ms=10.0 + number % 2, is_key_frame=number % 5 == 0)
    summary = recent.summary()
    assert summary.rate_hz == pytest.approx(10.0, rel=0.03)
    assert summary.latency_ms in (10.0, 10.5, 11.0)
    assert summary.worst_latency_ms == 11.0
    assert summary.key_frame_share == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("name", ["1st", "fro nt", "a/b", "~x"])
def test_camera_names_must_be_topic_names(name):
    with pytest.raises(SettingsError, match=f"cameras: found '{name}', expected names of letters"):
        NodeSettings(cameras=(name,))


def test_camera_names_must_differ():
    with pytest.raises(SettingsError, match="expected different names"):
        NodeSettings(cameras=("front", "front"))


def test_no_camera_names_mean_one_unnamed_camera():
    assert NodeSettings().camera_names == ("",)
    assert NodeSettings(cameras=("a", "b")).camera_names == ("a", "b")


def test_the_fast_dds_profile_is_set_unless_the_user_has_one():
    environment: dict[str, str] = {}
    use_fast_dds_profile(environment)
    assert set(environment) == set(PROFILE_VARIABLES)
    assert fast_dds_profile(environment).endswith("config/fastdds.xml")
    own = {PROFILE_VARIABLES[1]: "/home/me/mine.xml"}
    use_fast_dds_profile(own)
    assert own == {PROFILE_VARIABLES[1]: "/home/me/mine.xml"}
