"""Cars, people and bicyclists, standing and moving, as functions of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcfm_ros.synthetic import cars, people, surfaces
from dcfm_ros.synthetic.faces import (
    Face,
    FaceArray,
    Kind,
    Label,
    Upright,
    UprightArray,
    Vector,
    face_array,
    ground_quad,
    vec,
)
from dcfm_ros.synthetic.ground import Footprint, box_footprint
from dcfm_ros.synthetic.layout import BEHIND_M, Layout, Light
from dcfm_ros.synthetic.motion import Trajectory
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.sheet import Sheet

_SHADOW = surfaces.soft_shadow(0.75)
_FEET_M = 0.4
_TYRE_M = 0.1
_RIDER_M = 1.7


@dataclass(frozen=True, eq=False)
class Car:
    """A vehicle; `follows` ties it to the camera car's way instead of a constant speed."""

    body: cars.Body
    faces: FaceArray
    x: float
    y: float
    yaw: float
    speed: float
    follows: bool = False


@dataclass(frozen=True, eq=False)
class Walker:
    """A pedestrian or bicyclist; walks from (x, y) along (vx, vy), m/s."""

    side: list[Sheet]
    front: list[Sheet]
    label: int
    x: float
    y: float
    vx: float
    vy: float
    height: float
    y_low: float = -1e9
    y_high: float = 1e9

    def at(self, time_s: float) -> tuple[float, float]:
        """Position; a walker across the road waits at the far side."""
        y = float(np.clip(self.y + self.vy * time_s, self.y_low, self.y_high))
        return self.x + self.vx * time_s, y


