"""The image subscription over real DDS: its topic, its reliability, its complaints."""

from __future__ import annotations

import re
import sys

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from ros_harness import CHECKOUT, Process, rgb_image, running_peer, wait_until
from sensor_msgs.msg import CompressedImage, Image

from dcfm_ros.errors import SettingsError
from dcfm_ros.ros.image_input import ImageInput, resolve
from dcfm_ros.ros.qos import choose_reliability

RELIABLE = QoSReliabilityPolicy.RELIABLE
BEST_EFFORT = QoSReliabilityPolicy.BEST_EFFORT


@pytest.fixture(scope="module")
def peer():
    with running_peer("image_input_peer") as peer:
        yield peer


class Fed:
    """An image input of the peer node, with what it received and warned of."""

    def __init__(self, node: Node, topic: str, transport: str = "raw", reliability: str = "auto"):
        self.messages: list[object] = []
        self.warnings: dict[str, str] = {}
        self.input = ImageInput(
            node, topic, transport, reliability, self.messages.append, self.warnings.__setitem__
        )


@pytest.fixture
def fed(peer, request):
    created = []

    def make(**options) -> Fed:
        # of each case alone: a participant may not hold one topic with two types
        name = re.sub(r"\W+", "_", request.node.name).strip("_")
        created.append(Fed(peer.node, f"{name}/image", **options))
        return created[-1]

    yield make
    for one in created:
        one.input.close()


@pytest.fixture(scope="module")
def driver():
    """A participant of its own, as a camera driver is."""
    with running_peer("driver") as peer:
        yield peer


@pytest.fixture
def camera(driver):
    """Creates publishers; destroyed with the test."""
    publishers = []

    def make(topic: str, reliability=RELIABLE, message_type=Image, **qos):
        profile = QoSProfile(depth=5, reliability=reliability, **qos)
        publishers.append(driver.node.create_publisher(message_type, topic, profile))
        return publishers[-1]

    make.destroy = lambda publisher: (
        publishers.remove(publisher),
        driver.node.destroy_publisher(publisher),
    )
    yield make
    for publisher in publishers:
        driver.node.destroy_publisher(publisher)


def subscribed(peer, fed: Fed, reliability: str):
    """Refreshes as the node's timer does until the input asks for this reliability."""

    def refreshed() -> bool:
        peer.in_executor(fed.input.refresh)
        return fed.input.state().reliability == reliability

    wait_until(refreshed, f"input to become {reliability}")


@pytest.mark.parametrize(
    ("requested", "offered", "current", "chosen"),
    [
        ("auto", [], None, RELIABLE),
        ("auto", [], BEST_EFFORT, BEST_EFFORT),
        ("auto", [RELIABLE, RELIABLE], BEST_EFFORT, RELIABLE),
        ("auto", [RELIABLE, BEST_EFFORT], RELIABLE, BEST_EFFORT),
        ("auto", [QoSReliabilityPolicy.UNKNOWN], None, BEST_EFFORT),
        ("reliable", [BEST_EFFORT], None, RELIABLE),
        ("best_effort", [RELIABLE], None, BEST_EFFORT),
    ],
)
def test_reliability_is_what_every_publisher_can_give(requested, offered, current, chosen):
    assert choose_reliability(requested, offered, current) == chosen


def test_auto_follows_the_publishers(peer, fed, camera):
    one = fed()
    assert one.input.state().reliability == "reliable"
    reliable = camera(one.input.topic)
    wait_until(lambda: one.input.state().publishers == 1, "discovery")
    subscribed(peer, one, "reliable")
    best_effort = camera(one.input.topic, BEST_EFFORT)
    subscribed(peer, one, "best_effort")
    wait_until(best_effort.get_subscription_count, "match")
    best_effort.publish(rgb_image(seed=1))
    wait_until(lambda: len(one.messages) == 1, "image of the best-effort camera")
    camera.destroy(best_effort)
    subscribed(peer, one, "reliable")
    wait_until(reliable.get_subscription_count, "match")
    reliable.publish(rgb_image(seed=2))
    wait_until(lambda: len(one.messages) == 2, "image of the reliable camera")
    assert one.warnings == {}


