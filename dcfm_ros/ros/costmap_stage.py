"""From labels to the costmap, in a thread of its own: segmentation never waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from dcfm_ros.costmap import (
    ClassTable,
    CostGrid,
    CostmapBuilder,
    CostmapFeed,
    LabelledImage,
    MapUpdate,
    MatchedImage,
    reduce_nearest,
)
from dcfm_ros.errors import DcfmError
from dcfm_ros.geometry import TransformBuffer, camera_from_info
from dcfm_ros.ros.costmap_diagnostics import CostmapCounter
from dcfm_ros.ros.costmap_inputs import CostmapInputs
from dcfm_ros.ros.costmap_messages import nav_scale, reduced_info, reduced_size, unknown_grid
from dcfm_ros.ros.costmap_publishers import GridPublishers, NavPublishers
from dcfm_ros.ros.messages import stamp_ns, time_message
from dcfm_ros.ros.settings import LiveCostmapSettings
from dcfm_ros.streaming import FrameResult

_LOOK_S = 0.02
"""How often to see, while an image waits, whether its time is over: the clock may be simulated."""


class CostmapStage:
    """From activate to deactivate.

    Frames are added in the order in which they were segmented; what each waits for, and how long by
    the node's clock, is the business of `CostmapFeed`.

    Args:
        settings: of the costmap; what may change meanwhile comes by `apply`.
        classes: what the classes mean, with the costs to use.
        grids: where grids go.
        nav: where the rest goes, by camera.
        warn: called with (kind, text) for problems; expected to throttle.
        now_ns: the node's clock.
        steady_ns: the clock by which silence is measured: see `clear_after_s`.
    """

    def __init__(
        self,
        settings: LiveCostmapSettings,
        classes: ClassTable,
        grids: GridPublishers,
        nav: Mapping[str, NavPublishers],
        warn: Callable[[str, str], None],
        now_ns: Callable[[], int],
        steady_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.counter = CostmapCounter()
        self.transforms = TransformBuffer()
        self.is_stale = False
        """Whether all was turned unknown for want of frames."""
        self._settings, self._classes = settings, classes
        self._grids, self._nav = grids, nav
        self._warn, self._now_ns, self._steady_ns = warn, now_ns, steady_ns
        self._feed = CostmapFeed(CostmapBuilder(settings, classes, self.transforms))
        self._changed = threading.Condition()
        """Guards the feed, but for its `place`, which is the thread's alone."""
        self._overtaken = 0
        self._working = True
        self._publishing = threading.Lock()
        self._open = True
        self._last: CostGrid | None = None
        self._last_added_ns: int | None = None
        self._thread = threading.Thread(target=self._work, name="dcfm_costmap", daemon=True)

    def start(self, inputs: CostmapInputs) -> None:
        """Clear what an earlier node may have left with consumers, and begin."""
        self.inputs = inputs
        topics = {name: camera.info.topic for name, camera in inputs.cameras.items()}
        self._feed.info_topics.update(topics)
        depths = {name: camera.depth.topic for name, camera in inputs.cameras.items()}
        self._feed.depth_topics.update(depths)
        self._expect_depth()
        self._publish(self._unknown())
        self._thread.start()

    def stop(self) -> None:
        """Turn everything unknown, and publish nothing after that."""
        with self._changed:
            self._working = False
            self._changed.notify_all()
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
        image = LabelledImage(
            camera,
            header.frame_id,
            stamp_ns(header.stamp),
            result.labels,
            result.confidence,
            common_age_s=result.age_ns / 1e9,
        )
        with self._changed:
            self._feed.put(image, self._now_ns())
            self._changed.notify_all()

    def take_info(self, camera: str, message: CameraInfo) -> None:
        """Take a calibration; for the inputs."""
        with self._changed:
            self._feed.camera_info(camera, stamp_ns(message.header.stamp), message)
            self._changed.notify_all()

    def take_depth(self, camera: str, message: Any) -> None:
        """Take a depth image; for the inputs."""
        with self._changed:
            self._feed.depth(camera, stamp_ns(message.header.stamp), message)
            self._changed.notify_all()

    def take_depth_info(self, camera: str, message: CameraInfo) -> None:
        """Take the calibration of a depth camera itself; for the inputs."""
        with self._changed:
            self._feed.depth_info(camera, stamp_ns(message.header.stamp), message)
            self._changed.notify_all()

    def wake(self) -> None:
        """Look again whether the frame that waits can go on; for the inputs."""
        with self._changed:
            self._changed.notify_all()

    def depth_problem(self, camera: str) -> str:
        """Why the depth of a camera is not used, though it comes; empty if all is well."""
        matches = self._feed.depth_matches.get(camera)
        return "" if matches is None else matches.problem

    def apply(self, settings: LiveCostmapSettings, classes: ClassTable) -> None:
        """Use other costs, rates and limits from now on."""
        if classes != self._classes:
            self._classes = classes
            self._feed.builder.set_classes(classes)
        self._settings = self._feed.settings = settings

    def look(self) -> None:
        """Turn everything unknown when nothing has been added for long; for a timer."""
        self.inputs.refresh()
        self._expect_depth()
        now_ns, last_ns = self._steady_ns(), self._last_added_ns
        if last_ns is None:
            return
        if now_ns < last_ns:  # the clock was set back: a simulation that starts again
            self._last_added_ns = now_ns
        silent_s = (now_ns - last_ns) / 1e9
        if silent_s <= self._settings.clear_after_s:
            return
        self._last_added_ns, self.is_stale = None, True
        self._feed.clear()
        self._publish(self._unknown())
        reason = self.counter.read().last_problem
        text = f"nothing was added to the costmap for {silent_s:.1f} s: all of it is unknown now"
        self._tell("costmap stale", f"{text}; last problem: {reason}" if reason else text)

    def _work(self) -> None:
        while (matched := self._next()) is not None:
            try:
                self._process(matched)
            except Exception as error:  # a bad frame must not end the node
                self._refuse(matched.image.camera, error)

    def _next(self) -> MatchedImage | None:
        """Wait for the next image that waits no longer; None once stopped."""
        with self._changed:
            while self._working:
                matched = self._feed.next(self._now_ns())
                self.counter.overtake(self._feed.overtaken - self._overtaken)
                self._overtaken = self._feed.overtaken
                if matched is not None:
                    return matched
                self._changed.wait(_LOOK_S if self._feed.waiting else None)
        return None

    def _process(self, matched: MatchedImage) -> None:
        image, nav = matched.image, self._nav[matched.image.camera]
        header = Header(stamp=time_message(image.stamp_ns), frame_id=matched.frame_id)
        if nav.wants_images and matched.info is not None:
            self._publish_images(matched, header, nav)
        update = self._feed.place(matched)
        if update.error is not None:
            raise update.error
        self._publish_update(update, nav)
        if nav.wants_points:
            labels = reduce_nearest(image.labels, *self._reduced_size(matched))
            points = self._feed.builder.nav_points(image.camera, labels, image.stamp_ns)
            self._if_open(lambda: nav.publish_points(header, points))

    def _publish_update(self, update: MapUpdate, nav: NavPublishers) -> None:
        self._last_added_ns, self.is_stale = self._steady_ns(), False
        self.counter.add()
        while self._feed.builder.warnings:
            warning = self._feed.builder.warnings.pop(0)
            self._tell(warning, warning)
        camera, obstacles, grid = update.image.camera, update.obstacles, update.grid
        if problem := self.depth_problem(camera):
            self._tell(f"costmap depth {camera}", _of(camera, problem))
        if nav.wants_obstacles and obstacles is not None:
            self._if_open(lambda: nav.publish_obstacles(obstacles))
        if grid is not None:
            self._last = grid
            self._publish(grid)
            self.counter.publish()

    def _publish_images(self, matched: MatchedImage, header: Header, nav: NavPublishers) -> None:
        size = height, width = self._reduced_size(matched)
        rectified = self._settings.projection.rectified
        camera = camera_from_info(matched.info, width, height, rectified=rectified)
        assert matched.image.confidence is not None
        reduced = (
            reduce_nearest(matched.image.labels, *size),
            reduce_nearest(matched.image.confidence, *size),
            reduced_info(header, matched.info, camera, rectified=rectified),
        )
        self._if_open(lambda: nav.publish_images(header, *reduced))

    def _reduced_size(self, matched: MatchedImage) -> tuple[int, int]:
        height, width = matched.image.labels.shape
        rectified = self._settings.projection.rectified
        camera = camera_from_info(matched.info, width, height, rectified=rectified)
        return reduced_size(height, width, nav_scale(self._settings, float(camera.k[0, 0])))

    def _expect_depth(self) -> None:
        """Wait for depth where somebody may send it."""
        for name, camera in self.inputs.cameras.items():
            expected = camera.depth.state().publishers > 0
            with_info = any(info.may_come for info in camera.depth_infos)
            with self._changed:
                self._feed.expect_depth(name, expected, with_info)
                self._changed.notify_all()

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

    def _refuse(self, camera: str, error: Exception) -> None:
        kind = type(error).__name__
        text = str(error) if isinstance(error, DcfmError) else f"unexpected {kind}: {error}"
        problem = _of(camera, text)
        self.counter.refuse(problem)
        self._tell(f"costmap {kind} {camera}", f"frame not in the costmap: {problem}")

    def _tell(self, kind: str, text: str) -> None:
        """Warn; while nobody subscribes, diagnostics say it and the log stays free of it."""
        if self.wanted:
            self._warn(kind, text)


def _of(camera: str, text: str) -> str:
    return f"camera {camera}: {text}" if camera else text
