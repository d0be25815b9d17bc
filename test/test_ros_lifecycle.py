"""The node's life: states, failures with their reason, and its end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from ros_harness import rgb_image, running_node, running_peer, wait_until, write_checkpoint
from sensor_msgs.msg import Image

from dcfm_ros.msg import FrameStatus


@pytest.fixture(scope="module")
def peer():
    with running_peer("operator") as peer:
        yield peer


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


def test_a_life_under_a_lifecycle_manager(peer, checkpoint, tmp_path):
    node = "/managed/segmenter"
    parameters = {"autostart": False, "engine.checkpoint": checkpoint, "engine.device": "cpu"}
    with running_node(tmp_path / "log", "managed", parameters) as process:
        assert peer.state(node) == "unconfigured"
        assert peer.node.count_publishers(f"{node}/label_image") == 0
        assert not peer.trigger(f"{node}/reset").success

        assert not peer.transition(node, "activate"), "not possible from unconfigured"
        assert peer.transition(node, "configure")
        assert peer.state(node) == "inactive"
        assert peer.node.count_subscribers("/managed/image") == 0
        assert "takes effect at configure" in peer.set(node, "engine.device", "auto").reason

        assert peer.transition(node, "activate")
        assert not peer.transition(node, "activate"), "not possible twice"
        assert peer.state(node) == "active", "alive after an impossible transition"
        first = serve(peer, "managed")
        assert (first.reason, first.taken) == (FrameStatus.FIRST, 1)

        assert peer.transition(node, "deactivate")
        wait_until(lambda: not peer.node.count_subscribers("/managed/image"), "end of input")
        assert not peer.trigger(f"{node}/force_key_frame").success

        assert peer.transition(node, "activate")
        again = serve(peer, "managed")
        assert (again.reason, again.taken) == (FrameStatus.FIRST, 1), "each activation starts anew"

        assert peer.transition(node, "deactivate")
        assert peer.transition(node, "cleanup")
        assert peer.state(node) == "unconfigured"
        wait_until(lambda: not peer.node.count_publishers(f"{node}/label_image"), "end of topics")
        assert peer.set(node, "engine.device", "auto").successful
        assert peer.transition(node, "configure")
        assert peer.transition(node, "activate")
        assert serve(peer, "managed").reason == FrameStatus.FIRST
        assert process.end(signal.SIGTERM) == 0
        assert "Traceback" not in process.log, process.log


def serve(peer, namespace: str) -> FrameStatus:
    """Send one image; gives its status."""
    publisher = peer.node.create_publisher(Image, f"/{namespace}/image", 1)
    statuses: list[FrameStatus] = []
    subscription = peer.node.create_subscription(
        FrameStatus, f"/{namespace}/segmenter/status", statuses.append, 10
    )
    wait_until(publisher.get_subscription_count, "the node's subscription")
    wait_until(
        lambda: peer.node.count_publishers(f"/{namespace}/segmenter/status"), "the status topic"
    )
    publisher.publish(rgb_image(stamp_ns=1_000))
    wait_until(lambda: statuses, "status")
    peer.node.destroy_publisher(publisher)
    peer.node.destroy_subscription(subscription)
    return statuses[0]


def test_a_checkpoint_that_cannot_be_used_fails_configure_and_leaves_the_node_alive(
    peer, checkpoint, tmp_path
):
    node = "/broken/segmenter"
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(checkpoint.read_bytes()[:2000])
    missing = tmp_path / "missing.safetensors"
    parameters = {"engine.checkpoint": missing, "diagnostics_period_s": 0.25}
    with running_node(tmp_path / "log", "broken", parameters) as process:
        process.wait_for_log("configure failed: ")
        assert str(missing) in process.log
        assert peer.state(node) == "unconfigured"

        reports = peer.collect(DiagnosticArray, "/diagnostics")
        wait_until(lambda: any(said(r, str(missing)) for r in reports), "error in diagnostics")

        assert peer.set(node, "engine.checkpoint", str(truncated)).successful
        assert not peer.transition(node, "configure")
        process.wait_for_log(str(truncated))

        assert peer.set(node, "engine.device", "cuda:77").successful
        assert not peer.transition(node, "configure")
        process.wait_for_log("device cuda:77 was asked for, but")
        assert "Traceback" not in process.log, process.log

        assert peer.set(node, "engine.device", "cpu").successful
        assert peer.set(node, "engine.checkpoint", str(checkpoint)).successful
        assert peer.transition(node, "configure"), process.log
        assert process.end() == 0


def said(report: DiagnosticArray, text: str) -> bool:
    return any(s.level == DiagnosticStatus.ERROR and text in s.message for s in report.status)


def test_silence_is_named_once_with_the_topics_that_do_exist(peer, checkpoint, tmp_path):
    camera = peer.node.create_publisher(Image, "/quiet/camera/image_raw", 1)
    parameters = {"engine.checkpoint": checkpoint, "stale_after_s": 0.5, "autostart": False}
    with running_node(tmp_path / "log", "quiet", parameters) as process:
        # An answer means that both sides have discovered each other.
        assert peer.transition("/quiet/segmenter", "configure")
        assert peer.transition("/quiet/segmenter", "activate")
        process.wait_for_log("no image on /quiet/image for")
        assert (
            "it has no publisher; image topics that exist: /quiet/camera/image_raw" in process.log
        )
        serve(peer, "quiet")
        process.wait_for_log("images come on /quiet/image again")
        assert process.log.count("no image on /quiet/image for") == 1
    peer.node.destroy_publisher(camera)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"key_frames.interval": 0}, "parameter key_frames.interval: found 0, expected 1 to 1000"),
        (
            {"image_transport": "theora"},
            "parameter image_transport: found 'theora', expected one of",
        ),
    ],
)
def test_an_invalid_parameter_ends_the_process_with_one_clear_line(tmp_path, parameters, reason):
    with running_node(tmp_path / "log", "refused", parameters) as process:
        process.wait_for_log(reason)
        assert process.popen.wait(30) == 2
        lines = process.log.strip().splitlines()
        # Kilted and later find one of the two profile variables outdated, and say so.
        assert len([line for line in lines if "rmw_fastrtps" not in line]) == 1, process.log


def test_sigint_while_the_node_starts_ends_it_cleanly(tmp_path, checkpoint):
    with running_node(tmp_path / "log", "hasty", {"engine.checkpoint": checkpoint}) as process:
        maps = Path(f"/proc/{process.popen.pid}/maps")
        wait_until(lambda: "_rclpy" in maps.read_text(), "rclpy to be imported")
        assert process.end() == 0
        assert "Traceback" not in process.log, process.log