def test_a_best_effort_camera_alone_is_heard_without_waiting_for_the_timer(fed, camera):
    """The middleware's event about incompatible QoS is enough; nobody calls refresh here."""
    one = fed()
    publisher = camera(one.input.topic, BEST_EFFORT)
    wait_until(lambda: one.input.state().reliability == "best_effort", "change on the event")
    wait_until(publisher.get_subscription_count, "match")
    publisher.publish(rgb_image())
    wait_until(lambda: one.messages, "image")
    assert one.warnings == {}


def test_reliable_on_request_names_the_publisher_that_does_not_fit(fed, camera):
    one = fed(reliability="reliable")
    camera(one.input.topic, BEST_EFFORT)
    wait_until(lambda: one.warnings, "warning")
    (text,) = one.warnings.values()
    assert one.input.topic in text
    assert "1 of 1 publishers offer only best_effort RELIABILITY" in text
    assert one.input.state().problem == text


def test_another_message_type_on_the_topic_is_named(peer, fed, camera):
    one = fed()
    camera(one.input.topic, message_type=CompressedImage)

    def noticed() -> bool:
        peer.in_executor(one.input.refresh)
        return bool(one.input.state().problem)

    wait_until(noticed, "problem")
    assert "published as sensor_msgs/msg/CompressedImage" in one.input.state().problem
    assert "image_transport raw needs sensor_msgs/msg/Image" in one.input.state().problem


def test_similar_topics_are_those_with_images_and_a_publisher(fed, camera):
    one = fed()
    near = one.input.topic.replace("image", "image_raw")
    camera(near)
    camera(near + "/compressed", message_type=CompressedImage)
    wait_until(lambda: len(one.input.similar_topics()) >= 2, "similar topics")
    assert one.input.similar_topics()[0] == f"{near} (Image)"
    assert f"{near}/compressed (CompressedImage)" in one.input.similar_topics()


