"""A bag played over DDS at its real rate into the real node, whose outputs are recorded."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import yaml

from dcfm_ros.bags import open_bag, write_bag
from dcfm_ros.evaluation.node_process import NodeProcess, running_node
from dcfm_ros.evaluation.results import Delivery
from dcfm_ros.settings import to_dict
from dcfm_ros.streaming import EngineSettings, KeyFrameSettings

if TYPE_CHECKING:
    from dcfm_ros.ros.player import Player
    from dcfm_ros.ros.recorder import Recorder

_READY_S = 90.0
_IDLE_S = 15.0
_POLL_S = 0.2


@dataclass(frozen=True)
class LiveSettings:
    """What the node is started with."""

    engine: EngineSettings
    key_frames: KeyFrameSettings
    rate: float = 1.0
    """Of playing, times real time."""


def run_live(
    bag: Path,
    image_topic: str,
    settings: LiveSettings,
    outputs: Path,
    log: Path,
    advance: Callable[[float], object],
) -> Delivery:
    """Play a bag's images to a node of its own and record what it publishes.

    Args:
        image_topic: raw or compressed images.
        outputs: the bag to create.
        log: receives all that the node says.
        advance: called with the seconds of bag time that have passed since the last call.

    Raises:
        EvaluationError: the node does not start, ends by itself, or gives nothing back.
        BagError: a bag that cannot be read or written.
    """
    from dcfm_ros.ros import middleware
    from dcfm_ros.ros.recorder import Recorder

    with (
        TemporaryDirectory(prefix="dcfm_") as scratch,
        _environment(_apart(Path(scratch))),
        write_bag(outputs) as writer,
    ):
        parameters = Path(scratch) / "segmenter.yaml"
        parameters.write_text(_parameters(bag, image_topic, settings), encoding="utf-8")
        with middleware.running():
            recorder = Recorder(writer)
            with (
                running_node(parameters, {"image": image_topic}, log, os.environ) as node,
                recorder.recording(),
            ):
                _wait_until_active(node, recorder)
                return _play(bag, image_topic, settings.rate, node, recorder, advance)


def _wait_until_active(node: NodeProcess, recorder: Recorder) -> None:
    """Return once the node has said which classes it knows: then it takes images."""
    waited_s = 0.0
    while not recorder.wait(lambda: recorder.counts["label_info"] > 0, _POLL_S):
        node.check()
        waited_s += _POLL_S
        if waited_s > _READY_S:
            raise node.failure(f"the node did not become active within {_READY_S:.0f} s")


def _play(
    bag: Path,
    image_topic: str,
    rate: float,
    node: NodeProcess,
    recorder: Recorder,
    advance: Callable[[float], object],
) -> Delivery:
    from dcfm_ros.ros.player import Player, PlaySettings

    settings = PlaySettings(rate=rate, topics=(image_topic,), wait_for=(image_topic,))
    with open_bag(bag) as reader, _stopped_when_dead(node) as stop:
        player = Player(reader, settings, advance)
        try:
            _wait_until_matched(player, node, stop)
            played = player.play(stop)
            node.check()
            _wait_for_the_rest(node, recorder, played.messages[image_topic])
        finally:
            player.close()
    return _delivery(played.messages[image_topic], played.latest_s, node, recorder)


def _wait_until_matched(player: Player, node: NodeProcess, stop: threading.Event) -> None:
    """Return once the node's subscription has found the player."""
    alarm = threading.Timer(_READY_S, stop.set)
    alarm.start()
    player.wait(stop)
    alarm.cancel()
    if stop.is_set():
        node.check()
        raise node.failure(f"the node did not find the player within {_READY_S:.0f} s")


def _wait_for_the_rest(node: NodeProcess, recorder: Recorder, sent: int) -> None:
    """Return when every frame sent is accounted for, or nothing has come for long."""

    def complete() -> bool:
        status = recorder.status()
        if status is None or int(status.published) + int(status.dropped) < sent:
            return False
        return recorder.counts["label_image"] >= int(status.published)

    recorder.wait(complete, _IDLE_S)
    node.check()


def _delivery(sent: int, latest_s: float, node: NodeProcess, recorder: Recorder) -> Delivery:
    status = recorder.status()
    segmented = recorder.counts["label_image"]
    if status is None or not segmented:
        raise node.failure(f"no label image came back for {sent} images sent")
    dropped = int(status.dropped)
    return Delivery(
        sent=sent,
        lost=max(0, sent - segmented - dropped),
        dropped=dropped,
        segmented=segmented,
        latest_ms=1e3 * latest_s,
    )


def _parameters(bag: Path, image_topic: str, settings: LiveSettings) -> str:
    """A ROS parameter file for the node."""
    with open_bag(bag) as reader:
        kinds = {topic.name: topic.type for topic in reader.topics}
    compressed = kinds[image_topic].endswith("/CompressedImage")
    values = {
        "image_transport": "compressed" if compressed else "raw",
        "engine": to_dict(settings.engine),
        "key_frames": to_dict(settings.key_frames),
    }
    return yaml.safe_dump({"/**": {"ros__parameters": values}})


def _apart(scratch: Path) -> dict[str, str]:
    """What keeps this run to itself: loopback, an own domain, room for images, own logs."""
    from dcfm_ros.ros.environment import use_fast_dds_profile

    environment = dict(os.environ)
    use_fast_dds_profile(environment)
    domain = 1 + os.getpid() % 100
    if environment.get("ROS_DOMAIN_ID") == str(domain):
        domain = 1 + domain % 100
    environment["ROS_DOMAIN_ID"] = str(domain)
    if environment.get("ROS_DISTRO") == "humble":
        environment["ROS_LOCALHOST_ONLY"] = "1"
    else:
        environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    environment["ROS_LOG_DIR"] = str(scratch)
    return environment


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Use other variables within the `with` block."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _stopped_when_dead(node: NodeProcess) -> Iterator[threading.Event]:
    """An event that is set when the node ends."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(_POLL_S):
            if not node.alive:
                stop.set()

    watch = threading.Thread(target=look, name="dcfm_watch", daemon=True)
    watch.start()
    try:
        yield stop
    finally:
        stop.set()
        watch.join()
