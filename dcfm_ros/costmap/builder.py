"""From labelled frames of all cameras to one grid: what the live node and the harness share."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.costmap.classes import ClassTable
from dcfm_ros.costmap.contacts import Contacts
from dcfm_ros.costmap.depth import Depth, depth_in_mm
from dcfm_ros.costmap.depth_bounds import Millimetres
from dcfm_ros.costmap.evidence import Evidence, Floats
from dcfm_ros.costmap.grid import CostGrid, RollingGrid
from dcfm_ros.costmap.ground_plane import GroundPlane, GroundTables
from dcfm_ros.costmap.mounted import MountedCamera
from dcfm_ros.costmap.nav_points import measured_points, plane_points, reduced_pixels
from dcfm_ros.costmap.nearby import came_or_went, in_range, lethal_before, window
from dcfm_ros.costmap.obstacle_points import ObstaclePoints, from_contacts, from_depth
from dcfm_ros.costmap.pose_watch import PoseWatch
from dcfm_ros.costmap.settings import CostmapSettings
from dcfm_ros.errors import CostmapError, TransformError
from dcfm_ros.geometry import Camera, Matrix, TransformBuffer
from dcfm_ros.geometry.rigid import distance_and_angle

DepthImage = NDArray[np.uint16] | NDArray[np.float32]

_MOST_WARNINGS = 32
_LEVEL_M = 0.02
_ONE_PLACE = 1e-3
"""In m and rad: less than a pixel."""


@dataclass(frozen=True, eq=False)
class _Placed:
    """Where a frame was taken. Transforms are (4, 4), m."""

    ground_frame: str
    ground_from_camera: Matrix
    global_from_ground: Matrix
    global_from_base: Matrix


@dataclass(frozen=True, eq=False)
class _Frame:
    """What `nav_points` needs of a camera's last frame; contacts without depth, else the depth."""

    stamp_ns: int
    tables: GroundTables
    contacts: Contacts | None
    depth_mm: Millimetres | None


