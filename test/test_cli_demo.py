"""`dcfm demo` as a user runs it: real processes, real DDS, a small recording."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_harness import (
    START_NS,
    STEP_NS,
    pictures,
    segmented,
    write_recording,
)

from dcfm_ros.bags import open_bag
from dcfm_ros.images import to_labels
from dcfm_ros.replay.recording import street_bag
from dcfm_ros.streaming import KeyFrameSettings
from dcfm_ros.synthetic import StreetSettings

pytest.importorskip("rclpy")
pytestmark = pytest.mark.dds

CHECKOUT = Path(__file__).resolve().parents[1]
COUNT = 12
DEADLINE_S = 200.0


@pytest.fixture(scope="module")
def labels(checkpoint):
    """Of each picture as a key frame: the same, whichever frames are dropped."""
    return segmented(checkpoint, pictures(COUNT), KeyFrameSettings(policy="always"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory, labels):
    return write_recording(tmp_path_factory.mktemp("bag") / "drive", pictures(COUNT), labels)


def start(checkpoint, out, *arguments) -> subprocess.Popen[str]:
    options = ("--checkpoint", checkpoint, "--device", "cpu", "--threads", "1", "-o", out)
    command = [sys.executable, "-m", "dcfm_ros.cli", "demo", *arguments, *options]
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory, checkpoint, recording):
    """One run on the bag: its folder and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    process = start(checkpoint, out, recording, "--policy", "always")
    said, problems = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, problems
    return out, said


def test_the_run_ends_with_everything_in_place(demo):
    out, said = demo
    assert {entry.name for entry in out.iterdir()} == {
        "contact_sheet.png", "counts.npz", "frames.jsonl", "metrics.json", "node.log", "outputs",
        "report.html",
    }  # fmt: skip
    assert len(said.splitlines()) <= 24, "one screen"
    for part in ("12 sent", "p50", "key frames", "mIoU        100.0 %", "report.html"):
        assert part in said


def test_every_frame_is_accounted_for(demo):
    out, _ = demo
    (recording,) = json.loads((out / "metrics.json").read_text())["recordings"]
    delivery = recording["delivery"]
    assert delivery["sent"] == COUNT
    assert delivery["sent"] == sum(delivery[part] for part in ("segmented", "dropped", "lost"))
    assert recording["frames"] == delivery["segmented"] > 0


def test_figures_are_those_of_what_came_over_dds(demo, labels):
    """Each recorded label image is the offline one of its stamp, bit for bit."""
    out, _ = demo
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["setup"]["mode"] == "live"
    with open_bag(out / "outputs") as bag:
        counts = {topic.name: topic.count for topic in bag.topics}
        frames = list(bag.frames("/segmenter/label_image"))
    assert set(counts) == {
        f"/segmenter/{name}" for name in ("label_image", "color_image", "status", "label_info")
    }
    assert len(frames) == metrics["recordings"][0]["delivery"]["segmented"]
    for frame in frames:
        index = (frame.stamp_ns - START_NS) // STEP_NS
        np.testing.assert_array_equal(to_labels(frame.message), labels[index])
    assert metrics["total"]["accuracy"]["miou"] == 1.0
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
    assert [line["stamp_ns"] for line in lines] == [frame.stamp_ns for frame in frames]
    assert all(line["ms"]["total"] >= line["ms"]["network"] > 0 for line in lines)


def test_a_video_is_played_as_a_bag(checkpoint, tmp_path):
    video = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for image in pictures(5):
        writer.write(image)
    writer.release()
    out = tmp_path / "out"
    process = start(checkpoint, out, video)
    said, problems = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, problems
    assert "5 sent" in said
    metrics = json.loads((out / "metrics.json").read_text())
    (recording,) = metrics["recordings"]
    assert recording["path"] == str(out / "drive")
    with open_bag(out / "drive") as bag:
        assert bag.image_topics[0].count == 5
    assert recording["accuracy"] is None


def test_without_a_bag_a_street_is_rendered(tmp_path, capsys):
    bag = street_bag(StreetSettings(seed=3, duration_s=0.2, rate_hz=10.0), tmp_path)
    with open_bag(bag) as street:
        counts = {topic.name: topic.count for topic in street.topics}
    assert counts["/camera/image_raw/compressed"] == counts["/gt/label/compressed"] == 2
    assert capsys.readouterr().err == "rendering a street: 0.2 s at 10 Hz, 480x360\n"


def wait_for_node(process: subprocess.Popen[str], log: Path) -> int:
    """The process id of the node once it takes images."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not (log.is_file() and "waiting for images" in log.read_text()):
        assert process.poll() is None
        assert time.monotonic() < deadline_s
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (node,) = [
        pid for pid in children if b"segment_node" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return int(node)


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory):
    """Longer than any test waits, were it played to its end."""
    return write_recording(tmp_path_factory.mktemp("bag") / "long", pictures(600))


def test_a_node_that_dies_ends_the_demo_at_once(checkpoint, long_recording, tmp_path):
    out = tmp_path / "out"
    process = start(checkpoint, out, long_recording)
    os.kill(wait_for_node(process, out / "node.log"), signal.SIGKILL)
    _, problems = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert "error: the node ended by itself with exit code -9; it said last" in problems
    assert "waiting for images on" in problems
    assert [entry.name for entry in out.iterdir()] == ["node.log"]


def test_an_interrupted_demo_takes_its_node_along(checkpoint, long_recording, tmp_path):
    out = tmp_path / "out"
    process = start(checkpoint, out, long_recording)
    node = wait_for_node(process, out / "node.log")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert not Path(f"/proc/{node}").exists()
    assert [entry.name for entry in out.iterdir()] == ["node.log"]
