"""The costmap as part of the node: its parameters, its life, and that labels never wait for it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from costmap_harness import LATCHED, Car, small_street, stamp
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import OccupancyGrid
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_harness import CHECKOUT, Inside, running_peer, wait_until, write_checkpoint
from sensor_msgs.msg import Image

from dcfm_ros.geometry import TransformBuffer
from dcfm_ros.network import CheckpointInfo, Dcfm, named_config, save
from dcfm_ros.network.labels import CAMVID11
from dcfm_ros.ros.costmap_inputs import TransformInput, topic_beside

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
SHIPPED = CHECKOUT / "models" / "street.safetensors"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


@pytest.fixture(scope="module")
def peer():
    with running_peer("costmap_peer") as peer:
        yield peer


@pytest.fixture(scope="module")
def frames():
    street = small_street(people=0.0)
    return [street.frame(index) for index in range(5)]


@pytest.fixture
def make(peer):
    """Nodes and cars that are closed after the test."""
    made: list = []

    def make_node(namespace: str, checkpoint, **parameters) -> Inside:
        parameters = {name.replace("__", "."): value for name, value in parameters.items()}
        made.append(Inside(peer.context, namespace, checkpoint, **parameters))
        return made[-1]

    def make_car(namespace: str, frame) -> Car:
        car = Car(peer, namespace)
        made.append(car)
        car.connect()
        car.mount(frame)
        return car

    make_node.car = make_car
    yield make_node
    for thing in reversed(made):
        thing.close()


def calibrate(node: Inside, car: Car, frame) -> None:
    stage = node.node._session.costmap
    wait_until(lambda: car.calibrate(frame) or stage.takes(""), "calibration")


def test_labels_come_while_the_costmap_waits_and_a_diagnostic_names_both_frames(
    make, peer, frames, tiny
):
    node = make("behind", tiny, costmap__tf_timeout_s=10.0, costmap__rate_hz=50.0)
    node.start()
    car = make.car("behind", frames[0])
    calibrate(node, car, frames[0])
    labels = peer.collect(Image, "/behind/segmenter/label_image")
    grids = peer.collect(OccupancyGrid, "/behind/segmenter/costmap", LATCHED)
    wait_until(lambda: grids, "the first grid")
    for frame in frames[:3]:
        car.see(frame)
        wait_until(lambda f=frame: labels and stamp(labels[-1]) == f.stamp_ns, "labels")
    counter = node.node._session.costmap.counter
    assert (counter.read().added, counter.read().refused) == (0, 0)

    for frame in frames[:3]:
        car.stand(frame)
    wait_until(lambda: counter.read().added == 3, "the frames that waited")
    wait_until(lambda: stamp(grids[-1]) == frames[2].stamp_ns, "their last grid")

    impatient = Parameter("costmap.tf_timeout_s", value=0.0)
    assert node.do(lambda: node.node.set_parameters([impatient]))[0].successful
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    car.see(frames[3])

    def warned() -> list[DiagnosticStatus]:
        statuses = [s for r in reports for s in r.status if s.name == "behind/segmenter: costmap"]
        return [
            s for s in statuses if s.level == DiagnosticStatus.WARN and "no transform" in s.message
        ]

    status = wait_until(warned, "diagnostic")[0]
    said = r"1 of \d frames not added: no transform from 'base_link' to 'odom' at 1700000000\.300"
    assert re.match(said, status.message)
    assert stamp(grids[-1]) == frames[2].stamp_ns, "no update"

    assert node.do(node.node.trigger_deactivate) is SUCCESS
    wait_until(lambda: stamp(grids[-1]) > frames[2].stamp_ns, "the grid that clears")
    assert (np.asarray(grids[-1].data) == -1).all()
    assert not peer.node.count_subscribers("/behind/camera_info")
    count = len(grids)
    assert node.do(node.node.trigger_activate) is SUCCESS
    wait_until(lambda: len(grids) > count, "an activation clears, too")
    assert (np.asarray(grids[-1].data) == -1).all()


def test_costs_change_at_run_time_and_bad_ones_are_refused_with_one_line(make, peer, frames):
    node = make("costly", SHIPPED, costmap__tf_timeout_s=10.0, costmap__rate_hz=50.0)
    node.start()
    car = make.car("costly", frames[0])
    calibrate(node, car, frames[0])
    grids = peer.collect(OccupancyGrid, "/costly/segmenter/costmap", LATCHED)

    def costs_of(frame) -> set[int]:
        car.stand(frame)
        car.see(frame)
        wait_until(lambda: grids and stamp(grids[-1]) == frame.stamp_ns, "grid", 60)
        return set(np.asarray(grids[-1].data))

    def set_costs(*lines: str):
        name = "/costly/segmenter"
        return peer.set(name, "costmap.costs", list(lines))

    assert {0, 50, 100} <= costs_of(frames[0])
    assert set_costs("road: 30", "pavement: 0").successful
    assert {30, 0, 100} <= costs_of(frames[1])
    for line, reason in (
        ("raod: 3", "costmap.costs: no class 'raod' in camvid; nearest is 'road'"),
        ("road: 99", "costmap.costs: class 'road' has cost 99, expected 0 to 98, or 100"),
        ("road", "costmap.costs: found 'road', expected a class and its cost, as 'pavement: 20'"),
    ):
        answer = set_costs(line)
        assert not answer.successful
        assert answer.reason.startswith(reason)
        assert "\n" not in answer.reason
    assert {30, 0, 100} <= costs_of(frames[2]), "as before"
    assert set_costs().successful
    assert {0, 50, 100} <= costs_of(frames[3]), "those of the file"
    assert set_costs("road: 30").successful
    assert {30, 50, 100} <= costs_of(frames[4])
    too_late = peer.set("/costly/segmenter", "costmap.global_frame", "map")
    assert "takes effect at activate" in too_late.reason


def test_without_a_costmap_there_are_no_topics_and_no_transforms(make, tiny):
    node = make("plain", tiny, costmap__enabled=False)
    node.start()
    published = {publisher.topic_name for publisher in node.node.publishers}
    assert not [name for name in published if "costmap" in name or "/nav/" in name]
    subscribed = {subscription.topic_name for subscription in node.node.subscriptions}
    assert not subscribed & {"/tf", "/tf_static", "/plain/camera_info", "/plain/depth"}


def test_costs_that_do_not_fit_fail_configure_with_the_reason(make, tiny, tmp_path):
    missing = tmp_path / "none.yaml"
    node = make("unfit", tiny, costmap__classes=str(missing))
    assert node.do(node.node.trigger_configure) is FAILURE
    assert str(missing) in node.node._problem
    other = Parameter("costmap.classes", value=str(CHECKOUT / "config/classes/cityscapes.yaml"))
    assert node.do(lambda: node.node.set_parameters([other]))[0].successful
    assert node.do(node.node.trigger_configure) is FAILURE
    assert "cityscapes.yaml" in node.node._problem
    wrong = [
        Parameter("costmap.classes", value=""),
        Parameter("costmap.costs", value=["moon: 1"]),
    ]
    assert node.do(lambda: node.node.set_parameters_atomically(wrong)).successful
    assert node.do(node.node.trigger_configure) is FAILURE
    assert "no class 'moon' in camvid" in node.node._problem


def test_a_label_set_without_costs_is_segmented_without_a_costmap(make, tmp_path):
    config = named_config("camvid_tiny")
    labels = replace(CAMVID11, name="my_garden")
    path = tmp_path / "garden.safetensors"
    save(
        Dcfm(config.network), CheckpointInfo("camvid_tiny", config.network, labels, (96, 128)), path
    )
    node = make("garden", path)
    node.start()
    assert node.node._configured.costmap is None
    assert node.node.state == "active"
    own = make("garden_costs", path, costmap__classes=str(CHECKOUT / "config/classes/camvid.yaml"))
    own.start()
    assert own.node._configured.costmap is not None


@pytest.mark.parametrize(
    ("camera", "image_topic", "rules", "expected"),
    [
        ("", "/robot/image", [], "/robot/camera_info"),
        ("", "/cam/image_raw", [], "/cam/camera_info"),
        ("", "/cam/image_raw/compressed", [], "/cam/camera_info"),
        ("front", "/robot/front/image", [], "/robot/front/camera_info"),
        ("", "/cam/image_raw", ["camera_info:=/calibration"], "/calibration"),
        ("", "/cam/image_raw", ["camera_info:=camera_info"], "/cam/camera_info"),
        ("front", "/f/image", ["front/camera_info:=/f/info"], "/f/info"),
    ],
)
def test_the_calibration_is_looked_for_beside_the_image(peer, camera, image_topic, rules, expected):
    arguments = ["--ros-args"]
    for rule in rules:
        arguments += ["-r", rule]
    node = Node("n", namespace="robot", context=peer.context, cli_args=arguments)
    assert topic_beside(node, camera, image_topic) == expected
    node.destroy_node()


def test_transforms_of_a_robot_among_others_are_remapped_as_nav2_does(peer):
    arguments = ["--ros-args", "-r", "/tf:=tf", "-r", "/tf_static:=tf_static"]
    node = Node("n", namespace="robot", context=peer.context, cli_args=arguments)
    tree = TransformInput(node, TransformBuffer(), lambda: None, lambda kind, text: None)
    topics = {subscription.topic_name for subscription in node.subscriptions}
    assert {"/robot/tf", "/robot/tf_static"} <= topics
    tree.close()
    node.destroy_node()
