"""A bag played over DDS at its real rate into the real node, whose outputs are recorded."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from dcfm_ros.bags import open_bag
from dcfm_ros.costmap import CostmapSettings
from dcfm_ros.evaluation.evaluate import RunSettings
from dcfm_ros.evaluation.run.costmap_messages import CostmapTopics
from dcfm_ros.evaluation.run.results import Delivery
from dcfm_ros.replay.node_process import NodeProcess, running_node
from dcfm_ros.settings import flatten, to_dict

if TYPE_CHECKING:
    from dcfm_ros.ros.player import Player
    from dcfm_ros.ros.recorder import Recorder, Sink

LABELS = ("label_image", "status", "label_info")
"""The outputs that figures come from."""
GRID = "class_grid"
PICTURES = (*LABELS, "color_image", GRID)
"""Those to look at, too, which cost the node more."""

PATIENCE_S = 15.0
"""How long a frame may take where nothing is known of the node."""

_READY_S = 90.0
_POLL_S = 0.2


def figure_outputs(settings: RunSettings) -> tuple[str, ...]:
    """The outputs of the node that figures come from; a grid only where a costmap is wanted."""
    return LABELS if settings.costmap is None else (*LABELS, GRID)


@contextmanager
def live_node(
    bag: Path,
    image_topic: str,
    settings: RunSettings,
    sink: Sink,
    topics: Collection[str],
    log: Path,
) -> Iterator[LiveNode]:
    """A node of its own, active, for a bag that can be played to it again and again.

    Args:
        image_topic: raw or compressed images.
        sink: receives what the node publishes.
        topics: outputs of the node to subscribe to.
        log: receives all that the node says.

    Raises:
        EvaluationError: the node does not start.
        BagError: a bag that cannot be read.
    """
    from dcfm_ros.ros.executor import running
    from dcfm_ros.ros.recorder import Recorder

    with TemporaryDirectory(prefix="dcfm_") as scratch, _environment(_apart(Path(scratch))):
        parameters = Path(scratch) / "segmenter.yaml"
        parameters.write_text(_parameters(bag, image_topic, settings), encoding="utf-8")
        with running():
            needed = _costmap_topics(bag, image_topic, settings) if GRID in topics else None
            beside = (*needed.transforms, needed.camera_info) if needed else ()
            remappings = {"image": image_topic, **(needed.remappings if needed else {})}
            recorder = Recorder(sink, outputs=[t for t in topics if t != GRID or beside])
            with (
                running_node(parameters, remappings, log, os.environ) as process,
                recorder.recording(),
            ):
                _wait_until_active(process, recorder)
                missing = settings.source.skip_missing
                yield LiveNode(bag, missing, image_topic, beside, process, recorder)


@dataclass(frozen=True)
class LiveNode:
    """A node that takes images, and the recorder of its outputs; see `live_node`."""

    bag: Path
    skip_missing: bool
    image_topic: str
    beside: tuple[str, ...]
    """What else is played: all that the costmap needs."""
    process: NodeProcess
    recorder: Recorder

    def play(
        self,
        rate: float,
        advance: Callable[[float], object],
        most_s: float = math.inf,
        patience_s: float = PATIENCE_S,
    ) -> Delivery:
        """Play the bag once and wait for what comes back.

        Args:
            rate: times real time.
            advance: called with the seconds of bag time that have passed since the last call.
            most_s: stop after this much bag time.
            patience_s: a frame is lost when nothing has come for this long.

        Raises:
            EvaluationError: the node ends by itself, or gives nothing back.
        """
        from dcfm_ros.ros.player import Player, PlaySettings

        topic = self.image_topic
        before = self._counts()
        settings = PlaySettings(rate=rate, topics=(topic, *self.beside), wait_for=(topic,))
        with (
            open_bag(self.bag, skip_missing=self.skip_missing) as reader,
            _stopped_when_dead(self.process) as stop,
        ):
            player = Player(reader, settings, _until(most_s, stop, advance))
            try:
                _wait_until_matched(player, self.process, stop)
                played = player.play(stop)
                self.process.check()
                sent = played.messages[topic]
                self._wait_for_the_rest(sent, before, patience_s)
            finally:
                player.close()
        return self._delivery(sent, played.latest_s, rate, before)

    def _wait_for_the_rest(self, sent: int, before: _Counts, patience_s: float) -> None:
        """Return when every frame sent is accounted for, or nothing has come for so long."""

        def complete() -> bool:
            now = self._counts()
            if now.published + now.dropped - before.published - before.dropped < sent:
                return False
            return now.received - before.received >= now.published - before.published

        self.recorder.wait(complete, patience_s)
        self.process.check()

    def _counts(self) -> _Counts:
        status = self.recorder.status()
        received = self.recorder.counts["label_image"]
        if status is None:
            return _Counts(0, 0, received)
        return _Counts(int(status.published), int(status.dropped), received)

    def _delivery(self, sent: int, latest_s: float, rate: float, before: _Counts) -> Delivery:
        now = self._counts()
        segmented = now.received - before.received
        if not segmented:
            raise self.process.failure(f"no label image came back for {sent} images sent")
        dropped = now.dropped - before.dropped
        return Delivery(
            sent=sent,
            lost=max(0, sent - segmented - dropped),
            dropped=dropped,
            segmented=segmented,
            latest_ms=1e3 * latest_s,
            rate=rate,
        )


def _until(
    most_s: float, stop: threading.Event, advance: Callable[[float], object]
) -> Callable[[float], object]:
    """`advance`, which sets `stop` once enough has passed."""
    passed_s = 0.0

    def passed(seconds: float) -> None:
        nonlocal passed_s
        passed_s += seconds
        advance(seconds)
        if passed_s >= most_s:
            stop.set()

    return passed


@dataclass(frozen=True)
class _Counts:
    """Since the node has started."""

    published: int
    dropped: int
    received: int
    """Label images that came back."""


def _costmap_topics(bag: Path, image_topic: str, settings: RunSettings) -> CostmapTopics | None:
    """What the node needs for its costmap, where the bag has it."""
    with open_bag(bag, skip_missing=settings.source.skip_missing) as reader:
        return CostmapTopics.of(reader, image_topic)


def _wait_until_active(node: NodeProcess, recorder: Recorder) -> None:
    """Return once the node has said which classes it knows: then it takes images."""
    waited_s = 0.0
    while not recorder.wait(lambda: recorder.counts["label_info"] > 0, _POLL_S):
        node.check()
        waited_s += _POLL_S
        if waited_s > _READY_S:
            raise node.failure(f"the node did not become active within {_READY_S:.0f} s")


def _wait_until_matched(player: Player, node: NodeProcess, stop: threading.Event) -> None:
    """Return once the node's subscription has found the player."""
    alarm = threading.Timer(_READY_S, stop.set)
    alarm.start()
    player.wait(stop)
    alarm.cancel()
    if stop.is_set():
        node.check()
        raise node.failure(f"the node did not find the player within {_READY_S:.0f} s")


def _parameters(bag: Path, image_topic: str, settings: RunSettings) -> str:
    """A ROS parameter file for the node."""
    with open_bag(bag, skip_missing=settings.source.skip_missing) as reader:
        kinds = {topic.name: topic.type for topic in reader.topics}
    compressed = kinds[image_topic].endswith("/CompressedImage")
    values = {
        "image_transport": "compressed" if compressed else "raw",
        "image_bits": settings.source.image_bits,
        "engine": to_dict(settings.engine),
        "key_frames": to_dict(settings.key_frames),
        **_changed(settings.costmap),
    }
    return yaml.safe_dump({"/**": {"ros__parameters": values}})


def _changed(settings: CostmapSettings | None) -> dict[str, Any]:
    """Parameters that are not the node's own defaults, by dotted name."""
    if settings is None:
        return {}
    return {
        f"costmap.{name}": list(option.value) if isinstance(option.value, tuple) else option.value
        for name, option in flatten(settings).items()
        if option.value != option.default
    }


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