class CostmapBuilder:
    """Projects labelled frames into the rolling grid. Safe to use from several threads.

    What it gives depends on frames, stamps and transforms alone, never on clocks.

    Attributes:
        warnings: what a user should be told, each once; the caller may empty it.
    """

    def __init__(
        self, settings: CostmapSettings, classes: ClassTable, transforms: TransformBuffer
    ) -> None:
        self.settings = settings
        self.warnings: list[str] = []
        self._transforms = transforms
        self._lock = threading.RLock()
        self._cameras: dict[str, MountedCamera] = {}
        self._frames: dict[str, _Frame] = {}
        self._watch = PoseWatch()
        self._base_m = 0.0, 0.0
        self._ground_told = False
        self._clock_jumps = transforms.jumps
        self._classes = classes
        self._use(classes)

    def ready(self, frame_id: str, stamp_ns: int) -> bool:
        """Whether all transforms of a frame can be looked up already. Does not wait."""
        try:
            self._look_up(frame_id, stamp_ns)
        except TransformError:
            return False
        return True

    def pose(self, frame_id: str, other: str, stamp_ns: int) -> Matrix:
        """Find where another frame is in one, (4, 4), m.

        Raises:
            TransformError: it is not known.
        """
        return self._transforms.lookup(frame_id, other, stamp_ns)

    def may_link(self, frame_id: str, other: str, stamp_ns: int) -> bool:
        """Whether a pose is not known yet, though both frames are."""
        try:
            self.pose(frame_id, other, stamp_ns)
        except TransformError as error:
            return error.may_come and frame_id in self._transforms and other in self._transforms
        return False

    def in_one_place(self, frame_id: str, other: str, stamp_ns: int) -> bool:
        """Whether two frames are the same, by name or, as far as tf knows, by place."""
        if frame_id == other:
            return True
        try:
            pose = self.pose(frame_id, other, stamp_ns)
        except TransformError:
            return False
        return max(distance_and_angle(pose, np.eye(4))) <= _ONE_PLACE

    def add(
        self,
        camera: str,
        camera_info: Camera,
        frame_id: str,
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8] | None,
        stamp_ns: int,
        common_age_s: float = 0.0,
        depth: DepthImage | None = None,
    ) -> ObstaclePoints:
        """Take a labelled frame of a camera.

        Args:
            camera: its name.
            camera_info: its model at the size of the labels.
            frame_id: its optical frame.
            labels: (H, W) class ids, 255 unlabelled.
            confidence: (H, W) 0 to 255, or None for full confidence.
            stamp_ns: of the image; transforms are looked up at it.
            common_age_s: age of the common feature; trust falls with it.
            depth: aligned (h, w), uint16 in mm or float32 in m, projected by instead of the ground
                plane.

        Raises:
            TransformError: where the camera or the robot was is not known; nothing has changed.
            CostmapError: the camera, the depth or the sizes cannot be used; nothing has changed.
        """
        with self._lock:
            _check_sizes(camera_info, labels, confidence)
            if not self.settings.projection.use_confidence:
                confidence = None
            placed = self._look_up(frame_id, stamp_ns)
            depth_mm = None if depth is None else depth_in_mm(depth, *labels.shape)
            mounted = self._mounted(camera, camera_info, placed.ground_from_camera)
            self._tell_ground(placed)
            self._clear_if_jumped(placed.global_from_base, stamp_ns)
            x_m, y_m = placed.global_from_base[:2, 3]
            self._base_m = float(x_m), float(y_m)
            place = self._grid.follow(*self._base_m)
            trust = 2.0 ** -(max(0.0, common_age_s) / self.settings.projection.age_half_s)
            look = (confidence, place, placed.global_from_ground, trust)
            tables = mounted.tables
            place_of_points = (self.settings, placed.ground_frame, stamp_ns)
            evidence: Evidence
            if depth_mm is None:
                evidence, contacts = self._plane.project(tables, labels, *look)
                points = from_contacts(
                    contacts, tables, confidence, self._heights_m, *place_of_points
                )
                self._frames[camera] = _Frame(stamp_ns, tables, contacts, None)
            else:
                self._check_unit(camera, mounted, labels, depth_mm)
                evidence, solid = self._depth.project(tables, labels, depth_mm, *look)
                points = from_depth(solid, tables, labels, depth_mm, confidence, *place_of_points)
                self._frames[camera] = _Frame(stamp_ns, tables, None, depth_mm)
            self._grid.add(evidence, stamp_ns)
            return points

    def nav_points(self, camera: str, labels: NDArray[np.uint8], stamp_ns: int) -> Floats:
        """Give points for the reduced labels of the frame that `add` took last of a camera.

        Ground lies on the plane and an obstacle above the contact in its direction; with depth,
        every pixel lies where it was measured.

        Args:
            camera: its name.
            labels: (H', W') of the frame, reduced by `reduce_nearest`.
            stamp_ns: of the frame.

        Returns:
            (H', W', 3) float32 in the camera's optical frame, m; NaN where the place is not known.

        Raises:
            CostmapError: that frame was not the last that `add` took of this camera.
        """
        with self._lock:
            frame = self._frames.get(camera)
        if frame is None or frame.stamp_ns != stamp_ns:
            raise CostmapError(
                f"no points for the image of camera {camera!r} at {stamp_ns / 1e9:.3f}: the last "
                f"that was placed is {'none' if frame is None else f'{frame.stamp_ns / 1e9:.3f}'}"
            )
        model = frame.tables.pixels.camera
        rows, columns = reduced_pixels(model.height, model.width, *labels.shape)
        pixels = (rows[:, None] * model.width + columns).ravel()
        if frame.contacts is not None:
            points = plane_points(
                frame.tables, labels.ravel(), pixels, self._classes.kinds(), frame.contacts
            )
        else:
            assert frame.depth_mm is not None
            points = measured_points(frame.tables, frame.depth_mm, pixels)
        return points.reshape(*labels.shape, 3)

    def grid(self, stamp_ns: int) -> CostGrid:
        """Give the grid at a time, decayed until then."""
        with self._lock:
            return self._grid.at(stamp_ns, self._classes)

    def obstacles_changed(self, since: CostGrid, stamp_ns: int, range_m: float) -> bool:
        """Whether obstacles near the robot have come or gone since a grid was given.

        Args:
            since: an earlier grid.
            stamp_ns: the time to compare it with.
            range_m: how near, from the robot in the frame that `add` took last.
        """
        with self._lock:
            near = (self._grid.follow(*self._base_m), *self._base_m, range_m)
            rows, columns = window(*near)
            now = self._grid.lethal(rows, columns, stamp_ns, self._classes)
            within = in_range(*near)
        return came_or_went(now & within, lethal_before(since, near[0], rows, columns) & within)

    def clear(self) -> None:
        """Turn every cell unknown, as after a jump or when the input is stale."""
        with self._lock:
            self._grid.clear()
            self._watch.reset()
            self._frames.clear()

    def set_classes(self, classes: ClassTable) -> None:
        """Use other costs from now on; other kinds or heights clear the grid."""
        with self._lock:
            if _same_but_costs(classes, self._classes):
                self._classes = classes
            else:
                self._use(classes)
                self._watch.reset()
                self._frames.clear()

    def _use(self, classes: ClassTable) -> None:
        self._classes, self._heights_m = classes, classes.heights_m()
        self._grid = RollingGrid(self.settings.grid, classes)
        self._plane = GroundPlane(classes, self.settings.projection)
        self._depth = Depth(classes, self.settings.projection, self._plane)

    def _look_up(self, frame_id: str, stamp_ns: int) -> _Placed:
        find, settings = self._transforms.lookup, self.settings
        frame_id = frame_id.removeprefix("/")
        ground, base = settings.ground_frame_of(self._transforms), settings.robot_base_frame
        global_from_ground = find(settings.global_frame, ground, stamp_ns)
        return _Placed(
            ground,
            find(ground, frame_id, stamp_ns),
            global_from_ground,
            global_from_ground if base == ground else find(settings.global_frame, base, stamp_ns),
        )

    def _tell_ground(self, placed: _Placed) -> None:
        """Say once that the ground is another plane than the base's, where nobody named it."""
        if self._ground_told or self.settings.projection.ground_frame:
            return
        self._ground_told = True
        height_m = float(placed.global_from_base[2, 3] - placed.global_from_ground[2, 3])
        base = self.settings.robot_base_frame
        if abs(height_m) > _LEVEL_M:
            self._warn(
                f"{base!r} is {height_m:.2f} m above {placed.ground_frame!r}, whose plane is taken "
                f"as the ground; name the frame on the ground in projection.ground_frame"
            )

    def _mounted(self, name: str, camera: Camera, ground_from_camera: Matrix) -> MountedCamera:
        """Tables of a camera, computed anew only when it or its mount changed."""
        known = self._cameras.get(name)
        if known is not None and known.fits(camera, ground_from_camera):
            return known
        settings = self.settings
        found = MountedCamera.prepare(
            camera, ground_from_camera, settings.projection, settings.grid.resolution_m, known
        )
        self._cameras[name] = found
        for warning in found.warnings(name, settings.projection):
            self._warn(warning)
        return found

    def _clear_if_jumped(self, global_from_base: Matrix, stamp_ns: int) -> None:
        settings, jumps = self.settings, self._transforms.jumps
        reason = self._watch.check(global_from_base, stamp_ns)
        if jumps != self._clock_jumps:
            self._clock_jumps = jumps
            reason = reason or "the stamps of /tf went back"
        if reason:
            self._grid.clear()
            self._warn(
                f"costmap cleared: {reason} ({settings.robot_base_frame!r} in "
                f"{settings.global_frame!r} at {stamp_ns / 1e9:.3f}); odometry or the clock was "
                "reset"
            )

    def _check_unit(
        self, name: str, mounted: MountedCamera, labels: NDArray[np.uint8], depth_mm: Millimetres
    ) -> None:
        if mounted.unit_is_due():
            fault = self._depth.unit_fault(mounted.tables, labels, depth_mm)
            if fault:
                mounted.unit_warned = True
                self._warn(f"camera {name!r}: {fault}")

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)
            del self.warnings[:-_MOST_WARNINGS]


def _check_sizes(
    camera: Camera, labels: NDArray[np.uint8], confidence: NDArray[np.uint8] | None
) -> None:
    if labels.dtype != np.uint8 or labels.shape != (camera.height, camera.width):
        raise CostmapError(
            f"found labels of {labels.dtype} with shape {labels.shape}, expected uint8 of "
            f"({camera.height}, {camera.width}), the size of the camera model"
        )
    if confidence is not None and (
        confidence.dtype != np.uint8 or confidence.shape != labels.shape
    ):
        raise CostmapError(
            f"found confidence of {confidence.dtype} with shape {confidence.shape}, expected uint8 "
            f"of {labels.shape}, the size of the labels"
        )


def _same_but_costs(one: ClassTable, other: ClassTable) -> bool:
    return [(rule.id, rule.kind, rule.height_m, rule.dynamic) for rule in one.rules] == [
        (rule.id, rule.kind, rule.height_m, rule.dynamic) for rule in other.rules
    ]
