"""Recordings as they come from the field give the same grids live and in exact mode, cell by cell.

The live node gets every message over DDS and the time of recording on /clock.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from costmap_harness import LATCHED, TF, TF_STATIC, stamp
from depth_camera import DepthCamera
from nav_msgs.msg import OccupancyGrid
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import QoSProfile
from ros_harness import CHECKOUT, Inside, running_peer, wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from dcfm_ros.bags import open_bag, split_stamp, stamp_ns, write_bag
from dcfm_ros.costmap import CostGrid
from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.errors import TransformError
from dcfm_ros.evaluation.run.costmap_run import CostmapRun, costmap_of
from dcfm_ros.evaluation.run.exact import Extras, segment
from dcfm_ros.msg import ClassGrid
from dcfm_ros.pipeline import CameraPipeline
from dcfm_ros.ros.messages import time_message
from dcfm_ros.streaming import Segmenter
from dcfm_ros.synthetic import Street, StreetSettings, write_street_bag

FRAMES, STEP_NS = 12, 200_000_000
MS = 1_000_000
IMAGE, INFO, DEPTH = (f"/awkward/{name}" for name in ("image", "camera_info", "depth"))
NAMES = {"/camera/image_raw": IMAGE, "/camera/camera_info": INFO, "/camera/depth": DEPTH}
NAMES |= {"/tf": "/tf", "/tf_static": "/tf_static"}
OWN_INFO = "/awkward/depth/camera_info"
TYPES = {
    OWN_INFO: CameraInfo,
    IMAGE: Image,
    INFO: CameraInfo,
    DEPTH: Image,
    "/tf": TFMessage,
    "/tf_static": TFMessage,
}
TIMEOUT_S = 0.2
ALL_GRIDS = QoSProfile(depth=500, durability=LATCHED.durability)


@dataclass
class Entry:
    """A message of a recording."""

    topic: str
    message: Any
    log_ns: int
    number: int
    """Of its kind."""
    of_other_camera: Any = None
    """The message where depth is that of another camera."""

    def restamp(self, at_ns: int) -> None:
        self.message.header.stamp.sec, self.message.header.stamp.nanosec = split_stamp(at_ns)

    def delay(self, by_ns: int) -> None:
        self.log_ns += by_ns


Change = Callable[[Entry], bool | None]
"""Changes an entry; False leaves it out."""


def tf_late(entry: Entry) -> None:
    if entry.topic == "/tf":
        entry.delay(50 * MS)


def tf_too_late_for_some(entry: Entry) -> None:
    if entry.topic == "/tf" and 5 <= entry.number < 8:
        entry.delay(350 * MS)


def info_late(entry: Entry) -> bool:
    return entry.topic != INFO or entry.number >= 4


def info_once(entry: Entry) -> bool:
    return entry.topic != INFO or entry.number == 0


def info_changes(entry: Entry) -> None:
    """The lens zooms out, and its calibration is published after each image."""
    if entry.topic == INFO:
        entry.delay(20 * MS)
        if entry.number >= 6:
            entry.message.k = entry.message.k * np.array([0.8, 1, 1, 1, 0.8, 1, 1, 1, 1])


def depth_off(entry: Entry) -> None:
    if entry.topic == DEPTH:
        entry.restamp(stamp_ns(entry.message.header) + (8 if entry.number % 2 else -8) * MS)
        entry.delay(12 * MS)


def depth_rare(entry: Entry) -> bool:
    return entry.topic != DEPTH or entry.number % 3 == 0


def stamps_zero(entry: Entry) -> None:
    if (entry.topic, entry.number) in {(IMAGE, 3), (IMAGE, 7), (DEPTH, 5)}:
        entry.restamp(0)


@dataclass(frozen=True)
class Case:
    """How a recording is awkward, and what becomes of its frames."""

    change: Change = lambda entry: None
    depth: bool = False
    other_camera: bool = False
    loops: int = 1
    added: int = FRAMES
    without_depth: int = 0

    def takes(self, entry: Entry) -> bool:
        return entry.topic not in (DEPTH, OWN_INFO) or (
            self.other_camera if entry.topic == OWN_INFO else self.depth
        )


CASES = {
    "tf late": Case(tf_late),
    "tf too late for some": Case(tf_too_late_for_some, added=FRAMES - 3),
    "calibration late": Case(info_late, added=FRAMES - 4),
    "calibration latched": Case(info_once),
    "calibration changes": Case(info_changes),
    "depth": Case(depth=True),
    "depth off": Case(depth_off, depth=True),
    "depth rare": Case(depth_rare, depth=True, without_depth=8),
    "depth of another camera": Case(depth_off, depth=True, other_camera=True),
    "stamps zero": Case(stamps_zero, depth=True, added=FRAMES - 2, without_depth=1),
    "loop": Case(tf_late, loops=2, added=2 * FRAMES),
}


@pytest.fixture(scope="module")
def street(tmp_path_factory) -> list[Entry]:
    """What a street's bag holds for node and costmap."""
    path = tmp_path_factory.mktemp("street") / "street"
    settings = StreetSettings(
        width=160, height=120, rate_hz=5.0, duration_s=FRAMES / 5, motion="slow"
    )
    assert write_street_bag(path, settings, image="raw") == FRAMES
    camera = DepthCamera(Street(settings), 176, 128)
    found: list[Entry] = []
    with open_bag(path) as bag:
        for entry in bag.messages(list(NAMES)):
            topic = NAMES[entry.topic]
            number = sum(other.topic == topic for other in found)
            found.append(Entry(topic, entry.message, entry.log_ns, number))
            if topic == DEPTH:
                found[-1].of_other_camera = camera.depth(number, entry.message.header)
            elif topic == INFO:
                own = camera.info(entry.message)
                found.append(Entry(OWN_INFO, own, entry.log_ns, number, own))
            elif topic == "/tf_static":
                other = copy.deepcopy(entry.message)
                other.transforms.append(camera.mount(other.transforms[0]))
                found[-1].of_other_camera = other
    return found


