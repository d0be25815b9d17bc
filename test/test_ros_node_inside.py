"""The node in the test's own process, where its inside can be looked at."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_harness import Inside, rgb_image, running_peer, wait_until, write_checkpoint
from sensor_msgs.msg import Image

from dcfm_ros.msg import FrameStatus
from dcfm_ros.ros.counts import Drop

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


@pytest.fixture(scope="module")
def peer():
    with running_peer("inside_peer") as peer:
        yield peer


@pytest.fixture
def inside(peer, checkpoint):
    nodes = []

    def make(**parameters):
        nodes.append(Inside(peer.context, "inside", checkpoint, **parameters))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


@pytest.fixture
def camera(peer):
    publisher = peer.node.create_publisher(Image, "/inside/image", 10)
    yield publisher
    peer.node.destroy_publisher(publisher)


def test_confidence_and_colour_are_wanted_only_while_subscribed(inside, peer):
    node = inside()
    node.start()
    publishers = node.camera._publishers
    assert not publishers.wants_confidence
    assert not publishers.wants_color
    subscription = peer.node.create_subscription(
        Image, "/inside/segmenter/confidence", lambda _: None, 1
    )
    wait_until(lambda: publishers.wants_confidence, "subscription")
    assert not publishers.wants_color
    peer.node.destroy_subscription(subscription)
    wait_until(lambda: not publishers.wants_confidence, "end of the subscription")


def test_nothing_is_published_after_deactivate_and_a_frame_in_work_counts_as_dropped(
    inside, peer, camera
):
    node = inside()
    node.start()
    wait_until(camera.get_subscription_count, "the node's subscription")
    in_work, go_on = threading.Event(), threading.Event()

    def hold(segmenter):
        in_work.set()
        assert go_on.wait(30)

    node.camera.before_next_frame(hold)
    camera.publish(rgb_image(stamp_ns=1))
    assert in_work.wait(30)
    counter, session = node.camera.counter, node.node._session
    camera.publish(rgb_image(stamp_ns=2))
    wait_until(lambda: session._frames._slots, "a frame that waits")
    camera.publish(rgb_image(stamp_ns=3))
    wait_until(lambda: counter.read().by_cause.get(Drop.REPLACED) == 1, "its replacement")

    assert node.do(node.node.trigger_deactivate) is SUCCESS, "without waiting for the worker"
    assert counter.read().by_cause == {Drop.REPLACED: 1, Drop.STOPPED: 1}
    go_on.set()
    assert session.join()
    assert counter.read().by_cause == {Drop.REPLACED: 1, Drop.STOPPED: 2}
    assert (counter.read().taken, counter.read().published) == (3, 0)


def test_an_unexpected_failure_drops_the_frame_and_the_node_goes_on(inside, peer, camera):
    statuses = peer.collect(FrameStatus, "/inside/segmenter/status")
    node = inside()
    node.start()
    wait_until(camera.get_subscription_count, "the node's subscription")
    wait_until(lambda: peer.node.count_publishers("/inside/segmenter/status"), "status topic")

    def fail(segmenter):
        raise ZeroDivisionError("on purpose")

    node.camera.before_next_frame(fail)
    camera.publish(rgb_image(stamp_ns=1))
    wait_until(lambda: node.camera.counter.read().dropped == 1, "drop")
    assert node.camera.last_problem == "unexpected ZeroDivisionError: on purpose"
    camera.publish(rgb_image(stamp_ns=2))
    wait_until(lambda: statuses, "the next frame")
    assert statuses[0].reason == FrameStatus.FIRST
    assert (statuses[0].taken, statuses[0].dropped) == (2, 1)


def test_a_change_that_is_none_of_key_frames_leaves_their_rhythm_alone(inside):
    node = inside()
    node.start()
    node.do(lambda: node.node.set_parameters([Parameter("overlay_alpha", value=0.2)]))
    assert node.camera.overlay_alpha == 0.2
    assert not node.camera._requests
    node.do(lambda: node.node.set_parameters([Parameter("key_frames.interval", value=2)]))
    assert len(node.camera._requests) == 1


def test_an_activation_that_fails_leaves_the_node_inactive_and_unsubscribed(inside):
    override = {"qos_overrides./inside/rear/image.subscription.reliability": "sometimes"}
    node = inside(cameras=["front", "rear"], **override)
    assert node.do(node.node.trigger_configure) is SUCCESS
    assert node.do(node.node.trigger_activate) is FAILURE
    assert node.node.state == "inactive"
    assert "found 'sometimes', expected auto, reliable or best_effort" in node.node._problem
    assert not [s for s in node.node.subscriptions if "image" in s.topic_name]


def test_cleanup_frees_the_network(inside):
    node = inside()
    node.start()
    network = weakref.ref(node.node._configured.engine._network)
    assert node.do(node.node.trigger_deactivate) is SUCCESS
    assert node.do(node.node.trigger_cleanup) is SUCCESS
    gc.collect()
    assert network() is None


def test_a_callback_that_fails_does_not_end_the_spinning(inside):
    node, calls = inside(), []

    def fail():
        calls.append(1)
        raise ZeroDivisionError("on purpose")

    timer = node.node.create_timer(0.01, fail)
    wait_until(lambda: len(calls) >= 2, "a second call")
    node.do(lambda: node.node.destroy_timer(timer))
