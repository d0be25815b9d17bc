"""What configure builds and cleanup takes down: the engine, the cameras, the output topics."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import ExitStack

import torch
from rclpy.clock import ROSClock
from rclpy.node import Node

from dcfm_ros.costmap.shipped import classes_of
from dcfm_ros.errors import CostmapError, ResourceError
from dcfm_ros.images import PictureDecoder
from dcfm_ros.network.labels import LabelSet
from dcfm_ros.pipeline import CameraPipeline
from dcfm_ros.ros.camera import CameraStage
from dcfm_ros.ros.costmap_publishers import GridPublishers, NavPublishers
from dcfm_ros.ros.costmap_stage import CostmapStage
from dcfm_ros.ros.messages import label_info
from dcfm_ros.ros.publishers import CameraPublishers, Mismatch, SharedPublishers
from dcfm_ros.ros.settings import LiveCostmapSettings, NodeSettings
from dcfm_ros.streaming import Engine, Segmenter


class Configured:
    """One engine, shared by all cameras, each with its own key-frame state.

    Raises:
        DcfmError: the checkpoint or the device cannot be used.
    """

    def __init__(
        self,
        node: Node,
        settings: NodeSettings,
        warn: Callable[[str, str], None],
        on_mismatch: Mismatch,
    ) -> None:
        self._node = node
        self.cameras: list[CameraStage] = []
        self.costmap: ConfiguredCostmap | None = None
        with ExitStack() as undo:
            self.engine = Engine.load(settings.engine)
            undo.callback(self.engine.release)
            self.engine.warm_up(*self.engine.info.training_size)
            self.shared = SharedPublishers(node, on_mismatch)
            undo.callback(self.shared.close)
            for number, name in enumerate(settings.camera_names):
                self.cameras.append(self._camera(name, number, settings, warn, on_mismatch))
                undo.callback(self.cameras[-1].close)
            if settings.costmap.enabled:
                self.costmap = self._costmap(settings, warn, on_mismatch)
            if self.costmap is not None:
                undo.callback(self.costmap.close)
            self._undo = undo.pop_all()

    def figures(self) -> dict[str, object]:
        """The resolved engine settings and the device memory in use, for diagnostics."""
        figures: dict[str, object] = dataclasses.asdict(self.engine.resolved)
        if torch.cuda.is_initialized():
            figures["device memory (MB)"] = torch.cuda.memory_allocated() // 2**20
            figures["device memory, reserved (MB)"] = torch.cuda.memory_reserved() // 2**20
        return figures

    def publish_label_info(self) -> None:
        """Say which class an id stands for; latched."""
        stamp = self._node.get_clock().now().to_msg()
        self.shared.publish_label_info(label_info(self.engine.info.labels, stamp))

    def apply(self, before: NodeSettings, after: NodeSettings) -> None:
        """Take over what may change while frames are processed, from the next frame on."""
        for camera in self.cameras:
            camera.overlay_alpha = after.overlay_alpha
            if after.key_frames != before.key_frames:
                camera.before_next_frame(lambda segmenter: segmenter.configure(after.key_frames))
        if self.costmap is not None and after.costmap != before.costmap:
            self.costmap.apply(after.costmap)

    def close(self) -> None:
        """Remove the topics and free the device memory."""
        self._undo.close()

    def _costmap(
        self,
        settings: NodeSettings,
        warn: Callable[[str, str], None],
        on_mismatch: Mismatch,
    ) -> ConfiguredCostmap | None:
        """The costmap; none where only the costs of an own label set are missing."""
        labels, cameras = self.engine.info.labels, settings.camera_names
        try:
            return ConfiguredCostmap(self._node, settings.costmap, cameras, labels, on_mismatch)
        except ResourceError as error:
            warn("costmap classes", f"no costmap: {error}")
            return None

    def _camera(
        self,
        name: str,
        number: int,
        settings: NodeSettings,
        warn: Callable[[str, str], None],
        on_mismatch: Mismatch,
    ) -> CameraStage:
        # Spread over the interval, so that no two cameras' key frames fall together.
        phase = number * settings.key_frames.interval // len(settings.camera_names)
        return CameraStage(
            name,
            CameraPipeline(
                Segmenter(self.engine, settings.key_frames, phase=phase),
                PictureDecoder(settings.image_bits),
            ),
            CameraPublishers(self._node, name, on_mismatch),
            self.engine.info.labels,
            settings.overlay_alpha,
            warn,
            self.shared.publish_status,
        )


class ConfiguredCostmap:
    """From configure to cleanup.

    Args:
        cameras: their names.
        labels: the checkpoint's.
        on_mismatch: called with (topic, policy) for subscribers with other policies.

    Raises:
        CostmapError: the classes or their costs cannot be used.
        ResourceError: no file of classes is named, and none is shipped for these labels.
    """

    def __init__(
        self,
        node: Node,
        settings: LiveCostmapSettings,
        cameras: tuple[str, ...],
        labels: LabelSet,
        on_mismatch: Mismatch,
    ) -> None:
        self._node = node
        self._labels = labels
        self._classes = classes_of(settings, labels.name, labels.classes)
        with ExitStack() as undo:
            self._grids = GridPublishers(node, settings.global_frame, on_mismatch)
            undo.callback(self._grids.close)
            self._nav: dict[str, NavPublishers] = {}
            for name in cameras:
                self._nav[name] = NavPublishers(node, name, on_mismatch)
                undo.callback(self._nav[name].close)
            self._undo = undo.pop_all()
        self._stage: CostmapStage | None = None

    def stage(
        self, settings: LiveCostmapSettings, warn: Callable[[str, str], None]
    ) -> CostmapStage:
        """What runs from activate to deactivate."""
        self._stage = CostmapStage(
            settings,
            self._classes,
            self._grids,
            self._nav,
            warn,
            lambda: int(self._node.get_clock().now().nanoseconds),
            self._steady_ns,
        )
        return self._stage

    def _steady_ns(self) -> int:
        """Simulated time where that is used, which may stand still; else a clock nobody sets."""
        clock = self._node.get_clock()
        if isinstance(clock, ROSClock) and clock.ros_time_is_active:
            return int(clock.now().nanoseconds)
        return time.monotonic_ns()

    def refusal(self, settings: LiveCostmapSettings) -> str:
        """Why settings cannot be taken over; empty if they can."""
        try:
            classes_of(settings, self._labels.name, self._labels.classes)
        except (CostmapError, ResourceError) as error:
            return f"costmap.{error}"
        return ""

    def apply(self, settings: LiveCostmapSettings) -> None:
        """Take over what may change while frames are processed, from the next frame on."""
        self._classes = classes_of(settings, self._labels.name, self._labels.classes)
        if self._stage is not None:
            self._stage.apply(settings, self._classes)

    def close(self) -> None:
        """Remove the topics."""
        self._undo.close()
