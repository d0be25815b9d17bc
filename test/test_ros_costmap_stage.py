"""What the node's costmap publishes of perfect labels, and when.

Labels are those of the synthetic street; everything else comes over DDS.
"""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from costmap_harness import BASE, GLOBAL, small_street, stamp
from costmap_stage_harness import HASTY, PATIENT, grid_at, is_unknown, prepare, six_frames, worlds
from nav2_consumer import xyz
from rclpy.parameter import Parameter
from ros_harness import running_peer, wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import PointCloud2

from dcfm_ros.costmap import GridSettings, Kind, read_classes
from dcfm_ros.msg import ClassGrid
from dcfm_ros.resources import resource
from dcfm_ros.ros.messages import time_message
from dcfm_ros.ros.settings import LiveCostmapSettings

CLASSES = read_classes(resource("config/classes/camvid.yaml"))


@pytest.fixture(scope="module")
def peer():
    with running_peer("stage_peer") as peer:
        yield peer


@pytest.fixture(scope="module")
def frames():
    return six_frames()


@pytest.fixture
def world(peer):
    with worlds(peer) as make:
        yield make


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


def test_silence_is_measured_by_the_simulated_clock_where_that_is_used(world, frames, peer):
    settings = LiveCostmapSettings(rate_hz=50.0, tf_timeout_s=10.0, clear_after_s=0.3)
    here = world("paused", settings)
    clock, node = peer.node.create_publisher(Clock, "/clock", 10), here.node.node
    at_ns = frames[0].stamp_ns

    def tell(by_ns: int) -> bool:
        clock.publish(Clock(clock=time_message(at_ns + by_ns)))
        return bool(node.get_clock().now().nanoseconds == at_ns + by_ns)

    use = Parameter("use_sim_time", value=True)
    here.node.in_executor(lambda: node.set_parameters([use]))
    wait_until(lambda: tell(0), "the time")
    prepare(here, frames[0])
    here.car.stand(frames[0])
    here.node.label(frames[0], here.car)
    assert (grid_at(here, at_ns) != -1).any()
    stage = here.node.stage
    began_s = time.monotonic()
    wait_until(lambda: time.monotonic() - began_s > settings.clear_after_s, "a pause by the wall")
    here.node.in_executor(stage.look)
    assert not stage.is_stale
    wait_until(lambda: tell(310_000_000), "simulated time")
    here.node.in_executor(stage.look)
    assert stage.is_stale
    peer.node.destroy_publisher(clock)


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


def test_an_unexpected_failure_costs_one_frame(world, frames):
    here = world("failing", PATIENT)
    prepare(here, frames[0])
    builder = here.node.stage._feed.builder
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
