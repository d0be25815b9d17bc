"""The bond with a lifecycle manager: handshake, death and return, as under Nav2's manager."""

from __future__ import annotations

import signal
import threading
import time
import uuid

import pytest
from bond.msg import Constants, Status
from costmap_harness import LATCHED
from nav_msgs.msg import OccupancyGrid
from rclpy.clock import Clock, ClockType
from ros_harness import (
    Inside,
    Peer,
    running_node,
    running_peer,
    wait_until,
    write_checkpoint,
)

NODE = "segmenter"


@pytest.fixture(scope="module")
def peer():
    with running_peer("manager") as peer:
        yield peer


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


class Manager:
    """The manager's side: transitions by service, then a bond with the node's name as id."""

    def __init__(self, peer: Peer, namespace: str, topic: str = "bond") -> None:
        self.peer = peer
        self.node = f"/{namespace}/{NODE}"
        self.instance = str(uuid.uuid4())
        self.heard: list[Status] = []
        """From the node, in the order of arrival."""
        self._last_s = 0.0
        self._publisher = peer.node.create_publisher(Status, f"/{namespace}/{topic}", 5)
        self._subscription = peer.node.create_subscription(
            Status, f"/{namespace}/{topic}", self._receive, 100
        )
        self._timer = peer.node.create_timer(
            0.1, lambda: self.say(active=True), clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def bring_up(self) -> None:
        assert self.peer.transition(self.node, "configure")
        assert self.peer.transition(self.node, "activate")
        wait_until(lambda: self.is_formed, "the bond")

    @property
    def is_formed(self) -> bool:
        return bool(self.heard) and self.heard[-1].active

    @property
    def is_broken(self) -> bool:
        """By word of the node, or by its silence."""
        silent_s = time.monotonic() - self._last_s
        return not self.heard[-1].active or silent_s > Constants.DEFAULT_HEARTBEAT_TIMEOUT

    def say(self, *, active: bool) -> None:
        self._publisher.publish(Status(id=NODE, instance_id=self.instance, active=active))

    def leave(self) -> None:
        self.peer.node.destroy_timer(self._timer)
        self.say(active=False)

    def close(self) -> None:
        self.peer.node.destroy_timer(self._timer)
        self.peer.node.destroy_subscription(self._subscription)
        self.peer.node.destroy_publisher(self._publisher)

    def _receive(self, status: Status) -> None:
        if status.id == NODE and status.instance_id != self.instance:
            self._last_s = time.monotonic()
            self.heard.append(status)


@pytest.fixture
def manage(peer):
    managers = []

    def make(*arguments, **options):
        managers.append(Manager(peer, *arguments, **options))
        return managers[-1]

    yield make
    for manager in managers:
        manager.close()


def parameters(checkpoint) -> dict[str, object]:
    return {"autostart": False, "engine.checkpoint": checkpoint, "engine.device": "cpu"}


@pytest.mark.parametrize("topic", ["bond", f"bond/{NODE}"])
def test_a_bond_is_formed_at_activation_and_ended_at_deactivation(
    manage, checkpoint, tmp_path, topic
):
    """On the one topic of all nodes, and on the topic that later releases keep for each."""
    namespace = f"bonded{topic.count('/')}"
    manager = manage(namespace, topic)
    with running_node(tmp_path / "log", namespace, parameters(checkpoint)) as process:
        assert manager.peer.transition(manager.node, "configure")
        assert not manager.heard, "no node is bonded before it is active"
        assert manager.peer.transition(manager.node, "activate")
        wait_until(lambda: manager.is_formed, "the bond")
        process.wait_for_log("bonded with the lifecycle manager")
        first = manager.heard[0].instance_id
        assert manager.heard[0].heartbeat_period == pytest.approx(0.1)
        assert manager.heard[0].heartbeat_timeout == pytest.approx(4.0)

        assert manager.peer.transition(manager.node, "deactivate")
        wait_until(lambda: manager.is_broken, "the node's leave")
        assert not manager.heard[-1].active, "said, not guessed from silence"

        assert manager.peer.transition(manager.node, "activate")
        wait_until(lambda: manager.is_formed, "the next bond")
        assert manager.heard[-1].instance_id != first, "a bond is never used twice"
        assert process.end(signal.SIGTERM) == 0
        wait_until(lambda: not manager.heard[-1].active, "leave at the end of the process")


def test_a_killed_node_is_missed_and_the_next_one_is_brought_up(manage, checkpoint, tmp_path):
    """While it waits for the manager, the new node voids the grid of the old one."""
    manager = manage("killed")
    grids = manager.peer.collect(OccupancyGrid, "/killed/segmenter/costmap", LATCHED)
    with running_node(tmp_path / "one", "killed", parameters(checkpoint)) as process:
        manager.bring_up()
        process.kill()
    wait_until(lambda: manager.is_broken, "death by silence")
    assert manager.heard[-1].active, "the node had no time to say so"
    manager.close()
    before = len(grids)
    again = manage("killed")
    with running_node(tmp_path / "two", "killed", parameters(checkpoint)):
        wait_until(lambda: len(grids) > before, "a grid of the new node")
        assert manager.peer.state(manager.node) == "unconfigured"
        assert set(grids[-1].data) == {-1}
        late = manager.peer.collect(OccupancyGrid, "/killed/segmenter/costmap", LATCHED)
        wait_until(lambda: late, "the latched grid, for who comes late")
        assert (late[0].info.width, late[0].header.frame_id) == (240, "odom")
        again.bring_up()


def test_heartbeats_do_not_wait_for_the_executor(manage, peer, checkpoint):
    inside = Inside(peer.context, "blocked", checkpoint, **{"engine.device": "cpu"})
    manager, free = manage("blocked"), threading.Event()
    try:
        inside.start()
        wait_until(lambda: manager.is_formed, "the bond")
        inside._executor.create_task(lambda: free.wait(30))
        count = len(manager.heard)
        wait_until(lambda: len(manager.heard) >= count + 20, "heartbeats meanwhile")
    finally:
        free.set()
        inside.close()


def test_a_manager_that_leaves_gets_its_answer_and_the_node_goes_on(manage, checkpoint, tmp_path):
    manager = manage("left")
    with running_node(tmp_path / "log", "left", parameters(checkpoint)):
        manager.bring_up()
        manager.leave()
        wait_until(lambda: not manager.heard[-1].active, "the answer")
        assert manager.peer.state(manager.node) == "active"


def test_a_manager_that_dies_is_told_of_and_the_node_goes_on(manage, checkpoint, tmp_path):
    manager = manage("orphan")
    with running_node(tmp_path / "log", "orphan", parameters(checkpoint)) as process:
        manager.bring_up()
        process.wait_for_log("bonded with the lifecycle manager")
        manager.close()
        process.wait_for_log("the lifecycle manager has been silent for")
        assert manager.peer.state(manager.node) == "active"


def test_a_node_that_starts_by_itself_keeps_no_bond(peer, checkpoint, tmp_path):
    own = {**parameters(checkpoint), "autostart": True}
    with running_node(tmp_path / "log", "alone", own) as process:
        process.wait_for_log("active; waiting")
        assert not peer.node.count_publishers("/alone/bond")
