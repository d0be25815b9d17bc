"""Labelled images of a recording wait for transforms, calibration and depth, as in the node."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.builder import CostmapBuilder, DepthImage
from dcfm_ros.costmap.grid import CostGrid
from dcfm_ros.costmap.obstacle_points import ObstaclePoints
from dcfm_ros.costmap.pace import GridPace
from dcfm_ros.costmap.timeline import Timeline
from dcfm_ros.errors import CostmapError, DcfmError
from dcfm_ros.geometry import camera_from_info

_MOST_WAITING = 32
_SAME_NS = 1_000_000  # some drivers round stamps


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
class MapUpdate:
    """What became of a labelled image.

    Attributes:
        image: the same.
        obstacles: what stands in it; None where it could not be placed.
        error: why it could not, else None.
        grid: the grid after it, where one is due by `rate_hz`.
    """

    image: LabelledImage
    obstacles: ObstaclePoints | None
    error: DcfmError | None
    grid: CostGrid | None


class CostmapFeed:
    """Hands labelled images to the builder, in the order in which they came.

    An image waits up to `tf_timeout_s` for what it needs, by the time that the caller tells: that
    of recording. Not for several threads at a time.

    Args:
        builder: takes the images.
        with_depth: names of the cameras that have depth images. An image without one is projected
            on the ground plane.
    """

    def __init__(self, builder: CostmapBuilder, with_depth: Collection[str] = ()) -> None:
        self.builder = builder
        self._with_depth = frozenset(with_depth)
        self._infos: dict[str, Timeline[Any]] = {}
        self._depths: dict[str, Timeline[DepthImage]] = {}
        self._waiting: deque[tuple[LabelledImage, int]] = deque()
        self._pace = GridPace(builder.settings.rate_hz)

    @property
    def waiting(self) -> int:
        """Number of images that wait."""
        return len(self._waiting)

    def camera_info(self, camera: str, stamp_ns: int, info: Any) -> None:
        """Take a sensor_msgs/CameraInfo, of rclpy or of a bag."""
        self._infos.setdefault(camera, Timeline()).add(stamp_ns, info)

    def depth(self, camera: str, stamp_ns: int, image: DepthImage) -> None:
        """Take an aligned depth image, (h, w) uint16 in mm or float32 in m."""
        self._depths.setdefault(camera, Timeline()).add(stamp_ns, image)

    def put(self, image: LabelledImage, now_ns: int) -> None:
        """Take a labelled image; `take` gives what becomes of it."""
        self._waiting.append((image, now_ns))

    def take(self, now_ns: int | None) -> list[MapUpdate]:
        """Add the images that have what they need, or have waited long enough, to the grid.

        Args:
            now_ns: on the same clock as in `put`; None: nothing more will come.
        """
        settings = self.builder.settings
        timeout_ns = round(settings.tf_timeout_s * 1e9)
        updates = []
        while self._waiting:
            image, since_ns = self._waiting[0]
            late = now_ns is None or now_ns - since_ns >= timeout_ns
            if not (late or len(self._waiting) > _MOST_WAITING or self._has_all(image)):
                break
            self._waiting.popleft()
            updates.append(self._add(image))
        return updates

    def _has_all(self, image: LabelledImage) -> bool:
        if image.camera not in self._infos:
            return False
        if image.camera in self._with_depth:
            depths = self._depths.get(image.camera)
            if depths is None or not depths.decided(image.stamp_ns):
                return False
        return self.builder.ready(self._frame_id(image), image.stamp_ns)

    def _add(self, image: LabelledImage) -> MapUpdate:
        try:
            obstacles = self._project(image)
        except DcfmError as error:
            return MapUpdate(image, None, error, None)
        grid = self.builder.grid(image.stamp_ns) if self._pace.due(image.stamp_ns) else None
        return MapUpdate(image, obstacles, None, grid)

    def _project(self, image: LabelledImage) -> ObstaclePoints:
        height, width = image.labels.shape
        rectified = self.builder.settings.projection.rectified
        camera = camera_from_info(self._info(image), width, height, rectified=rectified)
        return self.builder.add(
            image.camera,
            camera,
            self._frame_id(image),
            image.labels,
            image.confidence,
            image.stamp_ns,
            image.common_age_s,
            self._depth_of(image) if image.camera in self._with_depth else None,
        )

    def _info(self, image: LabelledImage) -> Any:
        infos = self._infos.get(image.camera)
        if infos is None:
            raise CostmapError(
                f"no camera_info of camera {image.camera!r} has come: its images cannot be placed; "
                "publish it beside the images"
            )
        return infos.until(image.stamp_ns)

    def _frame_id(self, image: LabelledImage) -> str:
        """The frame of the image; some drivers name it in the calibration only."""
        return image.frame_id or str(self._info(image).header.frame_id)

    def _depth_of(self, image: LabelledImage) -> DepthImage | None:
        depths = self._depths.get(image.camera)
        return depths.near(image.stamp_ns, _SAME_NS) if depths else None