def test_durability_of_any_publisher_fits(fed, camera):
    one = fed()
    publisher = camera(one.input.topic, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    wait_until(publisher.get_subscription_count, "match")
    publisher.publish(rgb_image())
    wait_until(lambda: one.messages, "image")


@pytest.mark.parametrize(
    ("rules", "transport", "topic"),
    [
        ([], "raw", "/robot/image"),
        ([], "compressed", "/robot/image/compressed"),
        (["image:=/camera/image_raw"], "raw", "/camera/image_raw"),
        (["image:=/camera/image_raw"], "compressed", "/camera/image_raw/compressed"),
        (["image:=/camera/image_raw/compressed"], "compressed", "/camera/image_raw/compressed"),
        (["image/compressed:=/jpeg"], "compressed", "/jpeg"),
        (["image:=/a", "image/compressed:=/jpeg"], "compressed", "/jpeg"),
    ],
)
def test_compressed_images_are_beside_the_resolved_image_topic(peer, rules, transport, topic):
    arguments = ["--ros-args", *[part for rule in rules for part in ("-r", rule)]]
    node = Node("resolving", namespace="/robot", context=peer.context, cli_args=arguments)
    try:
        assert resolve(node, "image", transport) == topic
    finally:
        node.destroy_node()


@pytest.mark.parametrize(
    ("given", "expected"), [("best_effort", "best_effort"), ("auto", "reliable")]
)
def test_a_qos_override_decides_over_image_reliability(peer, given, expected):
    overrides = [
        Parameter("qos_overrides./image.subscription.reliability", value=given),
        Parameter("qos_overrides./image.subscription.depth", value=3),
    ]
    node = Node("overridden", context=peer.context, parameter_overrides=overrides)
    try:
        one = Fed(node, "image", reliability="reliable" if given == "best_effort" else "auto")
        assert one.input.state().reliability == expected
        assert node.get_parameter("qos_overrides./image.subscription.depth").value == 3
        one.input.close()
    finally:
        node.destroy_node()


def test_an_invalid_qos_override_is_refused(peer):
    overrides = [Parameter("qos_overrides./image.subscription.reliability", value="sometimes")]
    node = Node("overridden", context=peer.context, parameter_overrides=overrides)
    try:
        with pytest.raises(SettingsError, match="found 'sometimes', expected auto, reliable or"):
            Fed(node, "image")
    finally:
        node.destroy_node()


@pytest.mark.skipif(
    rclpy.utilities.get_rmw_implementation_identifier() != "rmw_fastrtps_cpp",
    reason="another middleware than Fast DDS is in use",
)
def test_what_the_middleware_lost_is_counted_apart(fed, tmp_path):
    """A camera driver without our profile: most of its large best-effort images are lost."""
    one = fed(reliability="best_effort")
    driver = CHECKOUT / "test" / "ros_driver.py"
    command = [sys.executable, str(driver), one.input.topic, "60", "30", "720", "1280"]
    driver = Process(
        [*command, "best_effort"],
        tmp_path / "driver",
        FASTRTPS_DEFAULT_PROFILES_FILE="",
        FASTDDS_DEFAULT_PROFILES_FILE="",
    )
    try:
        assert driver.popen.wait(60) == 0, driver.log
        wait_until(lambda: one.input.state().lost_messages, "message-lost events")
    finally:
        driver.kill()
    lost = one.input.state().lost_messages
    print(f"{len(one.messages)} of 60 images came, the middleware told of {lost} that it lost")
    assert len(one.messages) + lost <= 60


def test_rclpy_is_the_real_one():
    assert rclpy.utilities.get_rmw_implementation_identifier().startswith("rmw_")


def test_compressed_images_on_a_topic_of_another_name_are_found(peer, fed, camera):
    """As in /CAM_FRONT/image_rect_compressed: the name says it, but not by `/compressed`."""
    one = fed(transport="compressed")
    assert one.input.topic.endswith("/image/compressed")
    publisher = camera(one.input.topic.removesuffix("/compressed"), BEST_EFFORT, CompressedImage)

    def found() -> bool:
        peer.in_executor(one.input.refresh)
        return one.input.topic == publisher.topic_name and publisher.get_subscription_count() > 0

    wait_until(found, "a subscription of the topic itself")
    publisher.publish(CompressedImage(format="jpeg"))
    wait_until(lambda: one.messages, "the message")
    assert not one.input.state().problem


def test_the_suffix_goes_before_a_topic_of_the_same_name(peer, fed, camera):
    one = fed(transport="compressed")
    bare = camera(one.input.topic.removesuffix("/compressed"), RELIABLE, CompressedImage)
    usual = camera(one.input.topic, RELIABLE, CompressedImage)
    wait_until(usual.get_subscription_count, "the usual subscription")
    peer.in_executor(one.input.refresh)
    assert one.input.topic == usual.topic_name != bare.topic_name


@pytest.mark.parametrize("suffix", ["", "/compressedDepth"])
def test_packed_depth_is_found_on_the_topic_and_beside_it(peer, fed, camera, suffix):
    one = fed(transport="depth")
    publisher = camera(one.input.topic + suffix, BEST_EFFORT, CompressedImage)

    def found() -> bool:
        peer.in_executor(one.input.refresh)
        return publisher.get_subscription_count() > 0

    wait_until(found, "a subscription of packed depth")
    publisher.publish(CompressedImage(format="16UC1; compressedDepth png"))
    wait_until(lambda: one.messages, "the message")
    assert one.input.topic == publisher.topic_name


def test_raw_depth_goes_before_packed(peer, fed, camera):
    one = fed(transport="depth")
    camera(one.input.topic + "/compressedDepth", RELIABLE, CompressedImage)
    raw = camera(one.input.topic)
    wait_until(raw.get_subscription_count, "the subscription of raw depth")
    peer.in_executor(one.input.refresh)
    raw.publish(rgb_image())
    wait_until(lambda: one.messages, "the message")
    assert one.input.topic == raw.topic_name
