"""Real processes and real DDS for the tests of the node: conditions instead of sleeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from dcfm_ros.ros.environment import use_fast_dds_profile
from dcfm_ros.ros.executor import spin

CHECKOUT = Path(__file__).resolve().parents[1]
DEADLINE_S = 30.0

T = TypeVar("T")

TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}


def wait_until(condition: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """Wait for a condition; gives its value, or fails saying what did not come in time."""
    value = wait_for(condition, deadline_s)
    if not value:
        raise AssertionError(f"{what}: not within {deadline_s} s")
    return value


def wait_for(condition: Callable[[], T], deadline_s: float) -> T:
    """Wait for a condition, at most so long; gives its last value."""
    pause, end_s = threading.Event(), time.monotonic() + deadline_s
    while not (value := condition()) and time.monotonic() < end_s:
        pause.wait(0.01)
    return value


def keep_apart() -> None:
    """Loopback only, in a domain of this test run, with room for images in shared memory."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    use_fast_dds_profile()


def write_checkpoint(
    path: Path, config: str = "camvid_tiny", size: tuple[int, int] = (96, 128)
) -> Path:
    """A network with random weights: fast, and of no use but to see frames go through."""
    import torch  # which many tests do without

    from dcfm_ros.network import CheckpointInfo, Dcfm, label_set, named_config, save

    torch.manual_seed(0)
    named = named_config(config)
    info = CheckpointInfo(config, named.network, label_set(named.label_set), size)
    save(Dcfm(named.network), info, path)
    return path


def rgb_image(height: int = 48, width: int = 64, *, seed: int = 0, stamp_ns: int = 0) -> Image:
    """A picture with some structure, as the camera driver would send it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    rgb = np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)[:height, :width])
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    message.data = array("B", rgb.tobytes())
    message.header.frame_id = "camera_optical"
    message.header.stamp = Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return message


class Process:
    """A child process in a session of its own, with its output in a file."""

    def __init__(self, command: list[str], log: Path, **environment: str) -> None:
        self.log_path = log
        self._log = log.open("wb")
        self.popen = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_for_log(self, text: str, deadline_s: float = DEADLINE_S) -> None:
        def said_or_dead() -> bool:
            return text in self.log or self.popen.poll() is not None

        wait_until(said_or_dead, f"log {text!r} in\n{self.log}", deadline_s)
        assert text in self.log, self.log

    def end(self, number: int = signal.SIGINT, deadline_s: float = DEADLINE_S) -> int:
        """Signal the whole group; gives the exit code."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, number)
        return self.popen.wait(deadline_s)

    def kill(self) -> None:
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
        self._log.close()


@contextmanager
def running_node(
    log: Path, namespace: str, parameters: dict[str, object], *extra: str
) -> Iterator[Process]:
    """A `segment_node` process under a namespace of its own; ended at the latest with the block."""
    arguments = ["--ros-args", "-r", f"__ns:=/{namespace}", *extra]
    for name, value in parameters.items():
        arguments += ["-p", f"{name}:={value}"]
    process = Process([sys.executable, "-m", "dcfm_ros.ros.segment_node", *arguments], log)
    try:
        yield process
        process.end()
    finally:
        process.kill()


class Peer:
    """A node in the test process that plays camera driver, consumer and operator."""

    def __init__(self, name: str = "peer") -> None:
        keep_apart()
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node(name, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._spinning = spin(self._executor, self.node.get_logger())
        self._spinning.__enter__()

    def close(self) -> None:
        self._spinning.__exit__(None, None, None)
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def in_executor(self, action: Callable[[], T]) -> T:
        """Call something where the node's own callbacks are called."""
        task = self._executor.create_task(action)
        wait_until(task.done, "task of the executor")
        return task.result()

    def collect(self, message_type: Any, topic: str, qos: QoSProfile | int = 10) -> list[Any]:
        """Subscribe; the list grows as messages come."""
        messages: list[Any] = []
        self.node.create_subscription(message_type, topic, messages.append, qos)
        return messages

    def call(self, service_type: Any, name: str, request: Any) -> Any:
        """Call a service; gives its response."""
        client = self.node.create_client(service_type, name)
        try:
            assert client.wait_for_service(DEADLINE_S), f"no service {name}"
            future = client.call_async(request)
            wait_until(future.done, f"answer of {name}")
            return future.result()
        finally:
            self.node.destroy_client(client)

    def state(self, node: str) -> str:
        return self.call(GetState, f"{node}/get_state", GetState.Request()).current_state.label

    def trigger(self, name: str) -> Any:
        """Call a std_srvs/Trigger service; gives .success and .message."""
        return self.call(Trigger, name, Trigger.Request())

    def transition(self, node: str, name: str) -> bool:
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[name]))
        return self.call(ChangeState, f"{node}/change_state", request).success

    def set(self, node: str, name: str, value: object) -> Any:
        """Set one parameter; gives .successful and .reason."""
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        return self.call(SetParameters, f"{node}/set_parameters", request).results[0]

    def get(self, node: str, name: str) -> Any:
        request = GetParameters.Request(names=[name])
        return self.call(GetParameters, f"{node}/get_parameters", request).values[0]

    def wait_for_state(self, node: str, state: str) -> None:
        wait_until(lambda: self.state(node) == state, f"{node} to become {state}")


@contextmanager
def running_peer(name: str = "peer") -> Iterator[Peer]:
    peer = Peer(name)
    try:
        yield peer
    finally:
        peer.close()


class Inside:
    """A node without autostart, spun by an executor of its own."""

    def __init__(self, context, namespace: str, checkpoint: Path, **parameters):
        from dcfm_ros.ros.node import SegmenterNode

        given = {"autostart": False, "engine.checkpoint": str(checkpoint), **parameters}
        self.node = SegmenterNode(
            context=context,
            namespace=namespace,
            parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
        )
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._spinning = spin(self._executor, self.node.get_logger())
        self._spinning.__enter__()

    def do(self, action):
        task = self._executor.create_task(action)
        wait_until(task.done, "task of the executor")
        return task.result()

    def start(self):
        assert self.do(self.node.trigger_configure) is TransitionCallbackReturn.SUCCESS
        assert self.do(self.node.trigger_activate) is TransitionCallbackReturn.SUCCESS

    @property
    def camera(self):
        return self.node._configured.cameras[0]

    def close(self):
        self._spinning.__exit__(None, None, None)
        self.node.finish()
        self._executor.shutdown()
        self.node.destroy_node()
