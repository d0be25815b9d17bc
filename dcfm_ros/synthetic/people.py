"""People on foot and on bicycles, drawn as sheets with exact outlines."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Bytes, Rgb, jitter, noise, pick
from dcfm_ros.synthetic.sheet import Sheet

PHASES = 4
_CLOTHES: tuple[Rgb, ...] = (
    (34, 36, 44),
    (28, 28, 30),
    (52, 60, 84),
    (96, 88, 76),
    (130, 40, 40),
    (64, 74, 56),
    (150, 140, 124),
    (190, 186, 180),
    (60, 46, 40),
    (40, 84, 120),
)
_TROUSERS: tuple[Rgb, ...] = ((36, 44, 66), (30, 30, 32), (70, 66, 58), (50, 54, 60), (110, 98, 78))
_SKIN: tuple[Rgb, ...] = ((214, 168, 138), (190, 140, 110), (120, 84, 62), (228, 186, 160))
_HAIR: tuple[Rgb, ...] = ((40, 30, 24), (90, 66, 40), (24, 22, 22), (150, 140, 130), (170, 130, 70))


class _Canvas:
    """RGB and opacity drawn together, in metres: x right, y up from the ground."""

    def __init__(self, wide_m: float, high_m: float, px_per_m: float, ground: Rgb) -> None:
        self.wide_m, self.high_m, self.scale = wide_m, high_m, px_per_m
        shape = (round(high_m * px_per_m), round(wide_m * px_per_m))
        self.rgb: Bytes = np.full((*shape, 3), ground, np.uint8)
        self.alpha = np.zeros(shape, np.uint8)

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Pixel of a point, in sixteenths."""
        u = (x + self.wide_m / 2) * self.scale
        return round(u * 16), round((self.high_m - y) * self.scale * 16)

    def limb(self, points: list[tuple[float, float]], thick_m: float, color: Rgb) -> None:
        """A bent stroke with round ends."""
        line = np.array([self.place(x, y) for x, y in points], np.int32).reshape(-1, 1, 2)
        thick = max(1, round(thick_m * self.scale))
        cv2.polylines(self.rgb, [line], False, color, thick, cv2.LINE_AA, 4)
        cv2.polylines(self.alpha, [line], False, 255, thick, cv2.LINE_AA, 4)

    def area(self, points: list[tuple[float, float]], color: Rgb) -> None:
        """A filled polygon."""
        line = np.array([self.place(x, y) for x, y in points], np.int32).reshape(-1, 1, 2)
        cv2.fillPoly(self.rgb, [line], color, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [line], 255, cv2.LINE_AA, 4)

    def disc(self, x: float, y: float, radius_m: float, color: Rgb) -> None:
        """A filled circle."""
        radius = round(radius_m * self.scale * 16)
        cv2.circle(self.rgb, self.place(x, y), radius, color, -1, cv2.LINE_AA, 4)
        cv2.circle(self.alpha, self.place(x, y), radius, 255, -1, cv2.LINE_AA, 4)

    def ring(self, x: float, y: float, radius_m: float, thick_m: float, color: Rgb) -> None:
        """A circle line."""
        radius, thick = round(radius_m * self.scale * 16), max(1, round(thick_m * self.scale))
        cv2.circle(self.rgb, self.place(x, y), radius, color, thick, cv2.LINE_AA, 4)
        cv2.circle(self.alpha, self.place(x, y), radius, 255, thick, cv2.LINE_AA, 4)

    def sheet(self, rng: np.random.Generator, mask: Bytes | None = None) -> Sheet:
        """Shade with folds and light from above, and close the outline."""
        height, width = self.alpha.shape
        relief = 0.16 * noise(rng, "leaf", height, width) + 0.08 * noise(
            rng, "grain", height, width
        )
        relief = relief + np.linspace(0.15, -0.15, width, dtype=np.float32)[None, :]
        shaded = np.clip(self.rgb * (1 + relief)[..., None], 0, 255).astype(np.uint8)
        return Sheet(shaded, self.alpha, mask)


