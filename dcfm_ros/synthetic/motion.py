"""How the camera car moves along the street."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcfm_ros.synthetic.faces import Vector
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.settings import StreetSettings

_STEP_S = 0.02


@dataclass(frozen=True)
class _Stops:
    """Ranges in s: how long the car stands first, pulls away, rolls, brakes, stands again."""

    first_s: tuple[float, float]
    pull_away_s: tuple[float, float]
    roll_s: tuple[float, float]
    brake_s: tuple[float, float]
    stand_s: tuple[float, float]


_STOPS = {
    # a queue of cars; stands about half of the time
    "stop_and_go": _Stops((1.0, 2.5), (1.5, 2.5), (0.5, 2.0), (1.2, 2.0), (2.0, 4.5)),
    # a block of houses between lights, which are red for more than half of the time
    "traffic_lights": _Stops((4.0, 8.0), (2.5, 4.0), (3.0, 6.0), (2.0, 3.5), (9.0, 16.0)),
}


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Sampled pose of base_link over time.

    Attributes:
        time_s: (N,) from 0.
        x: (N,) m along the street.
        y: (N,) m to the left of the lane's middle.
        yaw: (N,) rad, counter-clockwise from the street's direction.
        speed: (N,) m/s.
    """

    time_s: Vector
    x: Vector
    y: Vector
    yaw: Vector
    speed: Vector

    def at(self, time_s: float) -> tuple[float, float, float]:
        """(x, y, yaw) at a time."""
        return (
            float(np.interp(time_s, self.time_s, self.x)),
            float(np.interp(time_s, self.time_s, self.y)),
            float(np.interp(time_s, self.time_s, self.yaw)),
        )

    @property
    def travel_m(self) -> float:
        """Way along the street from first to last sample."""
        return float(self.x[-1] - self.x[0])


def trajectory(settings: StreetSettings, seed: int) -> Trajectory:
    """Draw the motion of the camera car for the whole duration."""
    rng = rng_for(seed, 21)
    time = np.arange(0, settings.duration_s + 2 * _STEP_S, _STEP_S)
    speed = _speed(rng, settings.motion, time)
    x = np.concatenate([[0.0], np.cumsum(speed[:-1] * _STEP_S)])
    sway = rng.uniform(0.05, 0.25)
    wave = rng.uniform(25, 60)
    phase = rng.uniform(0, 2 * np.pi)
    y = sway * np.sin(2 * np.pi * x / wave + phase)
    slope = sway * 2 * np.pi / wave * np.cos(2 * np.pi * x / wave + phase)
    turn = settings.swerve * np.deg2rad(40) * rng.uniform(-1, 1)
    turning = turn * np.cos(2 * np.pi * x / rng.uniform(60, 140) + rng.uniform(-0.6, 0.6))
    yaw = np.arctan(slope) + turning
    return Trajectory(time, x, y, yaw, speed)


def _speed(rng: np.random.Generator, motion: str, time: Vector) -> Vector:
    cruise = rng.uniform(6.0, 11.0)
    if motion == "slow":
        cruise = rng.uniform(1.0, 2.0)
    if motion == "fast":
        cruise = rng.uniform(15.0, 20.0)
    if motion in _STOPS:
        return _stopping(rng, time, _STOPS[motion], rng.uniform(5.0, 8.0))
    ripple = 1 + 0.08 * np.sin(2 * np.pi * time / rng.uniform(4, 9) + rng.uniform(0, 6))
    return np.asarray(cruise * ripple, np.float64)


def _stopping(rng: np.random.Generator, time: Vector, stops: _Stops, cruise: float) -> Vector:
    """Stand, pull away, roll, brake, over and over."""
    knots_t, knots_v = [0.0], [0.0]
    now = rng.uniform(*stops.first_s)
    knots_t.append(now)
    knots_v.append(0.0)
    while now < time[-1]:
        for lasts, speed in (
            (rng.uniform(*stops.pull_away_s), cruise),
            (rng.uniform(*stops.roll_s), cruise),
            (rng.uniform(*stops.brake_s), 0.0),
            (rng.uniform(*stops.stand_s), 0.0),
        ):
            now += lasts
            knots_t.append(now)
            knots_v.append(speed)
    return np.interp(time, knots_t, knots_v)
