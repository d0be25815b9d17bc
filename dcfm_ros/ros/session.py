"""One activation: subscriptions feed the hand-over, one worker thread serves all cameras.

Another thread takes their labels on into the costmap.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Generic, TypeVar

from rclpy.node import Node

from dcfm_ros.ros.camera import Arrival, CameraStage
from dcfm_ros.ros.costmap_inputs import CostmapInputs
from dcfm_ros.ros.costmap_stage import CostmapStage
from dcfm_ros.ros.counts import Drop
from dcfm_ros.ros.image_input import ImageInput
from dcfm_ros.ros.settings import NodeSettings

T = TypeVar("T")


class Session:
    """From activate to deactivate; inference happens in its worker, never in a callback.

    Args:
        costmap: what labels are handed on to; None where there is none.
        warn: called with (kind, text) for problems; expected to throttle.
    """

    def __init__(
        self,
        node: Node,
        settings: NodeSettings,
        cameras: Sequence[CameraStage],
        costmap: CostmapStage | None,
        warn: Callable[[str, str], None],
    ) -> None:
        self.costmap = costmap
        self.cameras = {camera.name: camera for camera in cameras}
        self.last_arrival_s = dict.fromkeys(self.cameras, time.monotonic())
        self.has_arrived = dict.fromkeys(self.cameras, False)
        self._frames: HandOver[Arrival] = HandOver(list(self.cameras))
        self._worker = threading.Thread(target=self._work, name="dcfm_worker", daemon=True)
        for camera in cameras:
            if costmap is None:
                camera.start()
            else:
                camera.start(
                    partial(costmap.offer, camera.name), partial(costmap.takes, camera.name)
                )
        self.inputs: dict[str, ImageInput] = {}
        with ExitStack() as undo:
            for name in self.cameras:
                self.inputs[name] = ImageInput(
                    node,
                    f"{name}/image" if name else "image",
                    settings.image_transport,
                    settings.image_reliability,
                    partial(self._receive, name),
                    warn,
                )
                undo.callback(self.inputs[name].close)
            if costmap is not None:
                costmap.start(self._costmap_inputs(node, settings, costmap, warn))
            self._undo = undo.pop_all()
        self._worker.start()

    def stop(self) -> None:
        """Take and publish nothing more, at once; a frame in work ends unpublished."""
        self._undo.close()
        self._frames.close()
        for name in self._frames.drain():
            self.cameras[name].counter.drop(Drop.STOPPED)
        for camera in self.cameras.values():
            camera.stop()
        if self.costmap is not None:
            self.costmap.inputs.close()
            self.costmap.stop()

    def join(self, timeout_s: float = 10.0) -> bool:
        """Wait for the frames in work; False if they did not end in time."""
        self._worker.join(timeout_s)
        costmap_ended = self.costmap is None or self.costmap.join(timeout_s)
        return costmap_ended and not self._worker.is_alive()

    def _costmap_inputs(
        self,
        node: Node,
        settings: NodeSettings,
        costmap: CostmapStage,
        warn: Callable[[str, str], None],
    ) -> CostmapInputs:
        topics = {name: source.topic for name, source in self.inputs.items()}
        rectified = settings.costmap.projection.rectified
        return CostmapInputs(node, topics, settings.image_reliability, rectified, costmap, warn)

    def _receive(self, camera: str, message: Any) -> None:
        now_ns = time.monotonic_ns()
        self.last_arrival_s[camera] = now_ns / 1e9
        self.has_arrived[camera] = True
        if self._frames.put(camera, Arrival(message, now_ns)) is not None:
            self.cameras[camera].counter.drop(Drop.REPLACED)

    def _work(self) -> None:
        while (turn := self._frames.take()) is not None:
            name, arrival = turn
            self.cameras[name].process(arrival)


class HandOver(Generic[T]):
    """The latest frame of each camera, from the subscriptions to the worker.

    One slot per camera: a newer frame replaces an unread one, and cameras take turns.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self._cameras = tuple(cameras)
        self._slots: dict[str, T] = {}
        self._next = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, camera: str, item: T) -> T | None:
        """Offer an item.

        Returns:
            The item that nobody will read: the replaced one or, after `close`, the offered one.
        """
        with self._changed:
            if self._closed:
                return item
            replaced = self._slots.get(camera)
            self._slots[camera] = item
            self._changed.notify()
            return replaced

    def take(self) -> tuple[str, T] | None:
        """Wait for the next camera's item in turn; None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._slots)
            if self._closed:
                return None
            count = len(self._cameras)
            turns = [(self._next + step) % count for step in range(count)]
            turn = next(turn for turn in turns if self._cameras[turn] in self._slots)
            self._next = (turn + 1) % count
            camera = self._cameras[turn]
            return camera, self._slots.pop(camera)

    def drain(self) -> dict[str, T]:
        """Take back everything unread, by camera."""
        with self._changed:
            unread, self._slots = self._slots, {}
            return unread

    def close(self) -> None:
        """Let `take` return None from now on; `drain` still gives what was unread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