@pytest.fixture(scope="module")
def peer():
    with running_peer("awkward_peer") as peer:
        yield peer


@pytest.fixture(scope="module")
def node(peer):
    depth = "qos_overrides./awkward/segmenter/{}.publisher.depth"
    node = Inside(
        peer.context,
        "awkward",
        CHECKOUT / "models" / "street.safetensors",
        **{
            "use_sim_time": True,
            "engine.device": "cpu",
            "engine.network_height": 120,
            "engine.network_width": 160,
            "costmap.rate_hz": 50.0,
            "costmap.tf_timeout_s": TIMEOUT_S,
            "costmap.clear_after_s": 3600.0,
            depth.format("costmap"): 500,
            depth.format("class_grid"): 500,
        },
    )
    assert node.do(node.node.trigger_configure) is TransitionCallbackReturn.SUCCESS
    yield node
    node.close()


class Grids:
    """What the node publishes, but for the grids that only clear."""

    def __init__(self, peer) -> None:
        name = "/awkward/segmenter/{}"
        self._costs = peer.collect(OccupancyGrid, name.format("costmap"), ALL_GRIDS)
        self._classes = peer.collect(ClassGrid, name.format("class_grid"), ALL_GRIDS)

    def forget(self) -> None:
        self._costs.clear()
        self._classes.clear()

    def known(self) -> list[tuple[OccupancyGrid, ClassGrid]]:
        costs = [grid for grid in list(self._costs) if (np.asarray(grid.data) != -1).any()]
        classes = [g for g in list(self._classes) if (np.asarray(g.class_id) != 255).any()]
        return list(zip(costs, classes, strict=False))


@pytest.fixture(scope="module")
def grids(peer, node):
    return Grids(peer)


def recording(path: Path, street: list[Entry], case: Case) -> Path:
    """A bag of the street as the case has it."""
    length_ns = (FRAMES + 1) * STEP_NS
    with write_bag(path) as bag:
        entries = []
        for loop in range(case.loops):
            for entry in copy.deepcopy(street):
                if case.other_camera and entry.of_other_camera is not None:
                    entry.message = entry.of_other_camera
                if case.takes(entry):
                    entry.delay(loop * length_ns)
                    if case.change(entry) is not False:
                        entries.append(entry)
        for entry in sorted(entries, key=lambda entry: entry.log_ns):
            latched = entry.topic == "/tf_static"
            bag.write(entry.topic, entry.message, entry.log_ns, latched=latched)
    return path


def exact(bag: Path, node: Inside, case: Case) -> tuple[CostmapRun, list[CostGrid]]:
    """The grids of exact mode, by the network of the node."""
    engine, settings = node.node._configured.engine, node.node.settings
    grids: list[CostGrid] = []
    with (
        open_source(bag, SourceOptions(image_topic=IMAGE)) as source,
        costmap_of(
            source, settings.costmap, engine.info.labels, DEPTH if case.depth else ""
        ) as costmap,
    ):
        assert costmap is not None
        costmap.on_grid = grids.append
        pipeline = CameraPipeline(Segmenter(engine, settings.key_frames))
        for _ in costmap.watch(segment(source, pipeline, pytest.fail, Extras(confidence=True))):
            pass
    return costmap, grids


