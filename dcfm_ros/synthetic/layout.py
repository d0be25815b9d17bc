"""Lays out the static street of a seed: ground, houses, trees, street furniture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dcfm_ros.synthetic import facades, signs, surfaces, trees
from dcfm_ros.synthetic.faces import Face, Kind, Label, Upright, ground_quad, quad, vec
from dcfm_ros.synthetic.ground import Footprint, GroundRect, box_footprint
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.sheet import Sheet

BACK_M = 34.0  # houses reach this far from the road
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

    @property
    def road_left(self) -> float:
        """y of the left kerb."""
        return self.left_lane + self.left_parking

    @property
    def road_right(self) -> float:
        """y of the right kerb."""
        return -self.right_lane - self.right_parking

    def kerb(self, side: int) -> float:
        """y of the kerb of side +1 (left) or -1."""
        return self.road_left if side > 0 else self.road_right

    def pavement(self, side: int) -> float:
        """Width of the pavement of a side."""
        return self.left_pavement if side > 0 else self.right_pavement


@dataclass(frozen=True)
class Light:
    """Sun and sky: brightness of a wall by where it looks."""

    sun_x: float
    sun_y: float
    sun: float
    ambient: float

    def wall(self, nx: float, ny: float) -> float:
        """Gain of an upright face with normal (nx, ny)."""
        return self.ambient + self.sun * max(0.0, nx * self.sun_x + ny * self.sun_y)


@dataclass(eq=False)
class Layout:
    """Everything that stands still."""

    profile: Profile
    light: Light
    length_m: float
    sky: Sheet
    rects: list[GroundRect] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    uprights: list[Upright] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    side_streets: list[tuple[int, float, float]] = field(default_factory=list)
    crossings: list[float] = field(default_factory=list)


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
    sun = float(rng.choice([0.0, 0.1, 0.35, 0.6], p=[0.25, 0.25, 0.25, 0.25]))
    ambient = rng.uniform(0.5, 1.0) - 0.25 * sun
    return Light(float(np.cos(azimuth)), float(np.sin(azimuth)), sun, float(ambient))


def build_layout(seed: int, travel_m: float) -> Layout:
    """Build the static world of a seed, long enough for a camera that travels `travel_m`."""
    rng = rng_for(seed, 1)
    profile, light = draw_profile(rng), draw_light(rng)
    length = travel_m + float(rng.uniform(50, 190))
    layout = Layout(profile, light, length, surfaces.sky(rng_for(seed, 2)))
    Builder(layout, seed).build()
    return layout


class Builder:
    """Fills a layout, side by side and lot by lot."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self.layout, self.profile, self.seed = layout, layout.profile, seed
        rng = self.rng = rng_for(seed, 3)
        self.road = surfaces.asphalt(rng)
        self.side_road = surfaces.asphalt(rng, 512)
        self.paving = [surfaces.paving(rng), surfaces.paving(rng)]
        self.grass = surfaces.grass(rng)
        self.yard = surfaces.plain(rng, (110, 106, 100))
        winter = rng.random() < 0.55
        kinds = [trees.bare_tree if winter and rng.random() < 0.8 else trees.leafy_tree] * 2
        kinds.append(trees.conifer if rng.random() < 0.3 else trees.leafy_tree)
        self.trees = [make(rng) for make in kinds]
        self.hedge, self.foliage = trees.hedge(rng), trees.foliage(rng)
        self.fences = [signs.railing(rng), signs.boards_fence(rng)]
        self.garden_wall = facades.garden_wall(rng)
        self.poles = [signs.pole(rng) for _ in range(3)]
        self.signs = [signs.traffic_sign(rng) for _ in range(5)]
        self.lights = [signs.traffic_light(rng) for _ in range(2)]
        self.boards = [signs.board(rng) for _ in range(4)]
        self.roofs = [facades.roof(rng) for _ in range(2)]
        self.kerb = surfaces.kerb_stone(rng)
        self.shops = float(rng.choice([0.0, 0.3, 0.9]))
        self.floors = float(rng.uniform(1.6, 4.2))
        self.house_sheets: list[tuple[float, float, Sheet]] = []
        self.side_sheets = [facades.side_wall(rng, 10, 9) for _ in range(2)]
        for _ in range(7):
            wide = float(rng.uniform(6, 16))
            high = float(np.clip(rng.normal(self.floors, 0.8), 1.5, 7) * 3.1 + 0.6)
            shop = bool(rng.random() < self.shops)
            self.house_sheets.append((wide, high, facades.facade(rng, wide, high, shop)))

    def build(self) -> None:
        """Ground first, then both sides, the far end, and paint on the road."""
        layout, p = self.layout, self.profile
        end = layout.length_m
        self._rect(-BEHIND_M, p.road_right, end, p.road_left, Label.ROAD, self.road)
        for side in (1, -1):
            self._side(side)
        self._far_end()
        self._markings()

    def _tone(self, rng: np.random.Generator) -> float:
        """Gain of something that stands free in the light."""
        light = self.layout.light
        return (light.ambient + 0.4 * light.sun) * float(rng.uniform(0.85, 1.15))

    def _rect(self, x0: float, y0: float, x1: float, y1: float, label: int, sheet: Sheet) -> None:
        if x1 - x0 > 1e-6 and abs(y1 - y0) > 1e-6:
            px = surfaces.PAVING_PX_PER_M if label == Label.PAVEMENT else surfaces.ROAD_PX_PER_M
            low, high = min(y0, y1), max(y0, y1)
            self.layout.rects.append(GroundRect(x0, low, x1, high, int(label), sheet, px))

    def _side(self, side: int) -> None:
        """Lots of one side from behind the camera to the far end."""
        rng = rng_for(self.seed, 4, side)
        kerb = self.profile.kerb(side)
        back = kerb + side * self.profile.pavement(side)
        far = back + side * BACK_M
        paving = self.paving[0 if side > 0 else 1]
        x, end = -BEHIND_M, self.layout.length_m
        character = rng.choice(["terrace", "houses", "park", "mixed"], p=[0.35, 0.25, 0.15, 0.25])
        kind = str(character)
        while x < end - 1:
            left = end - x
            if rng.random() < 0.09 and left > 14 and x > 4:
                width = float(rng.uniform(5.5, 8))
                self._side_street(side, x, width, kerb, back, far, paving)
                x += width + 4
                continue
            if character == "mixed":
                kind = str(rng.choice(["terrace", "houses", "park"], p=[0.45, 0.3, 0.25]))
            lot = float(rng.uniform(16, 44))
            lot = left if left - lot < 12 else lot
            self._rect(x, kerb, x + lot, back, Label.PAVEMENT, paving)
            self._kerb(x, x + lot, side)
            if kind == "park":
                self._park(rng, side, x, lot, back, far)
            else:
                self._houses(rng, side, x, lot, back, far, terrace=kind == "terrace")
            self._furniture(rng, side, x, lot)
            x += lot

    def _kerb(self, x0: float, x1: float, side: int) -> None:
        kerb = self.profile.kerb(side)
        for left in np.arange(x0, x1, 8.0):
            right = min(x1, left + 8.0)
            a, b = (kerb, kerb + 0.16) if side > 0 else (kerb - 0.16, kerb)
            face = quad(
                vec(left, b if side > 0 else a, 0),
                vec(right, b if side > 0 else a, 0),
                vec(left, a if side > 0 else b, 0),
                self.kerb,
                int(Label.UNLABELLED),
                kind=Kind.DECAL,
            )
            self.layout.faces.append(face)

    def _side_street(
        self,
        side: int,
        x: float,
        width: float,
        kerb: float,
        back: float,
        far: float,
        paving: Sheet,
    ) -> None:
        """A road that leaves at a right angle between two pavements of 2 m."""
        self.layout.side_streets.append((side, x + 2, x + 2 + width))
        self._rect(x, kerb, x + 2, far, Label.PAVEMENT, paving)
        self._rect(x + 2, kerb, x + 2 + width, far, Label.ROAD, self.side_road)
        self._rect(x + 2 + width, kerb, x + 4 + width, far, Label.PAVEMENT, paving)
        rng = rng_for(self.seed, 5, side, int(x * 10))
        self._wall_of_houses(rng, x - 1, far, x + width + 5, far, -side)

    def _houses(
        self,
        rng: np.random.Generator,
        side: int,
        x: float,
        lot: float,
        back: float,
        far: float,
        terrace: bool,
    ) -> None:
        """Houses at the pavement, or behind front gardens."""
        setback = float(rng.uniform(0, 1.0) if terrace else rng.uniform(2, 7))
        front = back + side * setback
        garden = Label.PAVEMENT if terrace else Label.TREE
        if setback > 0.05:
            self._rect(x, back, x + lot, front, garden, self.paving[0] if terrace else self.grass)
        self._rect(x, front, x + lot, far, Label.TREE, self.grass)
        if not terrace:
            self._boundary(rng, side, x, lot, back)
            for _ in range(int(rng.integers(0, 3))):
                self._tree(rng, x + rng.uniform(0, lot), back + side * rng.uniform(0.8, setback))
        left = x if terrace else x + float(rng.uniform(0, 3))
        while left < x + lot - 3:
            wide, high, sheet = self.house_sheets[int(rng.integers(len(self.house_sheets)))]
            room = x + lot - left
            wide_here = min(wide, room)
            self._house(rng, side, left, wide_here, high, front, sheet, wide_here / wide)
            left += wide_here + (
                0.0 if terrace and rng.random() < 0.85 else float(rng.uniform(1, 5))
            )

    def _house(
        self,
        rng: np.random.Generator,
        side: int,
        x: float,
        wide: float,
        high: float,
        front: float,
        sheet: Sheet,
        share: float,
    ) -> None:
        light, label = self.layout.light, int(Label.BUILDING)
        depth = float(rng.uniform(7, 11))
        rear = front + side * depth
        tone = float(rng.uniform(0.85, 1.15))
        a, b = (x, x + wide) if side > 0 else (x + wide, x)
        window = (0.0, 0.0, sheet.width * share, float(sheet.height))
        add = self.layout.faces.append
        gain = tone * light.wall(0, -side)
        add(
            quad(
                vec(a, front, high),
                vec(b, front, high),
                vec(a, front, 0),
                sheet,
                label,
                gain=gain,
                window=window,
            )
        )
        flank = self.side_sheets[int(rng.integers(2))]
        for end, nx in ((x, -1), (x + wide, 1)):
            add(
                quad(
                    vec(end, front, high),
                    vec(end, rear, high),
                    vec(end, front, 0),
                    flank,
                    label,
                    gain=tone * light.wall(nx, 0),
                )
            )
        if rng.random() < 0.7:
            self._roof(rng, x, wide, high, front, rear, flank, tone)
        elif rng.random() < 0.5:
            self._chimney(rng, x + wide / 2, (front + rear) / 2, high, flank)
        self.layout.footprints.append(
            box_footprint(x + wide / 2, (front + rear) / 2, wide, depth, 0, label)
        )
        if rng.random() < 0.35:  # a hanging sign
            at, up = x + float(rng.uniform(0.5, wide - 0.5)), float(rng.uniform(2.6, 4.5))
            board = self.boards[int(rng.integers(len(self.boards)))]
            near = front - side * float(rng.uniform(0.8, 1.3))
            size = float(rng.uniform(0.6, 1.2))
            add(
                quad(
                    vec(at, near, up + size),
                    vec(at, front - side * 0.1, up + size),
                    vec(at, near, up),
                    board,
                    int(Label.SIGN),
                    gain=light.wall(-1, 0),
                )
            )

    def _roof(
        self,
        rng: np.random.Generator,
        x: float,
        wide: float,
        high: float,
        front: float,
        rear: float,
        flank: Sheet,
        tone: float,
    ) -> None:
        light, label = self.layout.light, int(Label.BUILDING)
        sheet = self.roofs[int(rng.integers(2))]
        ridge, middle = high + float(rng.uniform(1.8, 4)), (front + rear) / 2
        add = self.layout.faces.append
        gain = tone * (light.ambient + 0.5 * light.sun)
        for eave in (front, rear):
            add(
                quad(
                    vec(x, middle, ridge),
                    vec(x + wide, middle, ridge),
                    vec(x, eave, high),
                    sheet,
                    label,
                    gain=gain,
                )
            )
        gable = np.array([[0.5, 0.0], [1.0, 1.0], [0.0, 1.0]])
        for end, nx in ((x, -1), (x + wide, 1)):
            add(
                quad(
                    vec(end, front, ridge),
                    vec(end, rear, ridge),
                    vec(end, front, high),
                    flank,
                    label,
                    gain=tone * light.wall(nx, 0),
                    polygon=gable,
                )
            )
        for _ in range(int(rng.integers(0, 3))):
            self._chimney(rng, x + float(rng.uniform(0.5, wide - 0.5)), middle, ridge - 0.4, flank)

    def _chimney(
        self, rng: np.random.Generator, x: float, y: float, z: float, sheet: Sheet
    ) -> None:
        half, top = 0.45, z + float(rng.uniform(1.0, 2.2))
        light = self.layout.light
        for nx, ny in ((-1, 0), (0, 1), (0, -1)):
            ax, ay = -ny * half, nx * half
            cx, cy = x + nx * half, y + ny * half
            self.layout.faces.append(
                quad(
                    vec(cx - ax, cy - ay, top),
                    vec(cx + ax, cy + ay, top),
                    vec(cx - ax, cy - ay, z - 1),
                    sheet,
                    int(Label.BUILDING),
                    gain=light.wall(nx, ny),
                    window=(0, 0, 20, 40),
                )
            )

    def _wall_of_houses(
        self, rng: np.random.Generator, x0: float, y0: float, x1: float, y1: float, facing: int
    ) -> None:
        """A closed row along x (facing ±1 in y), or along y where x0 == x1 (facing -x)."""
        along = np.array([x1 - x0, y1 - y0])
        length = float(np.hypot(*along))
        unit = along / length
        done = 0.0
        while done < length - 0.5:
            wide, high, sheet = self.house_sheets[int(rng.integers(len(self.house_sheets)))]
            wide = min(wide, length - done)
            p = np.array([x0, y0]) + unit * done
            q = p + unit * wide
            normal = (0.0, float(facing)) if x0 != x1 else (-1.0, 0.0)
            gain = self.layout.light.wall(*normal)
            high = high * float(rng.uniform(0.8, 1.3))
            self.layout.faces.append(
                quad(
                    vec(p[0], p[1], high),
                    vec(q[0], q[1], high),
                    vec(p[0], p[1], 0),
                    sheet,
                    int(Label.BUILDING),
                    gain=gain,
                )
            )
            middle = (p + q) / 2 - np.array(normal) * 3
            yaw = float(np.arctan2(unit[1], unit[0]))
            self.layout.footprints.append(
                box_footprint(middle[0], middle[1], wide, 6, yaw, int(Label.BUILDING))
            )
            done += wide

    def _park(
        self, rng: np.random.Generator, side: int, x: float, lot: float, back: float, far: float
    ) -> None:
        """Trees behind a fence."""
        self._rect(x, back, x + lot, far, Label.TREE, self.grass)
        self._boundary(rng, side, x, lot, back, fence_only=bool(rng.random() < 0.7))
        for at in np.arange(x + 2, x + lot - 1, float(rng.uniform(4, 8))):
            for row in range(int(rng.integers(1, 4))):
                y = back + side * (2.5 + row * 6 + float(rng.uniform(-1, 2)))
                self._tree(rng, float(at + rng.uniform(-1.5, 1.5)), y)
        self._wall_of_houses(rng, x, far, x + lot, far, -side)

    def _boundary(
        self,
        rng: np.random.Generator,
        side: int,
        x: float,
        lot: float,
        y: float,
        fence_only: bool = False,
    ) -> None:
        """A fence, hedge or low wall along the back of the pavement."""
        draw = 0.0 if fence_only else rng.random()
        if draw < 0.45:
            sheet, label = self.fences[int(rng.random() < 0.4)], Label.FENCE
            high = float(rng.uniform(1.0, 2.2))
        elif draw < 0.75:
            sheet, label, high = self.hedge, Label.TREE, float(rng.uniform(0.8, 2.0))
        else:
            sheet, label, high = self.garden_wall, Label.BUILDING, float(rng.uniform(0.5, 1.4))
        y = y + side * 0.15
        gain = self.layout.light.wall(0, -side)
        low = 0.0
        if sheet.mask is not None and rng.random() < 0.4:  # railings on a low wall
            low = float(rng.uniform(0.3, 0.7))
            self._long_wall(x, lot, y, low, 0.0, self.garden_wall, Label.BUILDING, gain)
        self._long_wall(x, lot, y, low + high, low, sheet, label, gain)
        self.layout.footprints.append(
            box_footprint(x + lot / 2, y, lot, 0.1, 0, int(Label.BUILDING if low else label))
        )

    def _long_wall(
        self,
        x: float,
        lot: float,
        y: float,
        top: float,
        low: float,
        sheet: Sheet,
        label: int,
        gain: float,
    ) -> None:
        for left in np.arange(x, x + lot - 1e-6, 6.0):
            right = min(x + lot, left + 6.0)
            self.layout.faces.append(
                quad(
                    vec(left, y, top),
                    vec(right, y, top),
                    vec(left, y, low),
                    sheet,
                    int(label),
                    gain=gain,
                    kind=Kind.SOLID if sheet.mask is None else Kind.LACY,
                    window=(0.0, 0.0, sheet.width * (right - left) / 6.0, float(sheet.height)),
                )
            )

    def _tree(self, rng: np.random.Generator, x: float, y: float) -> None:
        height = float(rng.uniform(4.5, 13))
        sheet = self.trees[int(rng.integers(len(self.trees)))]
        wide = height * float(rng.uniform(0.8, 1.15))
        self.layout.uprights.append(
            Upright(
                x,
                y,
                wide,
                height,
                sheet,
                int(Label.TREE),
                0.0,
                self._tone(rng),
                bool(rng.random() < 0.5),
            )
        )
        self.layout.footprints.append(box_footprint(x, y, 0.3, 0.3, 0, int(Label.TREE)))

    def _pole(
        self, rng: np.random.Generator, x: float, y: float, high: float, thick: float
    ) -> None:
        sheet = self.poles[int(rng.integers(len(self.poles)))]
        self.layout.uprights.append(
            Upright(x, y, thick, high, sheet, int(Label.POLE), 0.0, self._tone(rng))
        )
        self.layout.footprints.append(box_footprint(x, y, thick, thick, 0, int(Label.POLE)))

    def _furniture(self, rng: np.random.Generator, side: int, x: float, lot: float) -> None:
        """Lamps, signs, street trees, bollards and guard rails on one lot's pavement."""
        kerb = self.profile.kerb(side)
        edge = kerb + side * 0.45
        if rng.random() < 0.75:
            self._lamp(rng, x + float(rng.uniform(2, 8)), edge, side)
        for _ in range(int(rng.integers(0, 3))):
            self._sign_post(rng, x + float(rng.uniform(1, lot - 1)), edge)
        if rng.random() < 0.25:
            self._traffic_light(rng, x + float(rng.uniform(1, lot - 1)), edge)
        if rng.random() < 0.22:
            for at in np.arange(x + 1, x + min(lot, 14) - 1, float(rng.uniform(1.5, 3))):
                self._pole(rng, float(at), edge, float(rng.uniform(0.8, 1.1)), 0.16)
        if rng.random() < 0.2:
            rail = self.fences[0]
            long = min(lot - 1, float(rng.uniform(6, 16)))
            gain = self.layout.light.wall(0, -side)
            self._long_wall(x + 0.5, long, edge - side * 0.15, 1.05, 0.0, rail, Label.FENCE, gain)
            self.layout.footprints.append(
                box_footprint(
                    x + 0.5 + long / 2, edge - side * 0.15, long, 0.05, 0, int(Label.FENCE)
                )
            )
        if rng.random() < 0.3 and self.profile.pavement(side) > 2.4:
            for at in np.arange(x + 3, x + lot - 2, float(rng.uniform(7, 12))):
                self._tree(rng, float(at), kerb + side * 0.9)

    def _lamp(self, rng: np.random.Generator, x: float, y: float, side: int) -> None:
        high, reach = float(rng.uniform(5, 10)), float(rng.uniform(0.6, 1.6))
        self._pole(rng, x, y, high, float(rng.uniform(0.12, 0.22)))
        sheet = self.poles[0]
        self.layout.faces.append(
            quad(
                vec(x, y, high + 0.06),
                vec(x, y - side * reach, high + 0.16),
                vec(x, y, high - 0.06),
                sheet,
                int(Label.POLE),
            )
        )
        self.layout.uprights.append(
            Upright(
                x, y - side * reach, 0.4, 0.16, sheet, int(Label.POLE), high + 0.05, self._tone(rng)
            )
        )

    def _sign_post(self, rng: np.random.Generator, x: float, y: float) -> None:
        high, size = float(rng.uniform(2.2, 3.3)), float(rng.uniform(0.55, 0.95))
        self._pole(rng, x, y, high, float(rng.uniform(0.07, 0.12)))
        for i in range(1 + int(rng.random() < 0.35)):
            big = rng.random() < 0.15
            pool = self.boards if big else self.signs
            sheet = pool[int(rng.integers(len(pool)))]
            wide = size * (1.6 if big else 1.0)
            self._plate(x, y, wide, size, high - size * (i + 1) * 1.05 + 0.3, sheet)

    def _plate(self, x: float, y: float, wide: float, high: float, z: float, sheet: Sheet) -> None:
        """A plate just in front of its pole that faces the oncoming camera."""
        gain = self.layout.light.wall(-1, 0)
        at = x - 0.09
        self.layout.faces.append(
            quad(
                vec(at, y + wide / 2, z + high),
                vec(at, y - wide / 2, z + high),
                vec(at, y + wide / 2, z),
                sheet,
                int(Label.SIGN),
                gain=gain,
            )
        )

    def _traffic_light(self, rng: np.random.Generator, x: float, y: float) -> None:
        high = float(rng.uniform(2.8, 3.6))
        self._pole(rng, x, y, high, 0.13)
        sheet = self.lights[int(rng.integers(len(self.lights)))]
        self._plate(x, y, 0.42, 1.0, high - 0.6, sheet)

    def _far_end(self) -> None:
        """A cross street with houses or trees beyond closes the view."""
        layout, p, rng = self.layout, self.profile, rng_for(self.seed, 6)
        end, low, high = layout.length_m, p.road_right - 45.0, p.road_left + 45.0
        self._rect(end, low, end + 8, high, Label.ROAD, self.side_road)
        self._rect(end + 8, low, end + 11, high, Label.PAVEMENT, self.paving[0])
        self._rect(end + 11, low, end + 40, high, Label.TREE, self.grass)
        if rng.random() < 0.7:
            self._wall_of_houses(rng, end + 11.5, low, end + 11.5, high, 1)
        else:
            self._wall_of_houses(rng, end + 38, low, end + 38, high, 1)
            for y in np.arange(low, high, 4.0):
                self._tree(rng, end + float(rng.uniform(13, 30)), float(y + rng.uniform(-1, 1)))

    def _markings(self) -> None:
        """Lane lines, edge lines, arrows, covers, crossings and stop lines."""
        rng, p, end = rng_for(self.seed, 7), self.profile, self.layout.length_m
        wear = float(rng.uniform(0, 0.9))
        white = surfaces.paint(rng, (226, 226, 220), wear)
        yellow = surfaces.paint(rng, (206, 176, 70), wear)
        dash, gap = float(rng.choice([2.0, 4.0, 6.0])), float(rng.choice([2.0, 4.0, 5.0]))
        if rng.random() < 0.85:
            for x in np.arange(-BEHIND_M, end - dash, dash + gap):
                self._decal(x, -0.06, x + dash, 0.06, white)
        for side in (1, -1):
            kerb = p.kerb(side)
            style = rng.random()
            for x in np.arange(-BEHIND_M, end - 6, 6.0):
                if style < 0.5:
                    for offset in (0.25, 0.45) if style < 0.35 else (0.25,):
                        self._decal(
                            x, kerb - side * offset, x + 6, kerb - side * (offset + 0.09), yellow
                        )
                elif style < 0.65:
                    self._decal(x, kerb - side * 0.35, x + 6, kerb - side * 0.47, white)
        for x in np.arange(6, end, 28.0):
            if rng.random() < 0.35:
                y = p.left_lane / 2
                self._decal(x, y - 0.4, x + 4, y + 0.4, surfaces.arrow(rng))
        cover = surfaces.manhole(rng)
        for _ in range(int(end / 14)):
            x, y = float(rng.uniform(-5, end)), float(rng.uniform(p.road_right, p.road_left - 0.8))
            self._decal(x, y, x + 0.7, y + 0.7, cover)
        for _ in range(int(rng.integers(0, 3))):
            self._crossing(float(rng.uniform(8, max(9, end - 12))), white)
        if rng.random() < 0.12:
            self._bus_lane(rng)

    def _bus_lane(self, rng: np.random.Generator) -> None:
        red = surfaces.paint(rng, (120, 58, 50), 0.1)
        p = self.profile
        for x in np.arange(-BEHIND_M, self.layout.length_m - 6, 6.0):
            self._decal(x, p.road_left - 1.5, x + 6, p.road_left - 0.1, red)

    def _crossing(self, x: float, white: Sheet) -> None:
        p = self.profile
        self.layout.crossings.append(x + 1.3)
        for y in np.arange(p.road_right + 0.3, p.road_left - 0.6, 1.1):
            self._decal(x, y, x + 2.6, y + 0.55, white)

    def _decal(self, x0: float, y0: float, x1: float, y1: float, sheet: Sheet) -> None:
        face = ground_quad(x0, y0, x1, y1, sheet, int(Label.UNLABELLED), kind=Kind.DECAL)
        self.layout.faces.append(face)
