"""A node's costmap without its network: labels are handed to the stage as the worker would."""

from __future__ import annotations

import math
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
from costmap_harness import BASE, LATCHED, Car, small_street, stamp
from nav_msgs.msg import OccupancyGrid
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from ros_harness import wait_until
from std_msgs.msg import Header

from dcfm_ros.msg import ClassGrid
from dcfm_ros.network.labels import CAMVID11
from dcfm_ros.ros.configured import ConfiguredCostmap
from dcfm_ros.ros.costmap_inputs import CostmapInputs
from dcfm_ros.ros.executor import spin
from dcfm_ros.ros.messages import time_message
from dcfm_ros.ros.settings import LiveCostmapSettings
from dcfm_ros.streaming import FrameResult, KeyFrameReason
from dcfm_ros.synthetic import SyntheticFrame

PATIENT = LiveCostmapSettings(rate_hz=50.0, tf_timeout_s=10.0, clear_after_s=3600.0)
HASTY = LiveCostmapSettings(rate_hz=50.0, tf_timeout_s=0.1, clear_after_s=3600.0)


class StageNode:
    """A node with everything but the network."""

    def __init__(self, context, namespace: str, settings: LiveCostmapSettings, cameras=("",)):
        self.warnings: list[str] = []
        self.node = Node("segmenter", namespace=namespace, context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self.costmap = ConfiguredCostmap(
            self.node, settings, cameras, CAMVID11, lambda topic, policy: None
        )
        self.settings = settings
        self.stage = self.costmap.stage(settings, self._warn)
        prefixes = {name: f"/{namespace}/{name}/" if name else f"/{namespace}/" for name in cameras}
        topics = {name: prefix + "image" for name, prefix in prefixes.items()}
        stage = self.stage
        stage.start(CostmapInputs(self.node, topics, "auto", False, stage, self._warn))
        self._spinning = spin(self._executor, self.node.get_logger())
        self._spinning.__enter__()

    def label(self, frame: SyntheticFrame, car: Car) -> None:
        """Hand over the true labels of a frame."""
        camera = car.frame_id.partition("_camera_")[0] if "_camera_" in car.frame_id else ""
        header = Header(stamp=time_message(frame.stamp_ns), frame_id=car.frame_id)
        result = FrameResult(
            labels=frame.labels,
            confidence=np.full(frame.labels.shape, 255, np.uint8),
            mean_confidence=1.0,
            is_key_frame=True,
            reason=KeyFrameReason.FIRST,
            age=0,
            age_ns=0,
            expected_label_change=math.nan,
            key_budget=math.nan,
            preprocess_ms=0.0,
            network_ms=0.0,
            postprocess_ms=0.0,
        )
        self.stage.offer(camera, header, result)

    def counts(self):
        return self.stage.counter.read()

    def latest_info(self, camera: str = ""):
        """The calibration that the next frame takes; None before the first."""
        infos = self.stage._feed._infos.get(camera)
        return infos.until(1 << 62) if infos else None

    def has_depth(self, stamp_ns: int, camera: str = "") -> bool:
        depths = self.stage._feed._depths.get(camera)
        return depths is not None and depths.near(stamp_ns, 1_000_000) is not None

    def sees_depth(self, camera: str = "") -> bool:
        """Whether the node knows, once it looked, that somebody publishes depth."""
        self.in_executor(self.stage.look)
        return camera in self.stage._feed._with_depth

    def in_executor(self, action):
        task = self._executor.create_task(action)
        wait_until(task.done, "task of the executor")
        return task.result()

    def close(self) -> None:
        self.stage.stop()
        assert self.stage.join()
        self._spinning.__exit__(None, None, None)
        self.stage.inputs.close()
        self.costmap.close()
        self._executor.shutdown()
        self.node.destroy_node()

    def _warn(self, kind: str, text: str) -> None:
        self.warnings.append(text)


def six_frames() -> list[SyntheticFrame]:
    street = small_street(width=240, height=180, people=0.0)
    return [street.frame(index) for index in range(6)]


@contextmanager
def worlds(peer):
    """Makes a node, a car beside it and a consumer of its grids, each time with fresh topics."""
    made: list = []

    def make(namespace: str, settings: LiveCostmapSettings, camera: str = "") -> SimpleNamespace:
        cameras = (camera,) if isinstance(camera, str) else camera
        node = StageNode(peer.context, namespace, settings, cameras)
        made.append(node)
        grids = peer.collect(OccupancyGrid, f"/{namespace}/segmenter/costmap", LATCHED)
        classes = peer.collect(ClassGrid, f"/{namespace}/segmenter/class_grid", LATCHED)
        cars = [Car(peer, namespace, name) for name in cameras]
        made.extend(cars)
        wait_until(lambda: grids and classes, "the first grid")
        return SimpleNamespace(node=node, car=cars[0], cars=cars, grids=grids, classes=classes)

    try:
        yield make
    finally:
        for thing in reversed(made):
            thing.close()


def prepare(world, frame: SyntheticFrame, *, mount: bool = True) -> None:
    """Until the node knows the calibration of each camera and where it is mounted."""
    for car in world.cars:
        wait_until(car.tf.get_subscription_count, "subscription of tf")

    def knows() -> bool:
        for car in world.cars:
            car.calibrate(frame)
            if mount:
                car.mount(frame)
        inputs, stage = world.node.stage.inputs.cameras.values(), world.node.stage
        known = not mount or BASE in stage.transforms.frames
        return known and all(camera.info.has_arrived for camera in inputs)

    wait_until(knows, "calibration")


def grid_at(world, at: int) -> np.ndarray:
    """(height, width) costs of the grid with a stamp."""
    (grid,) = wait_until(lambda: [g for g in world.grids if stamp(g) == at][:1], f"grid at {at}")
    return np.asarray(grid.data, np.int8).reshape(grid.info.height, grid.info.width)


def is_unknown(grid: OccupancyGrid) -> bool:
    return bool((np.asarray(grid.data) == -1).all())
