"""From labels to the costmap, in a thread of its own: segmentation never waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from std_msgs.msg import Header

from dcfm_ros.costmap import ClassTable, CostGrid, CostmapBuilder, reduce_nearest
from dcfm_ros.costmap.pace import GridPace
from dcfm_ros.errors import CostmapError, DcfmError
from dcfm_ros.geometry import Camera, TransformBuffer, camera_from_info
from dcfm_ros.ros.costmap_counts import CostmapCounter
from dcfm_ros.ros.costmap_inputs import CostmapInputs
from dcfm_ros.ros.costmap_publishers import GridPublishers, NavPublishers
from dcfm_ros.ros.costmap_settings import LiveCostmapSettings
from dcfm_ros.ros.grids import unknown_grid
from dcfm_ros.ros.reduced import reduced_info, reduced_size
from dcfm_ros.ros.waiting_frames import LabelledFrame, WaitingFrames
from dcfm_ros.streaming import FrameResult


class CostmapStage:
    """From activate to deactivate.

    Frames are added in the order in which they were segmented; each waits for its transforms, its
    depth and, at the start, the calibration up to `tf_timeout_s` from then on.

    Args:
        settings: of the costmap; what may change meanwhile comes by `apply`.
        classes: what the classes mean, with the costs to use.
        grids: where grids go.
        nav: where the rest goes, by camera.
        warn: called with (kind, text) for problems; expected to throttle.
        now_ns: the node's clock, for the stamps of grids that no frame has brought about.
    """

    def __init__(
        self,
        settings: LiveCostmapSettings,
        classes: ClassTable,
        grids: GridPublishers,
        nav: Mapping[str, NavPublishers],
        warn: Callable[[str, str], None],
        now_ns: Callable[[], int],
    ) -> None:
        self.counter = CostmapCounter()
        self.transforms = TransformBuffer()
        self.is_stale = False
        """Whether all was turned unknown for want of frames."""
        self._settings, self._classes = settings, classes
        self._grids, self._nav = grids, nav
        self._warn, self._now_ns = warn, now_ns
        self._builder = CostmapBuilder(settings, classes, self.transforms)
        self._pace = GridPace(settings.rate_hz)
        self._frames = WaitingFrames(self._is_ready, lambda frame: self.counter.overtake())
        self._publishing = threading.Lock()
        self._open = True
        self._last: CostGrid | None = None
        self._last_added_s: float | None = None
        self._thread = threading.Thread(target=self._work, name="dcfm_costmap", daemon=True)

    def start(self, inputs: CostmapInputs) -> None:
        """Clear what an earlier node may have left with consumers, and begin."""
        self.inputs = inputs
        self._publish(self._unknown())
        self._thread.start()

    def stop(self) -> None:
        """Turn everything unknown, and publish nothing after that."""
        self._frames.close()
        with self._publishing:
            if self._open:
                self._grids.publish(self._unknown())
            self._open = False

    def join(self, timeout_s: float = 10.0) -> bool:
        """Wait for the frame in work; False if it did not end in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def wanted(self) -> bool:
        """Whether somebody subscribes to anything that comes from here."""
        nav = self._nav.values()
        return self._grids.wanted or any(n.wants_images or n.wants_obstacles for n in nav)

    def takes(self, camera: str) -> bool:
        """Whether frames of a camera may be placed: only then their confidence is needed."""
        return self.inputs.cameras[camera].info.may_come

    def offer(self, camera: str, header: Header, result: FrameResult) -> None:
        """Hand over a frame that was segmented with confidence; returns at once."""
        if result.confidence is None:
            return
        self._frames.put(
            LabelledFrame(
                camera,
                header,
                result.labels,
                result.confidence,
                common_age_s=result.age_ns / 1e9,
                until_s=time.monotonic() + self._settings.tf_timeout_s,
            )
        )

    def wake(self) -> None:
        """Look again whether the frame that waits can go on; for the inputs."""
        self._frames.wake()

    def apply(self, settings: LiveCostmapSettings, classes: ClassTable) -> None:
        """Use other costs, rates and limits from now on."""
        if classes != self._classes:
            self._classes = classes
            self._builder.set_classes(classes)
        self._pace.rate_hz = settings.rate_hz
        self._settings = settings

    def look(self) -> None:
        """Turn everything unknown when nothing has been added for long; for a timer."""
        self.inputs.refresh()
        if self._last_added_s is None:
            return
        silent_s = time.monotonic() - self._last_added_s
        if silent_s <= self._settings.clear_after_s:
            return
        self._last_added_s, self.is_stale = None, True
        self._builder.clear()
        self._publish(self._unknown())
        reason = self.counter.read().last_problem
        text = f"nothing was added to the costmap for {silent_s:.1f} s: all of it is unknown now"
        self._tell("costmap stale", f"{text}; last problem: {reason}" if reason else text)

    def _work(self) -> None:
        while (frame := self._frames.take()) is not None:
            try:
                self._process(frame)
            except DcfmError as error:
                self._refuse(frame, type(error).__name__, str(error))
            except Exception as error:  # a bad frame must not end the node
                kind = type(error).__name__
                self._refuse(frame, kind, f"unexpected {kind}: {error}")

    def _is_ready(self, frame: LabelledFrame) -> bool:
        inputs = self.inputs.cameras[frame.camera]
        if inputs.info.latest is None or inputs.depth.may_come(frame.stamp_ns):
            return False
        return self._builder.ready(_frame_id(frame, inputs.info.latest), frame.stamp_ns)

    def _process(self, frame: LabelledFrame) -> None:
        nav, source = self._nav[frame.camera], self.inputs.cameras[frame.camera].info
        info = source.latest
        if info is None:
            raise CostmapError(
                f"no camera_info has come on {source.topic}, which places the image; publish it "
                "beside the images, or remap camera_info"
            )
        header = Header(stamp=frame.header.stamp, frame_id=_frame_id(frame, info))
        if nav.wants_images:
            self._publish_images(frame, header, info, nav)
        self._add(frame, header, info, nav)
        if nav.wants_points:
            labels = reduce_nearest(frame.labels, *self._reduced_size(frame))
            points = self._builder.nav_points(frame.camera, labels, frame.stamp_ns)
            self._if_open(lambda: nav.publish_points(header, points))

    def _add(self, frame: LabelledFrame, header: Header, info: Any, nav: NavPublishers) -> None:
        if frame.stamp_ns == 0:
            raise CostmapError(
                "the image's stamp is zero, expected the capture time, at which transforms are "
                "looked up; let its driver fill the stamp"
            )
        obstacles = self._builder.add(
            frame.camera,
            self._camera(info, *frame.labels.shape),
            header.frame_id,
            frame.labels,
            frame.confidence,
            frame.stamp_ns,
            frame.common_age_s,
            self.inputs.cameras[frame.camera].depth.find(frame.stamp_ns),
        )
        self._last_added_s, self.is_stale = time.monotonic(), False
        self.counter.add()
        while self._builder.warnings:
            warning = self._builder.warnings.pop(0)
            self._tell(warning, warning)
        if nav.wants_obstacles:
            self._if_open(lambda: nav.publish_obstacles(obstacles))
        if self._pace.due(frame.stamp_ns):
            self._last = self._builder.grid(frame.stamp_ns)
            self._publish(self._last)
            self.counter.publish()

    def _publish_images(
        self, frame: LabelledFrame, header: Header, info: Any, nav: NavPublishers
    ) -> None:
        size = self._reduced_size(frame)
        rectified = self._settings.projection.rectified
        camera = self._camera(info, *size)
        reduced = (
            reduce_nearest(frame.labels, *size),
            reduce_nearest(frame.confidence, *size),
            reduced_info(header, info, camera, rectified=rectified),
        )
        self._if_open(lambda: nav.publish_images(header, *reduced))

    def _camera(self, info: Any, height: int, width: int) -> Camera:
        return camera_from_info(info, width, height, rectified=self._settings.projection.rectified)

    def _reduced_size(self, frame: LabelledFrame) -> tuple[int, int]:
        height, width = frame.labels.shape
        return reduced_size(height, width, self._settings.nav_scale)

    def _publish(self, grid: CostGrid) -> None:
        self._if_open(lambda: self._grids.publish(grid))

    def _if_open(self, publish: Callable[[], None]) -> None:
        with self._publishing:
            if self._open:
                publish()

    def _unknown(self) -> CostGrid:
        last = self._last
        stamp_ns = max(self._now_ns(), 0 if last is None else last.stamp_ns)
        return unknown_grid(self._settings.grid, None if last is None else last.origin_m, stamp_ns)

    def _refuse(self, frame: LabelledFrame, kind: str, problem: str) -> None:
        problem = f"camera {frame.camera}: {problem}" if frame.camera else problem
        self.counter.refuse(problem)
        self._tell(f"costmap {kind} {frame.camera}", f"frame not in the costmap: {problem}")

    def _tell(self, kind: str, text: str) -> None:
        """Warn; while nobody subscribes, diagnostics say it and the log stays free of it."""
        if self.wanted:
            self._warn(kind, text)


def _frame_id(frame: LabelledFrame, info: Any) -> str:
    """The image's optical frame; some drivers name it in the calibration only."""
    return str(frame.header.frame_id or info.header.frame_id).removeprefix("/")
