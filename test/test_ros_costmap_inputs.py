"""What the node's costmap needs beside labels: calibration, depth, transforms; and doing without.

Labels are those of the synthetic street; everything else comes over DDS.
"""

from __future__ import annotations

import math
from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from costmap_harness import BASE, GLOBAL, LATCHED, RELIABLE_IMAGES, camera_info, stamp
from costmap_stage_harness import HASTY, PATIENT, grid_at, prepare, six_frames, worlds
from geometry_msgs.msg import TransformStamped
from nav2_consumer import field, xyz
from ros_harness import running_peer, wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from dcfm_ros.ros.messages import time_message


@pytest.fixture(scope="module")
def peer():
    with running_peer("inputs_peer") as peer:
        yield peer


@pytest.fixture(scope="module")
def frames():
    return six_frames()


@pytest.fixture
def world(peer):
    with worlds(peer) as make:
        yield make


def test_depth_is_waited_for_and_projected_by(world, frames, peer):
    here = world("deep", PATIENT)
    prepare(here, frames[0])
    here.car.add_depth()
    wait_until(here.node.sees_depth, "the node to see it")
    clouds = peer.collect(PointCloud2, "/deep/segmenter/obstacles", 5)
    wait_until(lambda: here.node.stage._nav[""].wants_obstacles, "subscription")
    for frame, encoding in ((frames[0], "32FC1"), (frames[1], "16UC1")):
        here.car.stand(frame)
        added = here.node.counts().added
        here.node.label(frame, here.car)
        wait_until(
            lambda f=frame: here.node.stage._feed.builder.ready(here.car.frame_id, f.stamp_ns),
            "tf",
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
    for frame in frames[:3]:
        here.car.stand(frame)
        wrong = SimpleNamespace(**vars(frame))
        wrong.depth_m = frame.depth_m * np.float32(1000)
        here.car.measure(wrong)
        wait_until(lambda f=frame: here.node.has_depth(f.stamp_ns), "depth")
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
    latest = here.node.latest_info
    broken = CameraInfo(
        **{
            **{n: getattr(latest(), n) for n in ("width", "height", "k", "r", "p", "header")},
            "distortion_model": "plumb_bob",
            **changes,
        }
    )
    wait_until(lambda: here.car.info.publish(broken) or latest() == broken or _nan(latest()), "it")
    here.car.stand(frames[0])
    here.node.label(frames[0], here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    assert reason in here.node.counts().last_problem
    wait_until(lambda: here.car.calibrate(frames[1]) or good(latest()), "a good one")
    here.car.stand(frames[1])
    here.node.label(frames[1], here.car)
    assert (grid_at(here, frames[1].stamp_ns) != -1).any()


def _nan(info) -> bool:
    return bool(np.isnan(np.asarray(info.k)).any())


def good(latest) -> bool:
    return latest.k[0] > 0 and latest.width == 240 and not _nan(latest) and not any(latest.d)


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
    wait_until(lambda: here.node.has_depth(frames[0].stamp_ns), "depth")
    here.node.label(frames[0], here.car)
    if kind == "other aspect":  # on flat ground
        wait_until(lambda: here.node.counts().added == 1, "it without depth")
        assert reason in here.node.stage._feed.depth_matches[""].summary
    else:
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
    wait_until(here.node.sees_depth, "the node to see it")
    here.car.stand(frames[0])
    wait_until(lambda: GLOBAL in here.node.stage.transforms.frames, "transform")
    here.node.label(frames[0], here.car)
    assert (grid_at(here, frames[0].stamp_ns) != -1).any()


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
    latest = here.node.latest_info
    wait_until(lambda: here.car.calibrate(frames[0]) or latest(), "calibration")
    assert (grid_at(here, frames[0].stamp_ns) != -1).any()


def test_a_calibration_that_was_latched_before_the_node_came_is_received(world, frames, peer):
    once = peer.node.create_publisher(CameraInfo, "/latched/camera_info", LATCHED)
    once.publish(camera_info(frames[0]))
    here = world("latched", PATIENT)
    wait_until(
        lambda: here.node.in_executor(here.node.stage.look) or here.node.latest_info(),
        "calibration",
    )
    assert here.node.latest_info() == camera_info(frames[0])
    peer.node.destroy_publisher(once)


def test_a_calibration_that_does_not_come_is_named(world, frames):
    here = world("uncalibrated", HASTY)
    here.node.label(frames[0], here.car)
    wait_until(lambda: here.node.counts().refused == 1, "refusal")
    expected = "no camera_info has come on /uncalibrated/camera_info, which places the image"
    assert here.node.counts().last_problem.startswith(expected)


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
