"""A camera on its mount with its tables, which stay while both do."""

from __future__ import annotations

from dataclasses import dataclass

from dcfm_ros.costmap.ground_plane import GroundTables, ground_tables
from dcfm_ros.costmap.pixel_table import Rays, optical_rays, pixel_table
from dcfm_ros.costmap.settings import ProjectionSettings
from dcfm_ros.errors import CostmapError, GeometryError
from dcfm_ros.geometry import Camera, Matrix
from dcfm_ros.geometry.rigid import distance_and_angle

_SAME_M, _SAME_RAD = 1e-3, 1e-4  # 1 cm on the ground, 12 m from a camera at 1.4 m
_CHECK_UNIT_EVERY = 16
_OFTEN = 20


@dataclass(eq=False)
class MountedCamera:
    """Tables of one camera.

    Attributes:
        tables: for the projection.
        rays: (3, H * W) of the lens, kept when only the mount moves.
        changes: how often in a row the mount was another than at the frame before.
        unit_warned: whether a wrong unit of its depth was said.
    """

    tables: GroundTables
    rays: Rays
    changes: int = 0
    unit_warned: bool = False
    _unit_checks: int = 0

    @classmethod
    def prepare(
        cls,
        camera: Camera,
        ground_from_camera: Matrix,
        settings: ProjectionSettings,
        resolution_m: float,
        before: MountedCamera | None,
    ) -> MountedCamera:
        """Compute the tables of a camera.

        Args:
            camera: at the size of the labels.
            ground_from_camera: (4, 4) its mount.
            settings: of the projection.
            resolution_m: side of a cell.
            before: its last tables.

        Raises:
            CostmapError: the camera does not stand above the ground.
        """
        same_lens = before is not None and before.tables.pixels.camera == camera
        rays = before.rays if before is not None and same_lens else optical_rays(camera)
        try:
            pixels = pixel_table(camera, ground_from_camera, rays)
        except GeometryError as error:
            raise CostmapError(str(error)) from None
        found = cls(ground_tables(pixels, settings, resolution_m), rays)
        if before is not None and same_lens:
            found.changes, found.unit_warned = before.changes + 1, before.unit_warned
        return found

    def fits(self, camera: Camera, ground_from_camera: Matrix) -> bool:
        """Whether the tables hold for a frame of a camera."""
        pixels = self.tables.pixels
        if camera is not pixels.camera and camera != pixels.camera:
            return False
        if (pixels.ground_from_camera == ground_from_camera).all():
            self.changes = 0
            return True
        moved_m, turned = distance_and_angle(pixels.ground_from_camera, ground_from_camera)
        if moved_m > _SAME_M or turned > _SAME_RAD:
            return False
        self.changes = 0
        return True

    def warnings(self, name: str, settings: ProjectionSettings) -> list[str]:
        """What a user should know of this mount."""
        found = []
        if self.tables.view is None:
            found.append(
                f"camera {name!r} sees no ground between {settings.min_range_m:g} and "
                f"{settings.max_range_m:g} m: without depth it adds nothing to the costmap; check "
                "its transform (x right, y down, z forward in its optical frame)"
            )
        if self.changes == _OFTEN:
            found.append(
                f"camera {name!r} moves against the ground frame at every image, so that its "
                "tables are computed each time, which is slow; let ground_frame be a frame that "
                "it is mounted on"
            )
        return found

    def unit_is_due(self) -> bool:
        """Whether to look at the unit of this depth image: at the first and some later ones."""
        due = not self.unit_warned and self._unit_checks % _CHECK_UNIT_EVERY == 0
        self._unit_checks += 1
        return due
