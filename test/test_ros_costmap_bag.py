"""A bag through the live node gives the costmap that the same bag gives offline, cell by cell."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from costmap_harness import LATCHED, stamp
from nav_msgs.msg import OccupancyGrid
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from ros_harness import Process, running_node, running_peer, wait_for, wait_until

from dcfm_ros.bags import open_bag, stamp_ns
from dcfm_ros.costmap import CostGrid, CostmapBuilder, CostmapFeed, LabelledImage
from dcfm_ros.costmap.shipped import classes_of
from dcfm_ros.geometry import TransformBuffer
from dcfm_ros.msg import ClassGrid, FrameStatus
from dcfm_ros.pipeline import CameraPipeline
from dcfm_ros.ros.settings import LiveCostmapSettings
from dcfm_ros.streaming import Engine, EngineSettings, Segmenter
from dcfm_ros.synthetic import StreetSettings, write_street_bag

IMAGES, INFO, DEPTH = "/camera/image_raw/compressed", "/camera/camera_info", "/camera/depth"
FRAMES = 12
RATE = 0.4
ATTEMPTS = 3
SETTINGS = LiveCostmapSettings(
    rate_hz=2.0, prompt_range_m=12.0, max_rate_hz=10.0, tf_timeout_s=10.0, clear_after_s=3600.0
)
ALL_GRIDS = QoSProfile(
    depth=FRAMES, reliability=QoSReliabilityPolicy.RELIABLE, durability=LATCHED.durability
)


def write_bag(path: Path, depth: str) -> Path:
    settings = StreetSettings(
        width=160, height=120, rate_hz=10.0, duration_s=FRAMES / 10, motion="slow"
    )
    assert write_street_bag(path, settings, depth=depth) == FRAMES
    return path


@pytest.fixture(scope="module")
def engine():
    """The shipped model on the CPU."""
    engine = Engine.load(EngineSettings(device="cpu"))
    yield engine
    engine.release()


def offline(engine: Engine, bag: Path, with_depth: bool) -> dict[int, CostGrid]:
    """The grids of the bag by stamp."""
    pipeline = CameraPipeline(Segmenter(engine))
    labels = engine.info.labels
    transforms = TransformBuffer()
    classes = classes_of(SETTINGS, labels.name, labels.classes)
    builder = CostmapBuilder(SETTINGS, classes, transforms)
    feed = CostmapFeed(builder, [""] if with_depth else [])
    updates = []
    with open_bag(bag) as reader:
        for entry in reader.messages(["/tf", "/tf_static", INFO, IMAGES, *[DEPTH] * with_depth]):
            message = entry.message
            if entry.topic.startswith("/tf"):
                transforms.feed(message, static=entry.topic == "/tf_static")
            elif entry.topic == INFO:
                feed.camera_info("", stamp_ns(message.header), message)
            elif entry.topic == DEPTH:
                feed.depth("", stamp_ns(message.header), message)
            else:
                at = stamp_ns(message.header)
                found = pipeline.segment(pipeline.decode(message).rgb, at, confidence=True)
                frame_id = message.header.frame_id
                age_s = found.age_ns / 1e9
                image = LabelledImage("", frame_id, at, found.labels, found.confidence, age_s)
                feed.put(image, entry.log_ns)
            updates += feed.take(entry.log_ns)
    updates += feed.take(None)
    assert len(updates) == FRAMES
    assert not [update.error for update in updates if update.error]
    return {update.image.stamp_ns: update.grid for update in updates if update.grid is not None}


class Attempt:
    """The bag played once to an active node, which starts anew for it."""

    def __init__(self, peer, bag: Path, rate: float, topics: list[str], last_ns: int, log: Path):
        statuses = peer.collect(FrameStatus, "/road/segmenter/status", FRAMES)
        costs = peer.collect(OccupancyGrid, "/road/segmenter/costmap", ALL_GRIDS)
        classes = peer.collect(ClassGrid, "/road/segmenter/class_grid", ALL_GRIDS)
        for topic in ("status", "costmap", "class_grid"):
            wait_until(lambda t=topic: peer.node.count_publishers(f"/road/segmenter/{t}"), topic)
        play = [sys.executable, "-m", "dcfm_ros.cli", "play", str(bag), "--rate", str(rate)]
        player = Process([*play, "--topics", *topics, "--wait-for", *topics], log)
        try:
            assert player.popen.wait(120) == 0, player.log
            self.complete = bool(wait_for(lambda: len(statuses) == FRAMES, 10))
            if self.complete:
                wait_until(lambda: [g for g in classes if stamp(g) == last_ns], "the last grid")
        finally:
            player.kill()
        print(f"{len(statuses)} of {FRAMES} frames came back")
        self.costs = {stamp(grid): grid for grid in costs if stamp(grid) >= stamp(statuses[0])}
        self.classes = {stamp(g): g for g in classes if stamp(g) >= stamp(statuses[0])}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A node, and a peer that listens to it."""
    parameters = {
        "image_transport": "compressed",
        "engine.device": "cpu",
        "costmap.rate_hz": SETTINGS.rate_hz,
        "costmap.prompt_range_m": SETTINGS.prompt_range_m,
        "costmap.max_rate_hz": SETTINGS.max_rate_hz,
        "costmap.tf_timeout_s": SETTINGS.tf_timeout_s,
        "costmap.clear_after_s": SETTINGS.clear_after_s,
    }
    remaps = ["-r", "image:=/camera/image_raw", "-r", f"depth:={DEPTH}"]
    log = tmp_path_factory.mktemp("road") / "log"
    with (
        running_peer("road_peer") as peer,
        running_node(log, "road", parameters, *remaps) as process,
    ):
        process.wait_for_log(f"active; waiting for images on {IMAGES}", 90)
        yield peer
        assert process.end() == 0


@pytest.fixture
def peer(running):
    """The node starts anew after each test."""
    yield running
    start_anew(running)


def start_anew(peer) -> None:
    assert peer.transition("/road/segmenter", "deactivate")
    assert peer.transition("/road/segmenter", "activate")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("depth", ["none", "16UC1"])
def test_the_live_grids_of_a_bag_are_those_of_the_offline_run(depth, engine, peer, tmp_path):
    bag = write_bag(tmp_path / "street", depth)
    expected = offline(engine, bag, depth != "none")
    regular = [at for at in expected if at % 500_000_000 == 0]
    assert len(regular) == 3
    came_at_once = len(expected) > len(regular)
    assert came_at_once == (depth == "none")  # by depth, no obstacle comes or goes here
    last = expected[max(expected)]
    assert {0, 100} <= set(np.unique(last.costs))
    topics = [IMAGES, INFO, "/tf", "/tf_static", *([DEPTH] if depth != "none" else [])]
    for number in range(ATTEMPTS):
        log = tmp_path / f"player_{number}"
        attempt = Attempt(peer, bag, RATE / 2**number, topics, max(expected), log)
        if attempt.complete:
            break
        # Something else took the cores for longer than a frame: once more, at half the rate.
        start_anew(peer)
    live = {at: grid for at, grid in attempt.costs.items() if at in expected}
    assert sorted(live) == sorted(expected)
    for at, grid in expected.items():
        place = live[at].info.origin.position
        assert (place.x, place.y) == pytest.approx(grid.origin_m, abs=1e-9)
        np.testing.assert_array_equal(np.asarray(live[at].data), grid.costs.ravel())
        classes = attempt.classes[at]
        np.testing.assert_array_equal(np.asarray(classes.class_id), grid.class_ids.ravel())
        np.testing.assert_array_equal(np.asarray(classes.confidence), grid.confidence.ravel())
