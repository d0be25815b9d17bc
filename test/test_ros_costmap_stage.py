"""The costmap of a node that gets perfect labels: transforms, calibration and depth over DDS.

No network is needed: labels of the synthetic street are handed to the stage as the worker would.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from costmap_harness import BASE, GLOBAL, LATCHED, RELIABLE_IMAGES, Car, small_street, stamp
from geometry_msgs.msg import TransformStamped
from nav2_consumer import field, xyz
from nav_msgs.msg import OccupancyGrid
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from ros_harness import running_peer, wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from dcfm_ros.costmap import GridSettings, Kind, read_classes
from dcfm_ros.msg import ClassGrid
from dcfm_ros.network.labels import CAMVID11
from dcfm_ros.resources import resource
from dcfm_ros.ros.configured_costmap import ConfiguredCostmap
from dcfm_ros.ros.costmap_inputs import CostmapInputs
from dcfm_ros.ros.costmap_settings import LiveCostmapSettings
from dcfm_ros.ros.executor import spin
from dcfm_ros.ros.messages import time_message
from dcfm_ros.streaming import FrameResult, KeyFrameReason
from dcfm_ros.synthetic import SyntheticFrame

CLASSES = read_classes(resource("config/classes/camvid.yaml"))
PATIENT = LiveCostmapSettings(rate_hz=50.0, tf_timeout_s=10.0, clear_after_s=3600.0)
HASTY = LiveCostmapSettings(rate_hz=50.0, tf_timeout_s=0.1, clear_after_s=3600.0)


class StageNode:
    """A node with everything but the network."""

    def __init__(self, context, namespace: str, settings: LiveCostmapSettings, cameras=("",)):
        self.warnings: list[str] = []
        self.node = Node("segmenter", namespace=namespace, context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self.costmap = ConfiguredCostmap(
            self.node, settings, cameras, CAMVID11, lambda topic, policy: None
        )
        self.settings = settings
        self.stage = self.costmap.stage(settings, self._warn)
        prefixes = {name: f"/{namespace}/{name}/" if name else f"/{namespace}/" for name in cameras}
        topics = {name: prefix + "image" for name, prefix in prefixes.items()}
        stage = self.stage
        inputs = CostmapInputs(self.node, topics, "auto", stage.transforms, stage.wake, self._warn)
        stage.start(inputs)
        self._spinning = spin(self._executor, self.node.get_logger())
        self._spinning.__enter__()

    def label(self, frame: SyntheticFrame, car: Car) -> None:
        """Hand over the true labels of a frame."""
        camera = car.frame_id.partition("_camera_")[0] if "_camera_" in car.frame_id else ""
        header = Header(stamp=time_message(frame.stamp_ns), frame_id=car.frame_id)
        result = FrameResult(
            labels=frame.labels,
            confidence=np.full(frame.labels.shape, 255, np.uint8),
            mean_confidence=1.0,
            is_key_frame=True,
            reason=KeyFrameReason.FIRST,
            age=0,
            age_ns=0,
            expected_label_change=math.nan,
            key_budget=math.nan,
            preprocess_ms=0.0,
            network_ms=0.0,
            postprocess_ms=0.0,
        )
        self.stage.offer(camera, header, result)

    def counts(self):
        return self.stage.counter.read()

    def in_executor(self, action):
        task = self._executor.create_task(action)
        wait_until(task.done, "task of the executor")
        return task.result()

    def close(self) -> None:
        self.stage.stop()
        assert self.stage.join()
        self._spinning.__exit__(None, None, None)
        self.stage.inputs.close()
        self.costmap.close()
        self._executor.shutdown()
        self.node.destroy_node()

    def _warn(self, kind: str, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def peer():
    with running_peer("stage_peer") as peer:
        yield peer


@pytest.fixture(scope="module")
def frames() -> list[SyntheticFrame]:
    street = small_street(width=240, height=180, people=0.0)
    return [street.frame(index) for index in range(6)]


@pytest.fixture
def world(peer):
    """Makes a node, a car beside it and a consumer of its grids, each test with fresh topics."""
    made: list = []

    def make(namespace: str, settings: LiveCostmapSettings, camera: str = "") -> SimpleNamespace:
        cameras = (camera,) if isinstance(camera, str) else camera
        node = StageNode(peer.context, namespace, settings, cameras)
        made.append(node)
        grids = peer.collect(OccupancyGrid, f"/{namespace}/segmenter/costmap", LATCHED)
        classes = peer.collect(ClassGrid, f"/{namespace}/segmenter/class_grid", LATCHED)
        cars = [Car(peer, namespace, name) for name in cameras]
        made.extend(cars)
        wait_until(lambda: grids and classes, "the first grid")
        return SimpleNamespace(node=node, car=cars[0], cars=cars, grids=grids, classes=classes)

    yield make
    for thing in reversed(made):
        thing.close()


def prepare(world, frame: SyntheticFrame, *, mount: bool = True) -> None:
    """Until the node knows the calibration of each camera and where it is mounted."""
    for car in world.cars:
        wait_until(car.tf.get_subscription_count, "subscription of tf")

    def knows() -> bool:
        for car in world.cars:
            car.calibrate(frame)
            if mount:
                car.mount(frame)
        inputs, stage = world.node.stage.inputs.cameras.values(), world.node.stage
        known = not mount or BASE in stage.transforms.frames
        return known and all(camera.info.latest is not None for camera in inputs)

    wait_until(knows, "calibration")


def grid_at(world, at: int) -> np.ndarray:
    """(height, width) costs of the grid with a stamp."""
    (grid,) = wait_until(lambda: [g for g in world.grids if stamp(g) == at][:1], f"grid at {at}")
    return np.asarray(grid.data, np.int8).reshape(grid.info.height, grid.info.width)


def is_unknown(grid: OccupancyGrid) -> bool:
    return bool((np.asarray(grid.data) == -1).all())


def test_perfect_labels_give_the_streets_own_costs(world, peer):
    street = small_street(width=320, height=240, people=0.0)
    here = world("truth", PATIENT)
    prepare(here, street.frame(0))
    here.car.stand(street.frame(0))
    here.node.label(street.frame(0), here.car)
    at = street.stamp_ns(0)
    costs = grid_at(here, at)
    grid = next(g for g in here.grids if stamp(g) == at)
    size, origin = grid.info.resolution, grid.info.origin.position
    rows, columns = np.indices(costs.shape)
    places = np.stack([origin.x + (columns + 0.5) * size, origin.y + (rows + 0.5) * size], -1)
    truth = street.ground_truth_grid(0, places)
    ground = (CLASSES.kinds()[truth] == Kind.GROUND) & (costs >= 0) & (costs < 100)
    assert ground.sum() > 1000
    assert (costs[ground] == CLASSES.costs(-1)[truth[ground]]).mean() > 0.97
    assert (costs == 100).any()


def test_frames_wait_for_their_transform_and_hold_nobody_up(world, frames):
    here = world("waits", PATIENT)
    prepare(here, frames[0])
    for frame in frames:
        here.node.label(frame, here.car)
    assert here.node.counts().added == 0
    assert here.node.counts().refused == 0
    for frame in frames:
        here.car.stand(frame)
    grid_at(here, frames[-1].stamp_ns)
    counts = here.node.counts()
    assert (counts.added, counts.refused, counts.overtaken) == (len(frames), 0, 0)
    stamps = [stamp(grid) for grid in here.grids[1:]]
    assert stamps == sorted(set(stamps)), "in the order of the frames"


def test_without_a_transform_nothing_changes_and_both_frames_are_named(world, frames):
    here = world("lost", HASTY)
    prepare(here, frames[0], mount=False)
    here.node.label(frames[0], here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    assert len(here.grids) == 1
    problem = here.node.counts().last_problem
    assert "no transform from 'base_link' to 'odom'" in problem
    assert "publish it on /tf or /tf_static" in problem
    wait_until(lambda: any(problem in warning for warning in here.node.warnings), "warning")


def test_a_mount_that_is_missing_is_named_as_well(world, frames):
    here = world("unmounted", HASTY)
    prepare(here, frames[0], mount=False)
    here.car.stand(frames[0])
    wait_until(lambda: GLOBAL in here.node.stage.transforms.frames, "transform")
    here.node.label(frames[0], here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    expected = "no transform from 'camera_optical_frame' to 'base_link'"
    assert expected in here.node.counts().last_problem


def test_all_turns_unknown_when_input_goes_stale_and_comes_back(world, frames):
    settings = LiveCostmapSettings(rate_hz=50.0, tf_timeout_s=10.0, clear_after_s=0.3)
    here = world("stale", settings)
    prepare(here, frames[0])
    here.car.stand(frames[0])
    here.node.label(frames[0], here.car)
    known = grid_at(here, frames[0].stamp_ns)
    assert (known != -1).any()

    def cleared() -> bool:
        here.node.in_executor(here.node.stage.look)
        return is_unknown(here.grids[-1])

    wait_until(cleared, "the grid that clears")
    assert here.node.stage.is_stale
    assert here.grids[-1].info.origin == here.grids[-2].info.origin
    count = len(here.grids)
    here.node.in_executor(here.node.stage.look)
    assert len(here.grids) == count, "said once"
    assert any("all of it is unknown now" in warning for warning in here.node.warnings)

    here.car.stand(frames[1])
    here.node.label(frames[1], here.car)
    again = grid_at(here, frames[1].stamp_ns)
    assert (again != -1).any()
    assert not here.node.stage.is_stale


def test_stopping_turns_all_unknown_and_nothing_follows(world, frames):
    here = world("stops", PATIENT)
    prepare(here, frames[0])
    here.car.stand(frames[0])
    here.node.label(frames[0], here.car)
    grid_at(here, frames[0].stamp_ns)
    here.node.label(frames[1], here.car)  # waits for its transform
    here.node.stage.stop()
    assert here.node.stage.join()
    wait_until(lambda: is_unknown(here.grids[-1]), "the grid that clears")
    wait_until(lambda: set(here.classes[-1].class_id) == {255}, "its classes")
    assert not np.asarray(here.classes[-1].confidence).any()
    here.car.stand(frames[1])
    here.node.label(frames[1], here.car)
    assert here.node.counts().added == 1


def test_unknown_may_cost_nothing_where_it_would_overwrite(world, frames):
    settings = replace(PATIENT, grid=GridSettings(unknown_value=0))
    here = world("free", settings)
    assert not np.asarray(here.grids[0].data).any()
    prepare(here, frames[0])
    here.car.stand(frames[0])
    here.node.label(frames[0], here.car)
    costs = grid_at(here, frames[0].stamp_ns)
    assert set(np.unique(costs)) == {0, 50, 100}
    at = frames[0].stamp_ns
    (grid,) = wait_until(lambda: [c for c in here.classes if stamp(c) == at], "its classes")
    ids = np.asarray(grid.class_id, np.uint8).reshape(costs.shape)
    assert not costs[ids == ClassGrid.UNKNOWN].any()
    assert (ids == ClassGrid.UNKNOWN).any()


def test_several_cameras_fuse_into_one_grid(world, frames, peer):
    here = world("fused", PATIENT, ("front", "rear"))
    front, rear = here.cars
    prepare(here, frames[0])
    turned = SimpleNamespace(**vars(frames[0]))
    half_turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    turned.base_from_camera = half_turn @ frames[0].base_from_camera
    rear.mount(turned)
    obstacles = {
        name: peer.collect(PointCloud2, f"/fused/segmenter/{name}/obstacles", 5)
        for name in ("front", "rear")
    }
    wait_until(
        lambda: all(n.wants_obstacles for n in here.node.stage._nav.values()), "subscriptions"
    )
    front.stand(frames[0])
    buffer = here.node.stage.transforms

    def has_turned() -> bool:
        rear.mount(turned)
        pose = buffer.lookup(BASE, rear.frame_id, None)
        return bool(np.allclose(pose, turned.base_from_camera))

    wait_until(has_turned, "the mount of the camera behind")
    here.node.label(frames[0], front)
    ahead = grid_at(here, frames[0].stamp_ns).copy()
    front.stand(frames[1])
    here.node.label(frames[1], rear)
    both = grid_at(here, frames[1].stamp_ns)
    assert here.node.counts().added == 2
    assert (both[ahead != -1] != -1).mean() > 0.95, "what is ahead stays"
    assert ((both != -1) & (ahead == -1)).sum() > 500, "what is behind comes in addition"
    wait_until(lambda: obstacles["front"] and obstacles["rear"], "obstacles of each camera")
    assert xyz(obstacles["front"][0])[..., 0].min() > 0 > xyz(obstacles["rear"][0])[..., 0].max()


def test_depth_is_waited_for_and_projected_by(world, frames, peer):
    here = world("deep", PATIENT)
    prepare(here, frames[0])
    here.car.add_depth()
    depth = here.node.stage.inputs.cameras[""].depth
    wait_until(lambda: depth.refresh() or depth.state().publishers, "the node to see it")
    clouds = peer.collect(PointCloud2, "/deep/segmenter/obstacles", 5)
    wait_until(lambda: here.node.stage._nav[""].wants_obstacles, "subscription")
    for frame, encoding in ((frames[0], "32FC1"), (frames[1], "16UC1")):
        here.car.stand(frame)
        added = here.node.counts().added
        here.node.label(frame, here.car)
        wait_until(
            lambda f=frame: here.node.stage._builder.ready(here.car.frame_id, f.stamp_ns), "tf"
        )
        assert here.node.counts().added == added, "depth may still come"
        here.car.measure(frame, encoding)
        grid_at(here, frame.stamp_ns)
        (cloud,) = wait_until(
            lambda f=frame: [c for c in clouds if stamp(c) == f.stamp_ns], "obstacles"
        )
        heights = xyz(cloud)[0, :, 2]
        assert heights.max() > 0.5, "measured points, not contacts with the ground"
        assert set(field(cloud, "class_id")[0]) <= set(range(11))


def test_depth_in_a_wrong_unit_is_warned_of(world, frames):
    here = world("unit", PATIENT)
    prepare(here, frames[0])
    here.car.add_depth()
    depth = here.node.stage.inputs.cameras[""].depth
    for frame in frames[:3]:
        here.car.stand(frame)
        wrong = SimpleNamespace(**vars(frame))
        wrong.depth_m = frame.depth_m * np.float32(1000)
        here.car.measure(wrong)
        wait_until(lambda f=frame: depth.find(f.stamp_ns) is not None, "depth")
        here.node.label(frame, here.car)
        grid_at(here, frame.stamp_ns)
    assert len([w for w in here.node.warnings if "times what the camera's mount says" in w]) == 1


def broken_infos() -> dict[str, tuple[dict, str]]:
    nan = math.nan
    skew = [100.0, 0.0, 80.0, 0.0, nan, 60.0, 0.0, 0.0, 1.0]
    return {
        "zero K": ({"k": [0.0] * 9}, "not calibrated"),
        "NaN": ({"k": skew}, "not finite"),
        "other aspect": ({"width": 320, "height": 120}, "another aspect ratio"),
        "unknown lens": ({"distortion_model": "kannala", "d": [0.1] * 4}, "'kannala'"),
        "too few coefficients": ({"d": [0.1, 0.2]}, "2 coefficients"),
    }


@pytest.mark.parametrize("kind", list(broken_infos()))
def test_a_calibration_that_cannot_be_used_is_named_and_a_good_one_is_used(world, frames, kind):
    changes, reason = broken_infos()[kind]
    here = world("broken_" + kind.lower().replace(" ", "_"), PATIENT)
    prepare(here, frames[0])
    info = here.node.stage.inputs.cameras[""].info
    broken = CameraInfo(
        **{
            **{n: getattr(info.latest, n) for n in ("width", "height", "k", "r", "p", "header")},
            "distortion_model": "plumb_bob",
            **changes,
        }
    )
    wait_until(lambda: here.car.info.publish(broken) or info.latest == broken or _nan(info), "it")
    here.car.stand(frames[0])
    here.node.label(frames[0], here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    assert reason in here.node.counts().last_problem
    wait_until(lambda: here.car.calibrate(frames[1]) or good(info), "a good one")
    here.car.stand(frames[1])
    here.node.label(frames[1], here.car)
    assert (grid_at(here, frames[1].stamp_ns) != -1).any()


def _nan(info) -> bool:
    return bool(np.isnan(np.asarray(info.latest.k)).any())


def good(info) -> bool:
    latest = info.latest
    return latest.k[0] > 0 and latest.width == 240 and not _nan(info) and not any(latest.d)


def broken_depths() -> dict[str, tuple[Image, str]]:
    zeros = array("B", bytes(4 * 240 * 60))
    flat = Image(height=60, width=240, encoding="32FC1", step=960, data=zeros)
    colour = Image(height=180, width=240, encoding="rgb8", step=720, data=array("B", b"1"))
    short = Image(height=180, width=240, encoding="16UC1", step=480, data=array("B", b"12"))
    return {
        "other aspect": (flat, "another aspect ratio"),
        "colour": (colour, "depth image has encoding 'rgb8'"),
        "cut short": (short, "cut short"),
    }


@pytest.mark.parametrize("kind", list(broken_depths()))
def test_depth_that_cannot_be_used_is_named_and_the_next_frame_served(world, frames, kind):
    message, reason = broken_depths()[kind]
    here = world("shallow_" + kind.replace(" ", "_"), PATIENT)
    prepare(here, frames[0])
    here.car.add_depth()
    message.header.stamp = time_message(frames[0].stamp_ns)
    here.car.depth.publish(message)
    here.car.stand(frames[0])
    depth = here.node.stage.inputs.cameras[""].depth
    wait_until(lambda: depth._messages, "depth")
    here.node.label(frames[0], here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    assert reason in here.node.counts().last_problem
    here.car.stand(frames[1])
    here.car.measure(frames[1])
    here.node.label(frames[1], here.car)
    assert (grid_at(here, frames[1].stamp_ns) != -1).any()


def test_depth_that_stops_coming_is_done_without(world, frames):
    here = world("shallow", HASTY)
    prepare(here, frames[0])
    here.car.add_depth()
    depth = here.node.stage.inputs.cameras[""].depth
    wait_until(lambda: depth.refresh() or depth.state().publishers, "the node to see it")
    here.car.stand(frames[0])
    wait_until(lambda: GLOBAL in here.node.stage.transforms.frames, "transform")
    here.node.label(frames[0], here.car)
    assert (grid_at(here, frames[0].stamp_ns) != -1).any()


def test_odometry_that_starts_anew_clears_the_grid(world, frames):
    here = world("reset", PATIENT)
    prepare(here, frames[0])
    for frame in frames[:2]:
        here.car.stand(frame)
        here.node.label(frame, here.car)
        grid_at(here, frame.stamp_ns)
    elsewhere = SimpleNamespace(**vars(frames[2]))
    elsewhere.world_from_base = frames[2].world_from_base.copy()
    elsewhere.world_from_base[:2, 3] += (6.0, 3.0)
    here.car.stand(elsewhere)
    here.node.label(frames[2], here.car)
    grid_at(here, frames[2].stamp_ns)
    assert any("costmap cleared: the pose jumped" in warning for warning in here.node.warnings)


def test_transforms_that_mean_nothing_are_named_and_ignored(world, frames):
    here = world("nonsense", PATIENT)
    prepare(here, frames[0])
    bad = TransformStamped(child_frame_id=BASE)
    bad.header.frame_id = GLOBAL
    bad.transform.translation.x = math.nan
    here.car.tf.publish(TFMessage(transforms=[bad]))
    wait_until(
        lambda: any("expected finite numbers" in warning for warning in here.node.warnings),
        "warning",
    )
    here.car.stand(frames[0])
    here.node.label(frames[0], here.car)
    assert (grid_at(here, frames[0].stamp_ns) != -1).any()


def test_frames_are_of_no_use_where_nobody_publishes_the_calibration(world, peer):
    here = world("bare", PATIENT)
    wait_until(lambda: here.node.stage.takes(""), "the publisher of camera_info")
    peer.node.destroy_publisher(here.car.info)
    wait_until(lambda: not here.node.stage.takes(""), "its end")
    here.car.info = None


def test_frames_wait_for_the_first_calibration(world, frames):
    here = world("early", PATIENT)
    wait_until(here.car.tf.get_subscription_count, "subscription of tf")
    wait_until(lambda: here.car.mount(frames[0]) or here.node.stage.transforms.frames, "mount")
    here.car.stand(frames[0])
    wait_until(lambda: GLOBAL in here.node.stage.transforms.frames, "transform")
    here.node.label(frames[0], here.car)
    assert here.node.counts().refused == 0
    info = here.node.stage.inputs.cameras[""].info
    wait_until(lambda: here.car.calibrate(frames[0]) or info.latest, "calibration")
    assert (grid_at(here, frames[0].stamp_ns) != -1).any()


def test_a_calibration_that_does_not_come_is_named(world, frames):
    here = world("uncalibrated", HASTY)
    here.node.label(frames[0], here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    expected = "no camera_info has come on /uncalibrated/camera_info, which places the image"
    assert here.node.counts().last_problem.startswith(expected)


def test_an_unexpected_failure_costs_one_frame(world, frames):
    here = world("failing", PATIENT)
    prepare(here, frames[0])
    builder = here.node.stage._builder
    add = builder.add

    def fail(*args):
        builder.add = add
        raise ZeroDivisionError("on purpose")

    builder.add = fail
    for frame in frames[:2]:
        here.car.stand(frame)
        here.node.label(frame, here.car)
    assert (grid_at(here, frames[1].stamp_ns) != -1).any()
    counts = here.node.counts()
    assert (counts.added, counts.refused) == (1, 1)
    assert counts.last_problem == "unexpected ZeroDivisionError: on purpose"


def test_an_image_without_a_stamp_cannot_be_placed(world, frames):
    here = world("stampless", PATIENT)
    prepare(here, frames[0])
    here.car.stand(frames[0])
    wait_until(lambda: GLOBAL in here.node.stage.transforms.frames, "transform")
    unstamped = SimpleNamespace(**{**vars(frames[0]), "stamp_ns": 0})
    here.node.label(unstamped, here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    assert "the image's stamp is zero" in here.node.counts().last_problem


def test_the_frame_may_be_named_in_the_calibration_only(world, frames, peer):
    here = world("anonymous", PATIENT)
    prepare(here, frames[0])
    infos = peer.collect(CameraInfo, "/anonymous/segmenter/nav/camera_info", RELIABLE_IMAGES)
    wait_until(lambda: here.node.stage._nav[""].wants_images, "subscription")
    here.car.stand(frames[0])
    named, here.car.frame_id = here.car.frame_id, ""
    here.node.label(frames[0], here.car)
    here.car.frame_id = named
    assert (grid_at(here, frames[0].stamp_ns) != -1).any()
    wait_until(lambda: infos, "reduced calibration")
    assert infos[0].header.frame_id == "camera_optical_frame"
