"""Labelled images wait for transforms, calibration and depth: the same rules live and offline."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.aligned_depth import DepthAligner, frame_of
from dcfm_ros.costmap.builder import CostmapBuilder, DepthImage
from dcfm_ros.costmap.depth_matches import (
    DepthMatches,
    FramePeriod,
    none_came,
    none_matches,
    not_aligned,
)
from dcfm_ros.costmap.grid import CostGrid
from dcfm_ros.costmap.obstacle_points import ObstaclePoints
from dcfm_ros.costmap.pace import GridPace
from dcfm_ros.costmap.settings import CostmapSettings
from dcfm_ros.costmap.timeline import MOST, Timeline
from dcfm_ros.errors import CostmapError, DcfmError
from dcfm_ros.geometry import Camera, camera_from_info


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """What segmentation found in one image.

    Attributes:
        camera: name of the camera.
        frame_id: its optical frame; empty: that of its calibration.
        stamp_ns: of the image.
        labels: (H, W) class ids, 255 unlabelled.
        confidence: (H, W) 0 to 255, or None for full confidence.
        common_age_s: age of the common feature.
    """

    camera: str
    frame_id: str
    stamp_ns: int
    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8] | None
    common_age_s: float


@dataclass(frozen=True, eq=False)
class MatchedImage:
    """A labelled image that waits no longer, and what was found for it.

    Attributes:
        image: the labels.
        frame_id: its optical frame; some drivers name it in the calibration only.
        info: sensor_msgs/CameraInfo; None where none has come.
        depth: sensor_msgs/Image or CompressedImage; None: it is projected on the ground plane.
        depth_info: the depth camera's own sensor_msgs/CameraInfo; None: depth is aligned.
    """

    image: LabelledImage
    frame_id: str
    info: Any
    depth: Any
    depth_info: Any = None


@dataclass(frozen=True, eq=False)
class MapUpdate:
    """What became of a labelled image.

    Attributes:
        image: the same.
        obstacles: what stands in it; None where it could not be placed.
        error: why it could not, else None.
        grid: the grid after it, where one is due by `rate_hz`, or at once by `prompt_range_m`.
    """

    image: LabelledImage
    obstacles: ObstaclePoints | None
    error: DcfmError | None
    grid: CostGrid | None


@dataclass(eq=False)
class _Waiting:
    image: LabelledImage
    since_ns: int
    depth_tolerance_ns: int


class CostmapFeed:
    """Hands labelled images to the builder, in the order in which they came.

    An image waits up to `tf_timeout_s` for what it needs, by the time that the caller tells: the
    node's clock, or that of recording. At most 32 wait; the oldest makes way.

    Not for several threads at a time, but `place` may run beside the rest.

    Args:
        builder: takes the images.
        with_depth: names of the cameras whose depth is waited for before the first has come.

    Attributes:
        settings: as the builder's; another rate and timeout may be set at any time.
        info_topics: where the calibration of a camera should come from, to name it.
        overtaken: how many images made way for newer ones.
        depth_matches: by camera, of those with depth.
    """

    def __init__(self, builder: CostmapBuilder, with_depth: Collection[str] = ()) -> None:
        self.builder = builder
        self.settings: CostmapSettings = builder.settings
        self.info_topics: dict[str, str] = {}
        self.overtaken = 0
        self.depth_matches: dict[str, DepthMatches] = {}
        self._with_depth = set(with_depth)
        self._with_depth_info: set[str] = set()
        self._depth_infos: dict[str, Timeline[Any]] = {}
        self._aligner = DepthAligner(builder)
        self._infos: dict[str, Timeline[Any]] = {}
        self._depths: dict[str, Timeline[Any]] = {}
        self._periods: dict[str, FramePeriod] = {}
        self._waiting: deque[_Waiting] = deque()
        self._pace = GridPace(self.settings.rate_hz, self.settings.max_rate_hz)
        self._last: CostGrid | None = None

    @property
    def waiting(self) -> int:
        """Number of images that wait."""
        return len(self._waiting)

    def camera_info(self, camera: str, stamp_ns: int, info: Any) -> None:
        """Take a sensor_msgs/CameraInfo, of rclpy or of a bag."""
        self._infos.setdefault(camera, Timeline()).add(stamp_ns, info)

    def depth(self, camera: str, stamp_ns: int, image: Any) -> None:
        """Take a depth image, sensor_msgs/Image or CompressedImage, if it has a stamp."""
        if stamp_ns:
            self._depths.setdefault(camera, Timeline()).add(stamp_ns, image)

    @property
    def depth_topics(self) -> dict[str, str]:
        """Where the depth of each camera comes from: its name may say that it is rectified."""
        return self._aligner.topics

    def depth_info(self, camera: str, stamp_ns: int, info: Any) -> None:
        """Take the sensor_msgs/CameraInfo of the depth images themselves."""
        self._depth_infos.setdefault(camera, Timeline()).add(stamp_ns, info)

    def expect_depth(self, camera: str, expected: bool, with_info: bool = False) -> None:
        """Say whether to wait for the first depth image of a camera, and its own calibration."""
        (self._with_depth.add if expected else self._with_depth.discard)(camera)
        waits = expected and with_info
        (self._with_depth_info.add if waits else self._with_depth_info.discard)(camera)

    def put(self, image: LabelledImage, now_ns: int) -> None:
        """Take a labelled image; `take`, or `next` and `place`, give what becomes of it."""
        half_ns = self._periods.setdefault(image.camera, FramePeriod()).half_ns(image.stamp_ns)
        tolerance_ns = round(1e9 * self.settings.projection.depth_tolerance_s) or half_ns
        self._waiting.append(_Waiting(image, now_ns, tolerance_ns))
        if len(self._waiting) > MOST:
            self._waiting.popleft()
            self.overtaken += 1

    def take(self, now_ns: int | None) -> list[MapUpdate]:
        """Add the images that have what they need, or have waited long enough, to the grid.

        Args:
            now_ns: on the same clock as in `put`; None: nothing more will come.
        """
        updates = []
        while (matched := self.next(now_ns)) is not None:
            updates.append(self.place(matched))
        return updates

    def next(self, now_ns: int | None) -> MatchedImage | None:
        """Find what belongs to the first image, unless it has to wait; does not take long.

        Where the caller does not keep up, images whose time is over make way for newer ones of
        their camera, so that the grid never grows stale.

        Args:
            now_ns: as for `take`.
        """
        while self._waiting:
            first = self._waiting[0]
            has_all, late = self._has_all(first.image), self._is_late(first, now_ns)
            if not (has_all or late):
                return None
            self._waiting.popleft()
            behind = has_all and late and now_ns is not None
            if not (behind and any(w.image.camera == first.image.camera for w in self._waiting)):
                return self._matched(first)
            self.overtaken += 1
        return None

    def place(self, matched: MatchedImage) -> MapUpdate:
        """Add an image to the grid."""
        image = matched.image
        try:
            obstacles = self._project(matched)
        except DcfmError as error:
            return MapUpdate(image, None, error, None)
        return MapUpdate(image, obstacles, None, self._due_grid(image))

    def clear(self) -> None:
        """Turn every cell unknown, and give a grid with the next image that is placed."""
        self.builder.clear()
        self._last = None

    def _due_grid(self, image: LabelledImage) -> CostGrid | None:
        pace, settings = self._pace, self.settings
        pace.rate_hz, pace.max_rate_hz = settings.rate_hz, settings.max_rate_hz
        if not pace.due(image.stamp_ns, self._changed, image.camera):
            return None
        assert pace.newest_ns is not None
        self._last = self.builder.grid(pace.newest_ns)
        return self._last

    def _changed(self) -> bool:
        """Whether obstacles near the robot came or went since the last grid."""
        last, at, range_m = self._last, self._pace.newest_ns, self.settings.prompt_range_m
        if last is None or at is None:
            return True
        return range_m > 0 and self.builder.obstacles_changed(last, at, range_m)

    def _is_late(self, waiting: _Waiting, now_ns: int | None) -> bool:
        if now_ns is None:
            return True
        waiting.since_ns = min(waiting.since_ns, now_ns)  # the clock may have been set back
        return now_ns - waiting.since_ns >= round(self.settings.tf_timeout_s * 1e9)

    def _has_all(self, image: LabelledImage) -> bool:
        """Whether nothing that may still come would change the place of an image."""
        at, infos = image.stamp_ns, self._infos.get(image.camera)
        if at == 0:
            return True  # refused, whatever comes
        if infos is None or infos.is_due(at):
            return False
        depths = self._depths.get(image.camera)
        if depths.may_come_nearer(at) if depths else image.camera in self._with_depth:
            return False
        frame_id = _frame_id(image, infos.until(at))
        if depths and self._has_no_place_yet(image.camera, depths.nearest(at)[1], frame_id, at):
            return False
        return self.builder.ready(frame_id, at)

    def _has_no_place_yet(self, camera: str, depth: Any, frame_id: str, at: int) -> bool:
        """Whether what depth is registered by may still come: calibration, or a moving mount."""
        if camera not in self._depth_infos:
            return camera in self._with_depth_info
        own = self._own_info(camera, depth, at)
        return own is not None and self.builder.may_link(
            frame_id, frame_of(depth) or frame_of(own), at
        )

    def _matched(self, waiting: _Waiting) -> MatchedImage:
        image = waiting.image
        infos = self._infos.get(image.camera)
        info = None if infos is None else infos.until(image.stamp_ns)
        frame_id = _frame_id(image, info)
        return MatchedImage(image, frame_id, info, *self._depth_of(waiting, frame_id))

    def _depth_of(self, waiting: _Waiting, frame_id: str) -> tuple[Any, Any]:
        """The nearest depth image, unless it is too far away or another camera's; its own info."""
        image, tolerance_ns = waiting.image, waiting.depth_tolerance_ns
        depths = self._depths.get(image.camera)
        if image.stamp_ns == 0 or (depths is None and image.camera not in self._with_depth):
            return None, None
        matches = self.depth_matches.setdefault(image.camera, DepthMatches())
        if depths is None:
            matches.miss(none_came())
            return None, None
        distance_ns, depth = depths.nearest(image.stamp_ns)
        own = self._own_info(image.camera, depth, image.stamp_ns)
        if distance_ns > tolerance_ns:
            matches.miss(none_matches(distance_ns, tolerance_ns))
        elif own is None and not self._is_aligned(frame_of(depth), frame_id, image.stamp_ns):
            matches.miss(not_aligned(frame_of(depth), frame_id))
        else:
            matches.match()
            return depth, own
        return None, None

    def _own_info(self, camera: str, depth: Any, at: int) -> Any:
        """The calibration of a depth image by itself; None where none has come or is asked for."""
        infos = self._depth_infos.get(camera)
        if infos is None or self.settings.projection.depth_frame_any:
            return None
        found = infos.until(at)
        frames = frame_of(depth), frame_of(found)
        return found if not all(frames) or self.builder.in_one_place(*frames, at) else None

    def _is_aligned(self, found: str, frame_id: str, at: int) -> bool:
        """Whether depth of a frame may be that of an image: by name, or by place."""
        if not found or self.settings.projection.depth_frame_any:
            return True
        return self.builder.in_one_place(found, frame_id, at)

    def _project(self, matched: MatchedImage) -> ObstaclePoints:
        image, info = matched.image, matched.info
        if info is None:
            topic = self.info_topics.get(image.camera, f"the topic of camera {image.camera!r}")
            raise CostmapError(
                f"no camera_info has come on {topic}, which places the image; publish it beside "
                "the images, or remap camera_info"
            )
        if image.stamp_ns == 0:
            raise CostmapError(
                "the image's stamp is zero, expected the capture time, at which transforms are "
                "looked up; let its driver fill the stamp"
            )
        height, width = image.labels.shape
        rectified = self.builder.settings.projection.rectified
        camera = camera_from_info(info, width, height, rectified=rectified)
        return self.builder.add(
            image.camera,
            camera,
            matched.frame_id,
            image.labels,
            image.confidence,
            image.stamp_ns,
            image.common_age_s,
            None if matched.depth is None else self._aligned(matched, camera),
        )

    def _aligned(self, matched: MatchedImage, camera: Camera) -> DepthImage | None:
        """The depth as a camera would have measured it; None where that cannot be told."""
        image = matched.image
        found, problem = self._aligner.bring(
            image.camera,
            matched.depth,
            matched.depth_info,
            matched.frame_id,
            camera,
            image.stamp_ns,
        )
        if problem:
            self.depth_matches[image.camera].spoil(problem)
        return found


def _frame_id(image: LabelledImage, info: Any) -> str:
    return image.frame_id.removeprefix("/") or ("" if info is None else frame_of(info))
