"""`dcfm play`: a bag's messages over real DDS, with their bytes, order, names and timing."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from bag_harness import list_missing_split
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from ros_harness import Process, running_peer, wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from dcfm_ros.bags import message_class, split_stamp, write_bag
from dcfm_ros.cli.main import main
from dcfm_ros.ros.player import Pace

START_NS = 1_700_000_000_000_000_000
LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    """Two seconds: texts and images at 5 Hz, a latched transform, a type nobody has here."""
    path = tmp_path_factory.mktemp("play") / "bag"
    text, header = message_class("std_msgs/msg/String"), message_class("std_msgs/msg/Header")
    stamp, image = (
        message_class("builtin_interfaces/msg/Time"),
        message_class("sensor_msgs/msg/Image"),
    )
    with write_bag(path) as writer:
        transforms = message_class("tf2_msgs/msg/TFMessage")([])
        writer.write("/tf_static", transforms, START_NS, latched=True)
        for number in range(11):
            now_ns = START_NS + number * 200_000_000
            writer.write("/chatter", text(f"number {number}"), now_ns)
            head = header(stamp(*split_stamp(now_ns)), "camera")
            pixels = bytes([number] * 12)
            writer.write("/camera/image", image(head, 2, 2, "rgb8", 0, 6, to_array(pixels)), now_ns)
        unknown = message_class("shape_msgs/msg/Plane")
        writer.write("/plane", unknown(to_array(bytes(32)).view("float64")), now_ns)
    return path


def to_array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8).copy()


@pytest.fixture
def peer():
    with running_peer("audience") as peer:
        yield peer


@pytest.fixture
def play(tmp_path):
    started = []

    def start(*arguments: object) -> Process:
        command = [sys.executable, "-m", "dcfm_ros.cli", "play", *map(str, arguments)]
        started.append(Process(command, tmp_path / f"log_{len(started)}"))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def play_here(*arguments: object) -> int:
    """In this process; the exit code."""
    return main(["play", *map(str, arguments)])


def ended(process: Process) -> int:
    return process.popen.wait(30)


@pytest.fixture(scope="module")
def played(bag, tmp_path_factory):
    """All of the bag, with a clock: what a peer got, by topic, and what the player said."""
    topics = {
        "/chatter": (String, 100),
        "/camera/image": (Image, 100),
        "/tf_static": (TFMessage, LATCHED),
        "/clock": (Clock, 1000),
    }
    command = [sys.executable, "-m", "dcfm_ros.cli", "play", str(bag), "--rate", "4"]
    with running_peer("all_ears") as peer:
        got = {name: peer.collect(kind, name, qos) for name, (kind, qos) in topics.items()}
        waits = ["--wait-for", "/chatter", "camera/image", "/tf_static", "/clock"]
        process = Process(
            [*command, "--clock", "200", *waits], tmp_path_factory.mktemp("played") / "log"
        )
        try:
            assert ended(process) == 0, process.log
            texts, images, transforms = (got[name] for name in list(topics)[:3])
            wait_until(lambda: len(texts) == len(images) == 11 and transforms, "all messages")
        finally:
            process.kill()
    return got, process.log  # without the peer: the players of other tests wait for theirs


def test_everything_arrives_in_order_once_somebody_listens(played):
    got, said = played
    texts, images = got["/chatter"], got["/camera/image"]
    assert [text.data for text in texts] == [f"number {number}" for number in range(11)]
    assert [bytes(image.data) for image in images] == [bytes([n] * 12) for n in range(11)]
    assert images[3].header.frame_id == "camera"
    assert (images[5].header.stamp.sec, images[5].header.stamp.nanosec) == (1_700_000_001, 0)
    assert "published /camera/image 11, /chatter 11, /tf_static 1" in said
    assert "not played: /plane" in said
    assert "there is no Python package for shape_msgs/msg/Plane here" in said


def test_the_clock_runs_through_the_bags_time(played):
    times_ns = [
        message.clock.sec * 10**9 + message.clock.nanosec for message in played[0]["/clock"]
    ]
    assert len(times_ns) > 20
    assert times_ns == sorted(times_ns)
    assert min(times_ns) >= START_NS
    assert max(times_ns) <= START_NS + 2_000_000_000


def test_messages_are_due_at_the_bags_time_divided_by_the_rate():
    now_s = 100.0
    pace = Pace(START_NS, 4.0, lambda: now_s)
    assert pace.left_s(START_NS) == 0.0
    assert pace.left_s(START_NS + 2_000_000_000) == 0.5
    now_s = 100.25
    assert pace.left_s(START_NS) == -0.25
    assert pace.left_s(START_NS + 2_000_000_000) == 0.25
    assert pace.now_ns() == START_NS + 1_000_000_000


def test_waiting_without_names_is_for_any_image_topic(bag, peer, play):
    process = play(bag, "--rate", 20, "--wait-for")
    wait_until(lambda: peer.node.count_publishers("/camera/image"), "the player")
    assert process.popen.poll() is None
    images = peer.collect(Image, "/camera/image", 100)
    assert ended(process) == 0, process.log
    wait_until(lambda: len(images) == 11, "all images")


def test_names_can_be_changed_and_a_start_skipped_but_not_what_is_latched(bag, peer):
    texts = peer.collect(String, "/robot/chatter", 100)
    transforms = peer.collect(TFMessage, "/tf_static", LATCHED)
    changed = ("--start-offset", 1.5, "--remap", "chatter:=/robot/chatter")
    assert play_here(bag, "--rate", 4, *changed, "--wait-for", "/robot/chatter", "/tf_static") == 0
    wait_until(lambda: len(texts) == 3 and transforms, "messages")
    assert [text.data for text in texts] == [f"number {number}" for number in (8, 9, 10)]


def test_a_loop_goes_on_until_sigint_and_ends_with_zero(bag, peer, play):
    texts = peer.collect(String, "/chatter", 100)
    process = play(bag, "--loop", "--rate", 20, "--topics", "/chatter", "--wait-for", "/chatter")
    wait_until(lambda: [text.data for text in texts].count("number 0") >= 3, "three rounds")
    assert process.end() == 0
    assert "Traceback" not in process.log, process.log


def test_sigint_ends_waiting_for_a_subscriber(bag, peer, play):
    process = play(bag, "--wait-for", "/chatter")
    wait_until(lambda: peer.node.count_publishers("/chatter"), "the player")
    assert process.end() == 0
    assert "published nothing" in process.log


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--rate", "0"], "--rate: found 0.0, expected more than 0"),
        (["--clock", "-1"], "--clock: found -1.0, expected at least 0"),
        (["--start-offset", "-2"], "--start-offset: found -2.0, expected at least 0"),
        (["--remap", "chatter"], "--remap: found 'chatter', expected FROM:=TO"),
        (["--topics", "/nothing"], "has no topic /nothing; it has /camera/image, /chatter"),
        (["--topics", "/plane"], "nothing to play; no message package for shape_msgs/msg/Plane"),
        (["--wait-for", "/nothing"], "cannot wait for /nothing; played are /camera/image"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(bag, capsys, arguments, reason):
    assert play_here(bag, *arguments) == 2
    said = capsys.readouterr().err
    (error,) = [line for line in said.splitlines() if "error: " in line]
    assert reason in error
    assert "Traceback" not in said


def test_a_bag_that_is_not_there_is_named(tmp_path, capsys):
    assert play_here(tmp_path / "nowhere") == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "nowhere") in said
    assert "Traceback" not in said


def test_a_missing_split_is_told_and_left_out_where_asked(bag, tmp_path, capsys):
    there = shutil.copytree(bag, tmp_path / "bag")
    list_missing_split(there)
    assert play_here(there) == 2
    refused = capsys.readouterr().err
    assert "lacks gone.mcap (1 of 2 files are there)" in refused
    assert "--skip-missing" in refused
    assert play_here(there, "--skip-missing", "--rate", 20) == 0
    assert "/chatter 11" in capsys.readouterr().out


def test_signals_are_handled_as_before_once_the_bag_has_ended(bag):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert play_here(bag, "--rate", 100, "--topics", "/chatter") == 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    """Of a simulation: /clock from 12 s on at 50 Hz, texts, and a pause of a quarter of an hour."""
    path = tmp_path_factory.mktemp("play") / "simulated"
    text, clock = message_class("std_msgs/msg/String"), message_class("rosgraph_msgs/msg/Clock")
    stamp = message_class("builtin_interfaces/msg/Time")
    with write_bag(path) as writer:
        for number in range(100):
            pause_ns = 900_000_000_000 if number >= 50 else 0
            now_ns = START_NS + number * 20_000_000 + pause_ns
            sim_ns = 12_000_000_000 + number * 20_000_000
            writer.write("/clock", clock(stamp(*split_stamp(sim_ns))), now_ns)
            if number % 10 == 0:
                writer.write("/chatter", text(f"number {number}"), now_ns)
    return path


def test_a_bag_that_holds_a_clock_gives_one_clock_and_a_long_pause_is_shortened(
    simulated, peer, play
):
    ticks = peer.collect(Clock, "/clock", 1000)
    process = play(simulated, "--clock", 50, "--max-pause", 0.5, "--wait-for", "/clock")
    wait_until(lambda: ticks, "the clock")
    assert peer.node.count_publishers("/clock") == 1
    assert ended(process) == 0, process.log
    wait_until(lambda: len(ticks) == 100, "every tick of the bag")
    times_ns = [tick.clock.sec * 10**9 + tick.clock.nanosec for tick in ticks]
    assert times_ns == sorted(times_ns), "time does not jump back"
    assert times_ns[0] == 12_000_000_000
    assert "the bag holds /clock: that is played, and no other clock beside it" in process.log
    assert "pauses for 900.0 s, 1.0 s after its start: shortened to 0.5 s" in process.log


def test_a_long_pause_is_told_of_while_one_waits(simulated, peer, play):
    process = play(simulated, "--topics", "/chatter")
    process.wait_for_log("s after its start: waiting; --max-pause S shortens it")
    assert process.popen.poll() is None


def test_what_is_skipped_is_skipped_on_the_clock_too():
    now_s = 100.0
    pace = Pace(START_NS, 2.0, lambda: now_s)
    pace.skip(900_000_000_000)
    assert pace.left_s(START_NS + 900_000_000_000) == 0.0
    assert pace.now_ns() == START_NS + 900_000_000_000