class Actors:
    """All that moves or is parked in one street."""

    def __init__(
        self, layout: Layout, ego: Trajectory, seed: int, cars_density: float, people_density: float
    ) -> None:
        self.layout, self.ego = layout, ego
        rng = rng_for(seed, 8)
        self.bodies = [_with_shadow(*cars.vehicle(rng)) for _ in range(7)]
        self.lane_y = layout.profile.left_lane * 0.5
        self.cars: list[Car] = []
        self.walkers: list[Walker] = []
        self._park_cars(rng_for(seed, 9), cars_density)
        self._drive_cars(rng_for(seed, 10), cars_density)
        self._place_people(rng_for(seed, 31), people_density)
        self._place_riders(rng_for(seed, 32), people_density)

    def _vehicle(
        self, rng: np.random.Generator, longest: float = 99.0
    ) -> tuple[cars.Body, FaceArray]:
        fitting = [v for v in self.bodies if v[0].length <= longest] or self.bodies[:1]
        return fitting[int(rng.integers(len(fitting)))]

    def _park_cars(self, rng: np.random.Generator, density: float) -> None:
        p = self.layout.profile
        for side, room in ((1, p.left_parking), (-1, p.right_parking)):
            x = -BEHIND_M
            while room > 0 and x < self.layout.length_m - 6:
                body, faces = self._vehicle(rng, 5.7)
                free = rng.random() > 0.7 * density
                mouth = any(
                    s == side and a - 5 < x + 3 < b + 5 for s, a, b in self.layout.side_streets
                )
                if not free and not mouth:
                    y = p.kerb(side) - side * (0.2 + body.width / 2)
                    yaw = 0.0 if side > 0 or rng.random() < 0.4 else np.pi
                    self.cars.append(Car(body, faces, x + 3, y, yaw, 0.0))
                x += body.length + float(rng.uniform(0.6, 2.5))

    def _drive_cars(self, rng: np.random.Generator, density: float) -> None:
        p, span = self.layout.profile, self.layout.length_m
        gap = float(rng.uniform(7, 45))
        for _ in range(int(rng.poisson(1.3 * density))):  # ahead of us, at our speed
            body, faces = self._vehicle(rng)
            if gap + body.length < span - self.ego.travel_m - 4:
                x = gap + body.length / 2
                self.cars.append(Car(body, faces, x, self.lane_y, 0.0, 0.0, follows=True))
            gap += body.length + float(rng.uniform(4, 25))
        speed = float(rng.uniform(0, 11))
        x = float(rng.uniform(8, 40))
        while x < span + speed * self.ego.time_s[-1]:  # oncoming
            body, faces = self._vehicle(rng)
            if rng.random() < 0.75 * density:
                y = -min(p.right_lane, 3.6) * 0.5
                self.cars.append(Car(body, faces, x, y, np.pi, speed))
            x += body.length + float(rng.uniform(5, 50)) / max(density, 0.1)

    def _place_people(self, rng: np.random.Generator, density: float) -> None:
        if density <= 0:
            return
        kinds = [(people.pedestrian(rng, True), people.pedestrian(rng, False)) for _ in range(4)]
        span = self.layout.length_m
        for side in (1, -1):
            kerb, width = self.layout.profile.kerb(side), self.layout.profile.pavement(side)
            for _ in range(int(rng.poisson(density * span / 14))):
                both = kinds[int(rng.integers(len(kinds)))]
                y = kerb + side * float(rng.uniform(0.5, max(0.6, width - 0.4)))
                speed = float(rng.choice([0.0, -1.0, 1.0], p=[0.2, 0.4, 0.4]))
                speed *= float(rng.uniform(0.8, 1.6))
                x = float(rng.uniform(-2, span) ** 1.0)
                if rng.random() < 0.4:
                    x = float(rng.uniform(5, 40)) + 0.5 * self.ego.travel_m
                for _ in range(1 + int(rng.random() < 0.35)):
                    self._walker(rng, both, x, y, speed, 0.0)
                    both = kinds[int(rng.integers(len(kinds)))]
                    x, y = x + float(rng.uniform(-0.5, 0.5)), y + float(rng.uniform(-0.6, 0.6))
        for x in self.layout.crossings:
            self._cross(rng, kinds, x, density)

    def _walker(
        self,
        rng: np.random.Generator,
        both: tuple[list[Sheet], list[Sheet]],
        x: float,
        y: float,
        vx: float,
        vy: float,
    ) -> None:
        height = float(rng.uniform(1.55, 1.95))
        label = int(Label.PEDESTRIAN)
        self.walkers.append(Walker(both[0], both[1], label, x, y, vx, vy, height))

    def _cross(
        self,
        rng: np.random.Generator,
        kinds: list[tuple[list[Sheet], list[Sheet]]],
        x: float,
        density: float,
    ) -> None:
        """People on a crossing, never where the camera car passes."""
        p = self.layout.profile
        low, high = p.kerb(-1) - 0.8, p.kerb(1) + 0.8
        near = self.ego.time_s[np.abs(self.ego.x - x) < 9.0]
        for _ in range(int(rng.poisson(2.0 * density))):
            side, full = kinds[int(rng.integers(len(kinds)))]
            vy = float(rng.choice([-1, 1]) * rng.uniform(0.9, 1.6))
            y = float(rng.uniform(low, high))
            at = np.clip(y + vy * near, low, high)
            if len(near) and np.abs(at - self.lane_y).min() < 1.6:
                continue
            height, dx = float(rng.uniform(1.55, 1.95)), float(rng.uniform(-1, 1))
            label = int(Label.PEDESTRIAN)
            self.walkers.append(Walker(side, full, label, x + dx, y, 0.0, vy, height, low, high))

    def _place_riders(self, rng: np.random.Generator, density: float) -> None:
        if density <= 0:
            return
        kinds = [(people.bicyclist(rng, True), people.bicyclist(rng, False)) for _ in range(2)]
        p, span = self.layout.profile, self.layout.length_m
        mean = float(self.ego.speed.mean())
        for side in (1, -1):
            for _ in range(int(rng.poisson(1.6 * density))):
                both = kinds[int(rng.integers(len(kinds)))]
                lane_edge = p.left_lane if side > 0 else -p.right_lane
                y = lane_edge - side * float(rng.uniform(0.3, 0.7))
                vx = (
                    float(rng.uniform(0.85, 1.25) * max(mean, 3.0))
                    if side > 0
                    else -float(rng.uniform(3, 6))
                )
                x = float(rng.uniform(6, 32)) if side > 0 else float(rng.uniform(6, span))
                height = float(rng.uniform(1.65, 1.9))
                label = int(Label.BICYCLIST)
                self.walkers.append(Walker(both[0], both[1], label, x, y, vx, 0.0, height))
        if rng.random() < 0.2 * density:  # one who comes out of a side street
            both = kinds[0]
            x = float(rng.uniform(12, 30)) + 0.3 * self.ego.travel_m
            y = p.kerb(-1) - float(rng.uniform(0, 2))
            self.walkers.append(
                Walker(both[0], both[1], int(Label.BICYCLIST), x, y, 0.0, 1.2, 1.8, y, -0.8)
            )

    def faces(self, time_s: float, eye: Vector) -> list[FaceArray]:
        """All faces at a time, seen from `eye` (3,) world."""
        found = []
        for car in self.cars:
            x, y = self._car_at(car, time_s)
            if -35 < x - eye[0] < 180:
                found.append(_placed(car, x, y))
        figures = self._figures(time_s, eye)
        if figures:
            shadows = [_shadow(u.x, u.y, 0.35, 0.35) for u in figures]
            found += [UprightArray(figures).facing(eye), face_array(shadows)]
        return found

    def _figures(self, time_s: float, eye: Vector) -> list[Upright]:
        places = [(walker, *walker.at(time_s)) for walker in self.walkers]
        return [
            _figure(walker, x, y, time_s, eye, self.layout.light)
            for walker, x, y in places
            if -10 < x - eye[0] < 120
        ]

    def footprints(self, time_s: float, eye: Vector) -> list[Footprint]:
        """Where cars, people and bicyclists touch the ground at a time, as drawn for `eye` (3,)."""
        found = []
        for car in self.cars:
            x, y = self._car_at(car, time_s)
            body = car.body
            found.append(box_footprint(x, y, body.length, body.width, car.yaw, Label.CAR))
        figures = self._figures(time_s, eye)
        if figures:
            for figure, right in zip(figures, UprightArray(figures).right(eye), strict=True):
                yaw = float(np.arctan2(right[1], right[0]))
                feet = _TYRE_M if figure.label == Label.BICYCLIST else _FEET_M
                long = _RIDER_M if figure.yaw is not None else feet
                found.append(box_footprint(figure.x, figure.y, long, 0.1, yaw, figure.label))
        return found

    def _car_at(self, car: Car, time_s: float) -> tuple[float, float]:
        if car.follows:
            return car.x + self.ego.at(time_s)[0], car.y
        return car.x + car.speed * time_s * float(np.cos(car.yaw)), car.y