def pedestrian(rng: np.random.Generator, side_view: bool) -> list[Sheet]:
    """One person in `PHASES` phases of a step, 1 m × 1.8 m, feet at the bottom, walking right.

    Args:
        rng: draws build and clothes.
        side_view: seen from the side, else from the front or back.
    """
    coat, trousers = pick(rng, _CLOTHES, 0.3), pick(rng, _TROUSERS, 0.3)
    skin, hair, shoes = pick(rng, _SKIN), pick(rng, _HAIR, 0.2), pick(rng, ((30, 26, 24),), 0.5)
    stout = rng.uniform(0.85, 1.25)
    long_coat, skirt = rng.random() < 0.3, rng.random() < 0.12
    bag = pick(rng, _CLOTHES, 0.3) if rng.random() < 0.4 else None
    bag_side = 1 if rng.random() < 0.5 else -1
    facing = rng.random() < 0.5
    seed = int(rng.integers(1 << 30))
    sheets = []
    for phase in range(PHASES):
        swing = np.sin(2 * np.pi * (phase + 0.25) / PHASES)
        canvas = _Canvas(1.0, 1.8, 110, trousers)
        reach = 0.3 * swing if side_view else 0.03 * swing
        hip = 0.0 if side_view else 0.09 * stout
        for sign in (-1, 1):
            foot = sign * (hip + reach) if not side_view else sign * reach
            lift = 0.05 * max(0.0, sign * swing)
            knee = (foot * 0.55 + (0.05 if side_view else 0), 0.48)
            legs = [(sign * hip, 0.9), knee, (foot, 0.08 + lift)]
            canvas.limb(legs, 0.15 * stout, jitter(rng_like(seed, sign), trousers, 0.08))
            toe = foot + (0.12 if side_view else 0.02 * sign)
            canvas.limb([(foot, 0.045 + lift), (toe, 0.04 + lift)], 0.08, shoes)
        if skirt:
            canvas.area([(-0.16, 0.95), (0.16, 0.95), (0.24, 0.5), (-0.24, 0.5)], trousers)
        half = (0.14 if side_view else 0.2) * stout
        hem = 0.62 if long_coat else 0.84
        body = [(-half * 0.9, 1.42), (half * 0.9, 1.42), (half * 1.1, hem), (-half * 1.1, hem)]
        arm = 0.22 * swing if side_view else 0.0
        if side_view:
            canvas.limb([(0, 1.38), (arm * 0.5 - 0.03, 1.12), (arm, 0.9)], 0.1, coat)
        canvas.area(body, coat)
        canvas.limb([(-half * 0.6, 1.4), (half * 0.6, 1.4)], 0.12, coat)
        for sign in (-1, 1):
            shoulder = sign * half if not side_view else 0.0
            hand = sign * (half + 0.06) if not side_view else -arm
            sleeve = [(shoulder, 1.38), ((shoulder + hand) / 2 + 0.03 * sign, 1.12), (hand, 0.9)]
            dark = tuple(0.82 * c for c in coat)
            canvas.limb(sleeve, 0.1 * stout, (dark[0], dark[1], dark[2]))
            canvas.disc(hand, 0.87, 0.05, skin)
        if bag is not None:
            x = bag_side * (half + 0.05)
            canvas.area([(x - 0.1, 1.0), (x + 0.1, 1.0), (x + 0.11, 0.7), (x - 0.11, 0.7)], bag)
        canvas.limb([(0, 1.44), (0.01, 1.52)], 0.1, skin)
        canvas.disc(0.02 if side_view else 0, 1.64, 0.115, hair)
        if side_view:
            canvas.disc(0.06, 1.62, 0.085, skin)
        elif facing:
            canvas.disc(0, 1.61, 0.092, skin)
        sheets.append(canvas.sheet(rng_like(seed, 5)))
    return sheets


def rng_like(seed: int, key: int) -> np.random.Generator:
    """A generator that repeats itself over the phases of one figure."""
    return np.random.default_rng([seed, key + 8])


def bicyclist(rng: np.random.Generator, side_view: bool) -> list[Sheet]:
    """One rider in `PHASES` phases of pedalling, wheels at the bottom, riding right.

    The side view is 2 m × 1.8 m, the view from behind or the front 0.9 m × 1.8 m.
    """
    coat, trousers = pick(rng, _CLOTHES, 0.35), pick(rng, _TROUSERS, 0.3)
    if rng.random() < 0.15:
        coat = (196, 214, 40)
    skin, frame = pick(rng, _SKIN), pick(rng, _CLOTHES, 0.4)
    helmet = pick(rng, (*_HAIR, (210, 210, 210), (160, 30, 30), (30, 60, 130)), 0.2)
    facing = bool(rng.random() < 0.4)
    seed = int(rng.integers(1 << 30))
    draw = _rider_from_side if side_view else _rider_from_behind
    colors = (coat, trousers, skin, frame, helmet)
    return [draw(seed, phase, colors, facing) for phase in range(PHASES)]