class Live:
    """One activation of the node, to which a bag is published message by message."""

    def __init__(self, peer, node: Inside, bag: Path) -> None:
        self._node = node
        self._bag = bag
        with open_bag(bag) as reader:
            topics = [topic.name for topic in reader.topics if topic.count]
            latched = {"/tf_static", *(t.name for t in reader.topics if t.count == 1)}
        self._publishers = {
            topic: peer.node.create_publisher(
                TYPES[topic], topic, TF_STATIC if topic in latched else TF
            )
            for topic in topics
        }
        self._clock = peer.node.create_publisher(Clock, "/clock", 10)
        self._peer = peer
        self._images = 0

    @property
    def stage(self):
        return self._node.node._session.costmap

    def play(self) -> None:
        at_ns = 0
        with open_bag(self._bag) as reader:
            for entry, raw in zip(reader.messages(), reader.raw_messages(), strict=True):
                at_ns = entry.log_ns
                self._tell_time(at_ns)
                self._images += entry.topic == IMAGE
                self._publishers[entry.topic].publish(raw.cdr)
                wait_until(lambda e=entry: self._has_come(e), f"{entry.topic} to arrive")
        self._tell_time(at_ns + round(TIMEOUT_S * 1e9))
        wait_until(self._is_done, "the last image")

    def close(self) -> None:
        for publisher in (*self._publishers.values(), self._clock):
            self._peer.node.destroy_publisher(publisher)

    @contextmanager
    def active(self) -> Iterator[None]:
        depths, infos = int(DEPTH in self._publishers), int(OWN_INFO in self._publishers)
        count = self._node.node.count_publishers
        wait_until(lambda: count(DEPTH) == depths and count(INFO) == 1, "discovery")
        wait_until(lambda: count(OWN_INFO) == infos, "discovery of the depth's calibration")
        assert self._node.do(self._node.node.trigger_activate) is TransitionCallbackReturn.SUCCESS
        try:
            for topic, publisher in self._publishers.items():
                wait_until(publisher.get_subscription_count, f"subscription of {topic}")
            yield
        finally:
            self._node.do(self._node.node.trigger_deactivate)

    def _tell_time(self, at_ns: int) -> None:
        """Set the clock, and wait until the node gave up what has waited too long by then."""
        clock, message = self._node.node.get_clock(), Clock(clock=time_message(at_ns))

        def is_told() -> bool:
            self._clock.publish(message)
            return bool(clock.now().nanoseconds == at_ns)

        wait_until(is_told, "the time")
        timeout_ns = round(TIMEOUT_S * 1e9)

        def is_settled() -> bool:
            with self.stage._changed:
                waiting = list(self.stage._feed._waiting)
            return all(at_ns - one.since_ns < timeout_ns for one in waiting)

        wait_until(is_settled, "what is late")

    def _has_come(self, entry: Any) -> bool:
        stage, message = self.stage, entry.message
        if entry.topic.startswith("/tf"):
            pose = message.transforms[0]
            frames = pose.header.frame_id, pose.child_frame_id
            try:
                return bool(stage.transforms.lookup(*frames, stamp_ns(pose.header)).any())
            except TransformError:
                return False
        at = stamp_ns(message.header)
        if entry.topic == IMAGE:
            return bool(self._node.camera.counter.read().published == self._images)
        feed = stage._feed
        found = {INFO: feed._infos, OWN_INFO: feed._depth_infos, DEPTH: feed._depths}[entry.topic]
        return at == 0 or ("" in found and found[""].near(at, 0) is not None)

    def _is_done(self) -> bool:
        counts = self.stage.counter.read()
        return counts.added + counts.refused + counts.overtaken == self._images


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", list(CASES))
def test_an_awkward_recording_gives_the_same_grids_live_and_exact(
    name, street, peer, node, grids, tmp_path
):
    case = CASES[name]
    bag = recording(tmp_path / "bag", street, case)
    costmap, expected = exact(bag, node, case)
    assert costmap.added == case.added
    assert len(expected) == case.added
    matches = costmap._feed.depth_matches.get("")
    assert (matches.missed if matches else 0) == case.without_depth

    live = Live(peer, node, bag)
    grids.forget()
    try:
        with live.active():
            live.play()
            counts = live.stage.counter.read()
            assert (counts.added, counts.grids, counts.overtaken) == (case.added, case.added, 0)
            wait_until(lambda: len(grids.known()) == case.added, "all grids")
    finally:
        live.close()
    for grid, (costs, classes) in zip(expected, grids.known(), strict=True):
        place = costs.info.origin.position
        assert (place.x, place.y) == pytest.approx(grid.origin_m, abs=1e-9)
        assert stamp(costs) == stamp(classes) == grid.stamp_ns
        np.testing.assert_array_equal(np.asarray(costs.data), grid.costs.ravel())
        np.testing.assert_array_equal(np.asarray(classes.class_id), grid.class_ids.ravel())
        np.testing.assert_array_equal(np.asarray(classes.confidence), grid.confidence.ravel())