def _with_shadow(body: cars.Body, faces: list[Face]) -> tuple[cars.Body, FaceArray]:
    shadow = _shadow(0, 0, body.length / 2 + 0.25, body.width / 2 + 0.2)
    return body, face_array([*faces, shadow])


def _shadow(x: float, y: float, half_x: float, half_y: float) -> Face:
    return ground_quad(
        x - half_x,
        y - half_y,
        x + half_x,
        y + half_y,
        _SHADOW,
        Label.UNLABELLED,
        kind=Kind.DECAL,
    )


def _placed(car: Car, x: float, y: float) -> FaceArray:
    c, s = float(np.cos(car.yaw)), float(np.sin(car.yaw))
    return car.faces.moved(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]), vec(x, y, 0))


def _figure(
    walker: Walker, x: float, y: float, time_s: float, eye: Vector, light: Light
) -> Upright:
    """Choose the sheet of a walker by the side it shows, and the phase of its step."""
    view_x, view_y = eye[0] - x, eye[1] - y
    speed = float(np.hypot(walker.vx, walker.vy))
    across = float(view_x * walker.vy - view_y * walker.vx)  # > 0: moves to the camera's left
    from_side = speed > 0 and abs(across) > 0.64 * speed * float(np.hypot(view_x, view_y))
    rider = walker.label == Label.BICYCLIST
    way = abs(walker.x) + speed * time_s
    phase = int(way / (0.9 if rider else 0.35)) if speed > 0 else 0
    sheet = (walker.side if from_side else walker.front)[phase % people.PHASES]
    flat = rider and from_side  # a bicycle is as long as it is, from wherever it is seen
    return Upright(
        x,
        y,
        walker.height * sheet.width / sheet.height,
        walker.height,
        sheet,
        walker.label,
        gain=light.free,
        mirrored=from_side and across > 0 and not flat,
        yaw=float(np.arctan2(walker.vy, walker.vx)) if flat else None,
    )