def _rider_from_side(
    seed: int, phase: int, colors: tuple[Rgb, Rgb, Rgb, Rgb, Rgb], facing: bool
) -> Sheet:
    coat, trousers, skin, frame, helmet = colors
    turn = 2 * np.pi * phase / PHASES
    canvas = _Canvas(2.0, 1.8, 100, (60, 60, 62))
    tyre = (24.0, 24.0, 26.0)
    rear, front, crank = (-0.52, 0.34), (0.52, 0.34), (-0.06, 0.3)
    seat, bars = (-0.22, 0.92), (0.42, 1.02)
    far_pedal = (crank[0] - 0.17 * np.cos(turn), crank[1] + 0.17 * np.sin(turn))
    near_pedal = (crank[0] + 0.17 * np.cos(turn), crank[1] - 0.17 * np.sin(turn))
    knee_far = ((seat[0] + far_pedal[0]) / 2 + 0.24, (seat[1] + far_pedal[1]) / 2 + 0.05)
    knee_near = ((seat[0] + near_pedal[0]) / 2 + 0.24, (seat[1] + near_pedal[1]) / 2 + 0.05)
    canvas.limb([seat, knee_far, far_pedal], 0.13, (trousers[0] * 0.7,) * 3)
    for wheel in (rear, front):
        canvas.ring(*wheel, 0.32, 0.045, tyre)
        canvas.disc(*wheel, 0.04, tyre)
    for line in ([rear, crank, seat, rear], [crank, (0.4, 0.8), seat], [front, (0.4, 0.8), bars]):
        canvas.limb(list(line), 0.04, frame)
    canvas.limb([(seat[0] - 0.12, 0.95), (seat[0] + 0.12, 0.95)], 0.06, tyre)
    canvas.limb([seat, knee_near, near_pedal], 0.15, trousers)
    canvas.limb([near_pedal, (near_pedal[0] + 0.12, near_pedal[1])], 0.07, tyre)
    shoulder = (0.12, 1.42)
    canvas.limb([(seat[0], 1.02), (-0.06, 1.26), shoulder], 0.27, coat)
    canvas.limb([shoulder, (0.24, 1.2), bars], 0.1, (coat[0] * 0.8, coat[1] * 0.8, coat[2] * 0.8))
    canvas.disc(*bars, 0.05, skin)
    canvas.disc(0.22, 1.6, 0.11, skin)
    canvas.limb([(0.13, 1.66), (0.27, 1.67)], 0.12, helmet)
    envelope = cv2.morphologyEx(canvas.alpha, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    for wheel in (rear, front):  # the label covers the wheels' discs, as people label them
        cv2.circle(envelope, canvas.place(*wheel), round(0.32 * 100 * 16), 255, -1, cv2.LINE_AA, 4)
    return canvas.sheet(rng_like(seed, 1), np.where(envelope > 127, 255, 0).astype(np.uint8))


def _rider_from_behind(
    seed: int, phase: int, colors: tuple[Rgb, Rgb, Rgb, Rgb, Rgb], facing: bool
) -> Sheet:
    coat, trousers, skin, _, helmet = colors
    swing = float(np.sin(2 * np.pi * (phase + 0.25) / PHASES))
    canvas = _Canvas(0.9, 1.8, 110, (50, 50, 52))
    tyre = (26.0, 26.0, 28.0)
    canvas.limb([(-0.26, 1.02), (0.26, 1.02)], 0.045, tyre)
    canvas.limb([(0, 0.03), (0, 0.66)], 0.055, tyre)
    canvas.limb([(0, 0.6), (0, 0.95)], 0.05, (90, 90, 94))
    for sign in (-1, 1):
        pedal = 0.3 + 0.15 * sign * swing
        leg = [(sign * 0.1, 0.98), (sign * 0.15, 0.58 + 0.1 * sign * swing), (sign * 0.12, pedal)]
        canvas.limb(leg, 0.15, jitter(rng_like(seed, sign), trousers, 0.1))
        canvas.limb([(sign * 0.12, pedal), (sign * 0.13, pedal - 0.03)], 0.09, tyre)
    canvas.area([(-0.19, 1.42), (0.19, 1.42), (0.17, 0.92), (-0.17, 0.92)], coat)
    canvas.limb([(-0.13, 1.42), (0.13, 1.42)], 0.14, coat)
    for sign in (-1, 1):
        dark = (coat[0] * 0.8, coat[1] * 0.8, coat[2] * 0.8)
        canvas.limb([(sign * 0.2, 1.4), (sign * 0.27, 1.2), (sign * 0.25, 1.04)], 0.1, dark)
    canvas.limb([(-0.12, 0.93), (0.12, 0.93)], 0.1, trousers)
    canvas.disc(0, 1.61, 0.115, helmet)
    if facing:
        canvas.disc(0, 1.57, 0.09, skin)
    return canvas.sheet(rng_like(seed, 2))
