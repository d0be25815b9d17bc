"""One `segment_node` process, used by a camera, a consumer and an operator over real DDS."""

from __future__ import annotations

import sys
from array import array

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from ros_harness import Process, rgb_image, running_node, running_peer, wait_until, write_checkpoint
from sensor_msgs.msg import Image
from vision_msgs.msg import LabelInfo

from dcfm_ros.images import image_to_labels, image_to_rgb, overlay
from dcfm_ros.msg import FrameStatus
from dcfm_ros.network.labels import CAMVID11
from dcfm_ros.ros.messages import stamp_ns

NODE = "/solo/segmenter"
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope="module")
def peer():
    with running_peer() as peer:
        yield peer


@pytest.fixture(scope="module")
def process(peer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    parameters = {
        "engine.checkpoint": write_checkpoint(folder / "tiny.safetensors"),
        "diagnostics_period_s": 0.25,
        "key_frames.intervall": 3,
    }
    with running_node(folder / "log", "solo", parameters) as process:
        process.wait_for_log("active; waiting for images on /solo/image")
        yield process


class CameraDriver:
    """Sends frames and waits for what the node makes of them."""

    def __init__(self, peer):
        self._publisher = peer.node.create_publisher(Image, "/solo/image", 5)
        self._labels = peer.collect(Image, f"{NODE}/label_image")
        self._statuses = peer.collect(FrameStatus, f"{NODE}/status")
        self._reports = peer.collect(DiagnosticArray, "/diagnostics")
        self._stamp_ns = 0
        wait_until(self._publisher.get_subscription_count, "the node's subscription")
        wait_until(lambda: peer.node.count_publishers(f"{NODE}/status"), "the node's publishers")

    def send(self, message: Image) -> None:
        self._publisher.publish(message)

    def next_stamp_ns(self) -> int:
        self._stamp_ns += 100_000_000
        return self._stamp_ns

    def segment(self, message: Image | None = None, **options) -> tuple[Image, FrameStatus]:
        if message is None:
            message = rgb_image(stamp_ns=self.next_stamp_ns(), **options)
        elif not stamp_ns(message.header.stamp):
            message.header.stamp = rgb_image(stamp_ns=self.next_stamp_ns()).header.stamp
        del self._labels[:], self._statuses[:]
        self.send(message)
        labels = wait_until(lambda: self._with(self._labels, message), "label image")
        return labels, wait_until(lambda: self._with(self._statuses, message), "status")

    def reported(self, figure: str) -> int:
        """A figure of the last diagnostics; -1 before there are any."""
        found = [
            int(value.value)
            for report in self._reports[-1:]
            for status in report.status
            for value in status.values
            if value.key == figure
        ]
        return found[0] if found else -1

    def _with(self, messages, sent):
        return next((m for m in messages if m.header.stamp == sent.header.stamp), None)


@pytest.fixture(scope="module")
def camera(peer, process):
    return CameraDriver(peer)


def test_a_label_image_has_header_and_size_of_its_image(camera):
    message = rgb_image(50, 70, stamp_ns=camera.next_stamp_ns())
    labels, status = camera.segment(message)
    assert labels.header == message.header
    assert (labels.encoding, labels.height, labels.width, labels.step) == ("mono8", 50, 70, 70)
    assert image_to_labels(labels).max() < len(CAMVID11.classes)
    assert status.header == message.header
    assert status.is_key_frame
    assert status.camera == ""
    assert status.taken == status.published + status.dropped
    assert status.total_ms >= status.queue_ms + status.network_ms > 0


def test_any_encoding_and_padding_gives_the_labels_of_the_same_picture(camera):
    rgb = image_to_rgb(rgb_image(40, 56, seed=3))
    padded = Image(height=40, width=56, encoding="bgr8", step=56 * 3 + 8)
    rows = np.zeros((40, 56 * 3 + 8), np.uint8)
    rows[:, : 56 * 3] = rgb[..., ::-1].reshape(40, -1)
    padded.data = array("B", rows.tobytes())
    plain, _ = camera.segment(height=40, width=56, seed=3)
    camera.segment(height=48, width=64)  # another size makes the next frame a key frame again
    other, _ = camera.segment(padded)
    np.testing.assert_array_equal(image_to_labels(other), image_to_labels(plain))


def test_key_frames_come_at_their_interval_and_for_their_reasons(camera, peer):
    camera.segment(height=64, width=64)
    assert peer.set(NODE, "key_frames.interval", 3).successful
    reasons = [camera.segment(height=48, width=64)[1].reason for _ in range(5)]
    status = FrameStatus
    assert reasons == [status.RESIZE, status.REUSE, status.REUSE, status.INTERVAL, status.REUSE]

    assert peer.trigger(f"{NODE}/force_key_frame").success
    assert camera.segment()[1].reason == status.REQUEST
    assert peer.trigger(f"{NODE}/reset").success
    assert camera.segment()[1].reason == status.FIRST
    assert camera.segment(rgb_image(stamp_ns=50))[1].reason == status.STAMP_GAP
    camera._stamp_ns += 10_000_000_000
    assert camera.segment()[1].reason == status.STAMP_GAP
    following = camera.segment()[1]
    assert (following.common_age_frames, following.common_age.nanosec) == (1, 100_000_000)


def bad_messages():
    good = rgb_image()
    short = Image(height=48, width=64, encoding="rgb8", step=192)
    short.data = array("B", bytes(good.data)[:-1])
    flat = Image(height=48, width=0, encoding="rgb8", step=0)
    unknown = Image(height=48, width=64, encoding="smell8", step=192)
    unknown.data = good.data
    narrow = Image(height=48, width=64, encoding="rgb8", step=64)
    narrow.data = good.data
    return {"short": short, "zero width": flat, "unknown encoding": unknown, "step": narrow}


@pytest.mark.parametrize("kind", list(bad_messages()))
def test_a_bad_image_is_dropped_counted_and_named_and_the_next_one_is_served(camera, process, kind):
    before = camera.segment()[1]
    said = process.log.count("frame dropped, unreadable")
    camera.send(bad_messages()[kind])
    wait_until(lambda: process.log.count("frame dropped, unreadable") == said + 1, "warning")
    after = camera.segment()[1]
    assert after.dropped == before.dropped + 1
    assert after.published == before.published + 1
    assert after.taken == after.published + after.dropped


def test_warnings_of_one_kind_are_throttled(camera, process):
    broken = bad_messages()["unknown encoding"]
    broken.encoding = "noise8"
    before = camera.segment()[1].dropped
    for count in range(1, 5):
        camera.send(broken)
        wait_until(lambda n=count: camera.reported("dropped") == before + n, "drop in diagnostics")
    assert process.log.count("noise8") == 1


def test_a_stamp_of_zero_is_warned_of_and_the_frame_served(camera, process):
    labels = camera._labels
    del labels[:]
    camera.send(rgb_image(stamp_ns=0))
    wait_until(lambda: labels, "label image")
    process.wait_for_log("image stamp is zero, expected the capture time")


def test_label_info_reaches_subscribers_that_come_late(peer, process):
    infos = peer.collect(LabelInfo, f"{NODE}/label_info", LATCHED)
    wait_until(lambda: infos, "label info")
    assert [entry.class_name for entry in infos[0].class_map] == list(CAMVID11.classes)


def test_confidence_and_colour_come_while_subscribed(camera, peer, process):
    confidences = peer.collect(Image, f"{NODE}/confidence")
    colours = peer.collect(Image, f"{NODE}/color_image")

    def both() -> bool:
        del confidences[:], colours[:]
        camera.segment()
        return bool(confidences and colours)

    wait_until(both, "both outputs")
    message = rgb_image(stamp_ns=camera.next_stamp_ns(), seed=5)
    del confidences[:], colours[:]
    labels, status = camera.segment(message)
    wait_until(lambda: confidences and colours, "both outputs")
    confidence = image_to_labels(confidences[0])
    assert (confidences[0].encoding, confidence.shape) == ("mono8", (48, 64))
    assert confidence.min() >= round(255 / 11)
    assert confidence.mean() / 255 == pytest.approx(status.mean_confidence, abs=0.02)
    expected = overlay(image_to_rgb(message), image_to_labels(labels), CAMVID11.palette(), 0.5)
    np.testing.assert_array_equal(image_to_rgb(colours[0]), expected)
    assert colours[0].header == confidences[0].header == message.header


def test_parameters_refuse_what_is_invalid_or_too_late(peer, process):
    too_small = peer.set(NODE, "key_frames.interval", 0)
    assert not too_small.successful
    assert "key_frames.interval" in too_small.reason
    no_choice = peer.set(NODE, "key_frames.policy", "sometimes")
    assert no_choice.reason.startswith("key_frames.policy: found 'sometimes', expected one of")
    too_late = peer.set(NODE, "engine.device", "cuda")
    assert too_late.reason.startswith(
        "engine.device takes effect at configure, and the node is active"
    )
    assert not peer.set(NODE, "autostart", False).successful
    assert peer.get(NODE, "key_frames.policy").string_value == "auto"
    assert peer.set(NODE, "overlay_alpha", 1).successful


def test_a_misspelt_parameter_is_named_at_start(process):
    expected = "parameters without effect: key_frames.intervall (did you mean key_frames.interval?)"
    assert expected in process.log


def test_diagnostics_tell_how_the_camera_is_served(camera, peer):
    reports = peer.collect(DiagnosticArray, "/diagnostics")

    def served() -> dict[str, DiagnosticStatus]:
        camera.segment()
        statuses = {s.name: s for report in reports for s in report.status}
        camera_status = statuses.get("solo/segmenter: camera")
        return statuses if camera_status and camera_status.level == DiagnosticStatus.OK else {}

    statuses = wait_until(served, "diagnostics")
    engine = {v.key: v.value for v in statuses["solo/segmenter: engine"].values}
    assert statuses["solo/segmenter: engine"].message == "active"
    assert (engine["device"], engine["precision"]) == ("cpu", "float32")
    values = {v.key: v.value for v in statuses["solo/segmenter: camera"].values}
    own = [s for name, s in statuses.items() if name.startswith("solo/segmenter: ")]
    assert {s.hardware_id for s in own} == {"solo/segmenter"}, "another robot has another name"
    assert values["topic"] == "/solo/image"
    assert values["reliability"] == "reliable"
    assert int(values["taken"]) == int(values["published"]) + int(values["dropped"])


def test_what_is_read_once_does_not_pretend_to_change(process, peer):
    """As when `ros2 param load` is given what `ros2 param dump` wrote."""
    name = "qos_overrides./solo/image.subscription.reliability"
    answer = peer.set("/solo/segmenter", name, "best_effort")
    assert not answer.successful
    assert "read-only" in answer.reason
    assert peer.get("/solo/segmenter", name).string_value == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--params-file", "/nowhere.yaml"], "Couldn't parse params file"),
        (["--log-level", "verbose"], "Couldn't parse log level"),
        (["-p", "use_sim_time:=maybe"], "use_sim_time"),
    ],
)
def test_arguments_that_make_no_sense_are_one_clear_line(tmp_path, arguments, said):
    command = [sys.executable, "-m", "dcfm_ros.ros.segment_node", "--ros-args", *arguments]
    process = Process(command, tmp_path / "log")
    assert process.popen.wait(60) == 2
    (line,) = [line for line in process.log.splitlines() if "[FATAL]" in line]
    assert said in line
    assert "Traceback" not in process.log


def test_a_subscriber_with_a_policy_that_is_not_offered_is_named(peer, process):
    topic = f"{NODE}/label_image"
    peer.collect(Image, topic, LATCHED)
    process.wait_for_log(f"{topic}: a subscriber asks for another DURABILITY policy than offered")


def test_sigint_ends_the_process_with_zero(process):
    """The last test of this file: the process is gone afterwards."""
    assert process.end() == 0
    assert "Traceback" not in process.log, process.log
