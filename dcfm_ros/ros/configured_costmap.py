"""The part of the costmap that configure builds: the meaning of the classes, the output topics."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from rclpy.node import Node

from dcfm_ros.costmap.shipped import classes_of
from dcfm_ros.errors import CostmapError, ResourceError
from dcfm_ros.network.labels import LabelSet
from dcfm_ros.ros.costmap_publishers import GridPublishers, NavPublishers
from dcfm_ros.ros.costmap_settings import LiveCostmapSettings
from dcfm_ros.ros.costmap_stage import CostmapStage
from dcfm_ros.ros.publishers import Mismatch


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
        )
        return self._stage

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
