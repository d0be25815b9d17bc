"""The static street as data: cross section, light, ground, faces and footprints."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dcfm_ros.synthetic.faces import Face, Label, Upright
from dcfm_ros.synthetic.ground import Footprint, GroundRect
from dcfm_ros.synthetic.sheet import Sheet

BACK_M = 34.0  # lots reach this far from the pavement
BEHIND_M = 30.0  # the street begins this far behind the camera's start


@dataclass(frozen=True)
class Profile:
    """The street's cross section; y is positive to the left, 0 between the two directions, m."""

    left_lane: float
    right_lane: float
    left_parking: float
    right_parking: float
    left_pavement: float
    right_pavement: float

    def kerb(self, side: int) -> float:
        """Give y of the kerb of side +1 (left) or -1."""
        if side > 0:
            return self.left_lane + self.left_parking
        return -self.right_lane - self.right_parking

    def pavement(self, side: int) -> float:
        """Width of the pavement of a side."""
        return self.left_pavement if side > 0 else self.right_pavement

    def back(self, side: int) -> float:
        """Give y of the far edge of the pavement of a side."""
        return self.kerb(side) + side * self.pavement(side)


@dataclass(frozen=True)
class Light:
    """Sun and sky.

    Attributes:
        sun_x: horizontal direction toward the sun, unit.
        sun_y: the same.
        slope: way of a shadow per metre of height.
        sun: brightness that the sun adds to a face looking at it.
        ambient: brightness of faces in the shade.
    """

    sun_x: float
    sun_y: float
    slope: float
    sun: float
    ambient: float

    def wall(self, nx: float, ny: float) -> float:
        """Gain of an upright face with normal (nx, ny)."""
        return self.ambient + self.sun * max(0.0, nx * self.sun_x + ny * self.sun_y)

    @property
    def free(self) -> float:
        """Gain of what stands free in the light: ground, trees, people."""
        return self.ambient + 0.45 * self.sun


@dataclass(eq=False)
class Layout:
    """Everything that stands still in one street, from x = -BEHIND_M to beyond `length_m`."""

    profile: Profile
    light: Light
    length_m: float
    rects: list[GroundRect] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    uprights: list[Upright] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    side_streets: list[tuple[int, float, float]] = field(default_factory=list)
    """(side, first x, last x) of each side street's mouth."""
    crossings: list[float] = field(default_factory=list)
    """x of the middle of each pedestrian crossing."""

    def ground(
        self, x: tuple[float, float], y: tuple[float, float], label: Label, sheet: Sheet, px: float
    ) -> None:
        """Lay a rectangle of ground; `y` in any order, empty ones are left out."""
        low, high = min(y), max(y)
        if x[1] - x[0] > 1e-6 and high - low > 1e-6:
            gain = self.light.free
            self.rects.append(GroundRect(x[0], low, x[1], high, int(label), sheet, px, gain))


def draw_profile(rng: np.random.Generator) -> Profile:
    """Draw lane, parking and pavement widths."""
    lane = rng.uniform(2.8, 3.8)
    extra = rng.uniform(2.8, 3.4) if rng.random() < 0.15 else 0.0
    return Profile(
        lane,
        lane + extra,
        2.1 if rng.random() < 0.45 else 0.0,
        2.1 if rng.random() < 0.5 else 0.0,
        rng.uniform(1.6, 4.6),
        rng.uniform(1.6, 4.6),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """Draw the sun's place and strength; about half of the days are overcast."""
    azimuth = rng.uniform(0, 2 * np.pi)
    sun = float(rng.choice([0.0, 0.1, 0.35, 0.65], p=[0.25, 0.2, 0.3, 0.25]))
    ambient = float(rng.uniform(0.55, 0.95)) - 0.3 * sun
    slope = float(rng.uniform(0.7, 2.5))
    return Light(float(np.cos(azimuth)), float(np.sin(azimuth)), slope, sun, ambient)
