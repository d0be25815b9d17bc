"""Everything that the costmap can be told."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from dcfm_ros.errors import SettingsError
from dcfm_ros.settings import check, option

MOST_CELLS = 4_000_000
"""A grid above this is refused: 4 MB a message, and hundreds of MB of evidence."""

LONGEST_SIDE = 32767
"""Nav2 refuses a longer one."""


@dataclass(frozen=True)
class GridSettings:
    """The rolling grid and how it remembers."""

    resolution_m: float = option(0.1, "Side of a cell, in m.", low=0.01, high=10.0)
    width_m: float = option(24.0, "Size of the grid along x, in m.", low=1.0)
    height_m: float = option(24.0, "Size of the grid along y, in m.", low=1.0)
    step_m: float = option(
        1.0, "The origin moves in steps of at least this, in m.", low=1.0, high=100.0
    )
    static_half_life_s: float = option(
        20.0, "Evidence of what stands still halves in this time, in s.", low=0.1, high=86400.0
    )
    dynamic_half_life_s: float = option(
        0.5, "Evidence of classes that move halves in this time, in s.", low=0.1, high=86400.0
    )
    unknown_after_s: float = option(
        20.0, "A cell not seen for this long is unknown again, in s.", low=0.1, high=86400.0
    )
    unknown_value: int = option(
        -1,
        "Cost of unknown cells: -1, or 0 where a rolling Nav2 costmap with track_unknown_space "
        "would let unknown overwrite lethal.",
        low=-1,
        high=0,
    )

    def __post_init__(self) -> None:
        check(self)
        width, height = self.cells
        if width * height > MOST_CELLS or max(width, height) > LONGEST_SIDE:
            raise SettingsError(
                f"a grid of {self.width_m:g} x {self.height_m:g} m at {self.resolution_m:g} m has "
                f"{width} x {height} = {width * height} cells, expected at most {MOST_CELLS} and "
                f"{LONGEST_SIDE} along a side; make it smaller or its cells larger"
            )

    @property
    def cells(self) -> tuple[int, int]:
        """Number of cells along x and y."""
        return (
            max(1, round(self.width_m / self.resolution_m)),
            max(1, round(self.height_m / self.resolution_m)),
        )


@dataclass(frozen=True)
class ProjectionSettings:
    """From pixels to the ground."""

    ground_frame: str = option(
        "",
        "Frame whose plane z = 0 is the ground; empty: base_footprint where tf has it, else "
        "robot_base_frame.",
    )
    rectified: bool = option(
        False, "The images are rectified: take P of camera_info, and no distortion."
    )
    min_range_m: float = option(
        0.3, "Nearest ground that is looked at, from the camera's foot, in m.", low=0.0, high=100.0
    )
    max_range_m: float = option(
        12.0, "Farthest ground and obstacles that are looked at, in m.", low=0.5, high=200.0
    )
    field_of_view_deg: float = option(
        360.0, "Only this much about the camera's direction is looked at.", low=1.0, high=360.0
    )
    range_half_m: float = option(
        8.0, "The weight of what is seen halves with every such distance, in m.", low=0.1
    )
    age_half_s: float = option(
        1.0, "The weight halves with every such age of the common feature, in s.", low=0.01
    )
    use_confidence: bool = option(True, "The weight falls with the confidence of the labels, too.")
    max_obstacle_height_m: float = option(
        2.0,
        "Obstacle points reach no higher, and with depth, what is higher passes overhead, in m.",
        low=0.05,
    )
    ground_tolerance_m: float = option(
        0.3,
        "Depth only: ground classes farther than this from the ground plane, plus 5 % of the "
        "distance, are not driven on, in m.",
        low=0.01,
    )
    depth_tolerance_s: float = option(
        0.0,
        "An image takes the depth image nearest to it in time, if that is within this, in s; 0: "
        "half a period of the images, at most 0.05.",
        low=0.0,
        high=1.0,
    )
    depth_frame_any: bool = option(
        False,
        "Take depth as aligned whatever its frame_id says; false: only if that is the image's, or "
        "tf has both in one place.",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.min_range_m >= self.max_range_m:
            raise SettingsError(
                f"min_range_m: found {self.min_range_m}, expected less than max_range_m "
                f"({self.max_range_m})"
            )


@dataclass(frozen=True)
class CostmapSettings:
    """The costmap of all cameras."""

    global_frame: str = option("odom", "Frame of the grid; it must not jump.")
    robot_base_frame: str = option("base_link", "Frame that the grid follows.")
    classes: str = option(
        "", "YAML file with the meaning of the classes; empty: that of the checkpoint's label set."
    )
    costs: tuple[str, ...] = option(
        (), "Costs that differ from the file's, as 'pavement: 20'; 0 to 98, or 100 for lethal."
    )
    rate_hz: float = option(2.0, "How often grids are published.", low=0.05, high=50.0)
    prompt_range_m: float = option(
        5.0,
        "A grid is published at once when two cells that touch have become lethal, or have ceased "
        "to be, this near to the robot, in m; 0: only by rate_hz.",
        low=0.0,
        high=200.0,
    )
    max_rate_hz: float = option(
        5.0,
        "How often grids are published at once, at most: not more often than Nav2's costmap "
        "updates. Without effect below rate_hz.",
        low=0.05,
        high=50.0,
    )
    tf_timeout_s: float = option(
        0.2, "How long an image waits for its transform, in s.", low=0.0, high=10.0
    )
    grid: GridSettings = field(default_factory=GridSettings)
    projection: ProjectionSettings = field(default_factory=ProjectionSettings)

    def __post_init__(self) -> None:
        check(self)
        for name in ("global_frame", "robot_base_frame"):
            if not getattr(self, name):
                raise SettingsError(f"{name}: found an empty name, expected a frame of tf")

    def ground_frame_of(self, frames: Container[str]) -> str:
        """Frame whose plane z = 0 is the ground.

        Args:
            frames: those of tf. REP-120 lays base_footprint on the ground, and base_link anywhere.
        """
        prefix, slash, _ = self.robot_base_frame.rpartition("/")
        footprint = f"{prefix}{slash}base_footprint"
        usual = footprint if footprint in frames else self.robot_base_frame
        return self.projection.ground_frame or usual
