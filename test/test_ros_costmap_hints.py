"""What the node says of transforms that come on other topics, and of images rectified already."""

from __future__ import annotations

import pytest
from ros_harness import running_peer, wait_until
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage

from dcfm_ros.geometry import TransformBuffer
from dcfm_ros.ros.costmap_inputs import CostmapInputs


class Taken:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.transforms = TransformBuffer()
        self.infos: list[CameraInfo] = []

    def wake(self) -> None:
        """Nothing waits."""

    def take_info(self, camera: str, message: CameraInfo) -> None:
        self.infos.append(message)

    def take_depth(self, camera: str, message: object) -> None:
        raise AssertionError("nobody sends depth")

    def take_depth_info(self, camera: str, message: object) -> None:
        raise AssertionError("nobody sends the calibration of depth")


@pytest.fixture(scope="module")
def peer():
    with running_peer("hints") as peer:
        yield peer


@pytest.fixture(scope="module")
def robot():
    """A participant of its own."""
    with running_peer("robot") as peer:
        yield peer


@pytest.fixture
def inputs(peer):
    """Creates the inputs of a camera; closed with the test."""
    created = []

    def make(image_topic: str, *, rectified: bool = False) -> tuple[CostmapInputs, Taken, dict]:
        taken, warnings = Taken(), {}
        topics = {"": image_topic}
        made = CostmapInputs(peer.node, topics, "auto", rectified, taken, warnings.__setitem__)
        created.append(made)
        return made, taken, warnings

    yield make
    for one in created:
        peer.in_executor(one.close)


def test_transforms_of_a_namespace_are_found_and_the_remapping_named(peer, robot, inputs):
    made, _, warnings = inputs("/robot1/camera/image_raw")
    publishers = [
        robot.node.create_publisher(TFMessage, f"/robot1/{name}", 10)
        for name in ("tf", "tf_static")
    ]

    def told() -> str:
        peer.in_executor(made.refresh)
        return warnings.get("tf elsewhere", "")

    wait_until(lambda: "/robot1/tf_static" in told() and "/robot1/tf," in told(), "the hint")
    assert "--ros-args -r /tf:=/robot1/tf -r /tf_static:=/robot1/tf_static (" in told()
    publishers.append(robot.node.create_publisher(TFMessage, "/tf", 10))
    wait_until(lambda: peer.node.count_publishers("/tf"), "a publisher of /tf")
    warnings.clear()
    assert not told()
    for publisher in publishers:
        robot.node.destroy_publisher(publisher)


@pytest.mark.parametrize(
    ("image_topic", "d", "rectified", "told"),
    [
        ("/a/image_rect_color", [-0.3, 0.1, 0.0, 0.0, 0.0], False, True),
        ("/b/image_rect_compressed", [-0.3, 0.1, 0.0, 0.0, 0.0], False, True),
        ("/c/image_rect", [-0.3, 0.1, 0.0, 0.0, 0.0], True, False),
        ("/d/image_rect", [0.0] * 5, False, False),
        ("/e/image_raw", [-0.3, 0.1, 0.0, 0.0, 0.0], False, False),
        ("/direct/image", [-0.3, 0.1, 0.0, 0.0, 0.0], False, False),
    ],
)
def test_a_rectified_image_beside_a_raw_calibration_is_noticed(
    robot, inputs, image_topic, d, rectified, told
):
    made, taken, warnings = inputs(image_topic, rectified=rectified)
    publisher = robot.node.create_publisher(CameraInfo, made.cameras[""].info.topic, 10)
    wait_until(publisher.get_subscription_count, "the subscription")
    wait_until(
        lambda: publisher.publish(CameraInfo(distortion_model="plumb_bob", d=d)) or taken.infos,
        "camera_info",
    )
    assert any("costmap.projection.rectified" in text for text in warnings.values()) == told
    robot.node.destroy_publisher(publisher)
