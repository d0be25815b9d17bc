"""Cars, vans and buses: boxes with a real profile, in their own frame (x forward, z up)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dcfm_ros.synthetic.faces import Face, Label, Vector, quad, vec
from dcfm_ros.synthetic.noise import Bytes, Rgb, jitter, noise, pick, tinted
from dcfm_ros.synthetic.sheet import Sheet

_PAINT: tuple[Rgb, ...] = (
    (168, 170, 174),  # silver, black, white, blue, red, green
    (26, 27, 30),
    (214, 214, 212),
    (36, 52, 96),
    (128, 22, 26),
    (52, 66, 60),
    (98, 100, 104),
    (70, 84, 110),
    (60, 20, 26),
)
_PX = 90  # texels per m
_UNDERSIDE = (11, 11, 12)  # drawn down to the ground: what touches it is the body's outline


@dataclass(frozen=True)
class Body:
    """Measures of a vehicle in m; x positions from its middle, front positive."""

    length: float
    width: float
    height: float
    belt: float  # upper edge of doors
    bonnet: float  # height at the very front
    boot: float  # height at the very back
    cowl_x: float  # foot of the windscreen
    roof_front_x: float
    roof_rear_x: float
    deck_x: float  # foot of the rear window
    inset: float  # how much narrower the roof is, each side
    clearance: float = 0.22
    wheel: float = 0.31


def draw_body(rng: np.random.Generator) -> Body:
    """Draw a hatchback, saloon, estate, van or bus."""
    kind = rng.random()
    wide = rng.uniform(1.62, 1.82)
    if kind < 0.45:
        n = rng.uniform(3.6, 4.2)
        h = rng.uniform(1.38, 1.56)
        return Body(n, wide, h, 0.9, 0.68, 0.86, n * 0.2, n * 0.04, -n * 0.38, -n * 0.46, 0.16)
    if kind < 0.7:
        n = rng.uniform(4.2, 4.8)
        h = rng.uniform(1.38, 1.48)
        return Body(n, wide, h, 0.9, 0.68, 0.9, n * 0.17, n * 0.03, -n * 0.22, -n * 0.36, 0.18)
    if kind < 0.82:
        n = rng.uniform(4.2, 4.7)
        h = rng.uniform(1.5, 1.8)
        return Body(n, wide, h, 1.0, 0.85, 0.98, n * 0.2, n * 0.06, -n * 0.44, -n * 0.47, 0.14)
    if kind < 0.96:
        n = rng.uniform(4.6, 5.6)
        h = rng.uniform(1.9, 2.5)
        cab = n * 0.34
        return Body(n, 1.9, h, 1.15, 0.95, h * 0.98, cab, cab - 0.5, -n * 0.495, -n * 0.499, 0.06)
    n, h = rng.uniform(8.0, 11.0), rng.uniform(2.9, 4.2)
    return Body(
        n, 2.45, h, 1.3, 1.28, 1.3, n * 0.497, n * 0.49, -n * 0.49, -n * 0.497, 0.04, 0.3, 0.46
    )


def _shiny(rng: np.random.Generator, paint: Rgb, height: int, width: int, slope: float) -> Bytes:
    ramp = np.linspace(slope, -slope, height, dtype=np.float32)[:, None]
    return tinted(paint, np.repeat(ramp, width, 1) + 0.04 * noise(rng, "coarse", height, width))


def _side_sheet(rng: np.random.Generator, body: Body, paint: Rgb) -> Sheet:
    """Doors, sill and wheels, seen with the front at the right."""
    high, wide = round(body.belt * _PX), round(body.length * _PX)
    rgb = _shiny(rng, paint, high, wide, 0.22)
    alpha = np.full((high, wide), 255, np.uint8)
    sill = high - round(body.clearance * _PX)
    rgb[sill - 10 : sill] = rgb[sill - 10 : sill] // 3
    rgb[sill:] = _UNDERSIDE
    rgb[int(high * 0.12) : int(high * 0.12) + 2] = np.minimum(
        rgb[int(high * 0.12)].astype(int) + 30, 255
    )
    for x in (body.cowl_x - 0.25, body.cowl_x - 1.25, body.deck_x + 0.5):
        column = int((x + body.length / 2) * _PX)
        rgb[4 : sill - 8, column : column + 2] //= 2
    rim = pick(rng, ((150, 152, 154), (100, 102, 104), (40, 40, 42)), 0.2)
    radius = round(body.wheel * _PX)
    for x in (body.length * 0.31, -body.length * 0.31):
        centre = (int((x + body.length / 2) * _PX), high - radius)
        cv2.circle(rgb, centre, radius + 6, (14, 14, 15), -1, cv2.LINE_AA)
        cv2.circle(rgb, centre, int(radius * 0.66), rim, -1, cv2.LINE_AA)
        cv2.circle(rgb, centre, int(radius * 0.2), (50, 50, 52), -1, cv2.LINE_AA)
    front = np.array([[wide, 0], [wide, int((body.belt - body.bonnet) * _PX)], [0, 0]], np.int32)
    cowl = int((body.cowl_x + body.length / 2) * _PX)
    front[2] = (cowl, 0)
    cv2.fillPoly(alpha, [front.reshape(-1, 1, 2)], 0)
    deck = int((body.deck_x + body.length / 2) * _PX)
    back = np.array([[0, 0], [0, int(max(0.0, body.belt - body.boot) * _PX)], [deck, 0]], np.int32)
    cv2.fillPoly(alpha, [back.reshape(-1, 1, 2)], 0)
    return Sheet(rgb, alpha)


def _window_sheet(rng: np.random.Generator, body: Body, paint: Rgb) -> Sheet:
    """Side windows with pillars, from the rear end (left) to the cowl."""
    rgb = tinted((30, 33, 36), np.repeat(np.linspace(0.6, -0.3, 64)[:, None], 256, 1))
    rgb[:4] = paint
    rgb[-2:] = 16
    for x in sorted(rng.uniform(0.2, 0.8, 2)):
        rgb[:, int(x * 256) : int(x * 256) + 9] = [c * 0.6 for c in paint]
    if body.height > 1.85 and rng.random() < 0.7 and body.length < 7:
        rgb[:, :150] = _shiny(rng, paint, 64, 150, 0.06)  # a panel van
    rgb[:, :10] = paint
    rgb[:, -8:] = paint
    return Sheet(rgb)


def _end_sheet(rng: np.random.Generator, body: Body, paint: Rgb, front: bool) -> Sheet:
    """Front or rear below the glass."""
    top = body.bonnet if front else min(body.boot, body.belt)
    high, wide = round(top * _PX), round(body.width * _PX)
    rgb = _shiny(rng, paint, high, wide, 0.12)
    sill = high - round((body.clearance - 0.02) * _PX)
    rgb[sill:] = _UNDERSIDE
    rgb[sill:, :20] = rgb[sill:, -20:] = (26, 26, 27)  # tyres
    bumper = sill - int(0.26 * _PX)
    rgb[bumper:sill] = rgb[bumper:sill] * (0.55 if rng.random() < 0.5 else 0.85)
    lamp_y, lamp_w, lamp_h = int(high * 0.22), int(wide * 0.2), max(6, int(high * 0.2))
    lamp = (225, 228, 230) if front else (150, 16, 18)
    if not front and rng.random() < 0.3:
        lamp = (235, 60, 50)
    for x in (4, wide - 4 - lamp_w):
        rgb[lamp_y : lamp_y + lamp_h, x : x + lamp_w] = jitter(rng, lamp, 0.15)
    if front:
        rgb[lamp_y + 3 : lamp_y + lamp_h, int(wide * 0.3) : int(wide * 0.7)] = (24, 24, 26)
    plate = (228, 228, 220) if front else (226, 196, 60)
    left, upper = int(wide * 0.35), bumper + 2 if front else max(2, bumper - 12)
    rgb[upper : upper + 11, left : left + int(wide * 0.3)] = plate
    rgb[upper + 3 : upper + 8, left + 5 : left + int(wide * 0.3) - 5 : 3] = 40
    return Sheet(rgb)


def _glass_sheet(rng: np.random.Generator, paint: Rgb) -> Sheet:
    reflect = rng.uniform(0.2, 2.6)
    ramp = np.linspace(reflect, -0.3, 64, dtype=np.float32)[:, None]
    rgb = tinted((38, 42, 46), np.repeat(ramp, 96, 1) + 0.2 * noise(rng, "coarse", 64, 96))
    rgb[:, :4] = paint
    rgb[:, -4:] = paint
    rgb[:3] = paint
    return Sheet(rgb)


def vehicle(rng: np.random.Generator) -> tuple[Body, list[Face]]:
    """Build a vehicle in its own frame: middle of its ground rectangle at the origin."""
    body = draw_body(rng)
    paint = pick(rng, _PAINT, 0.2)
    half, nose = body.width / 2, body.length / 2
    side, window = _side_sheet(rng, body, paint), _window_sheet(rng, body, paint)
    metal = Sheet(_shiny(rng, paint, 32, 32, 0.05))
    label = int(Label.CAR)
    roof_half = half - body.inset
    faces = []
    for sign in (-1.0, 1.0):
        y = sign * half
        faces.append(
            quad(vec(-nose, y, body.belt), vec(nose, y, body.belt), vec(-nose, y, 0), side, label)
        )
        faces.append(_side_window(body, sign, window))
    front = [
        (nose, body.bonnet, half, body.cowl_x, body.belt, half, metal, 1.12),
        (
            body.cowl_x,
            body.belt,
            half,
            body.roof_front_x,
            body.height,
            roof_half,
            _glass_sheet(rng, paint),
            1.0,
        ),
        (
            body.roof_front_x,
            body.height,
            roof_half,
            body.roof_rear_x,
            body.height,
            roof_half,
            metal,
            1.25,
        ),
        (
            body.roof_rear_x,
            body.height,
            roof_half,
            body.deck_x,
            max(body.belt, min(body.boot, body.belt)),
            half,
            _glass_sheet(rng, paint),
            0.9,
        ),
        (body.deck_x, body.belt, half, -nose, min(body.boot, body.belt), half, metal, 1.1),
    ]
    faces.extend(_strip(*item, label=label) for item in front)
    for sign, is_front in ((1.0, True), (-1.0, False)):
        top = body.bonnet if is_front else min(body.boot, body.belt)
        x = sign * nose
        sheet = _end_sheet(rng, body, paint, is_front)
        faces.append(
            quad(
                vec(x, sign * half, top),
                vec(x, -sign * half, top),
                vec(x, sign * half, 0),
                sheet,
                label,
            )
        )
    return body, faces


def _side_window(body: Body, sign: float, sheet: Sheet) -> Face:
    """The glass of one side: a trapezoid leaning inward."""
    y, roof_y = sign * body.width / 2, sign * (body.width / 2 - body.inset)
    left, right = body.deck_x, body.cowl_x
    span = right - left
    st: Vector = np.array(
        [
            [(body.roof_rear_x - left) / span, 0],
            [(body.roof_front_x - left) / span, 0],
            [1, 1],
            [0, 1],
        ]
    )
    return quad(
        vec(left, roof_y, body.height),
        vec(right, roof_y, body.height),
        vec(left, y, body.belt),
        sheet,
        int(Label.CAR),
        polygon=st,
    )


def _strip(
    x0: float,
    z0: float,
    half0: float,
    x1: float,
    z1: float,
    half1: float,
    sheet: Sheet,
    gain: float,
    *,
    label: int,
) -> Face:
    """A panel across the vehicle between two cross lines; a trapezoid where they differ."""
    upper, lower = (
        ((x1, z1, half1), (x0, z0, half0)) if z1 >= z0 else ((x0, z0, half0), (x1, z1, half1))
    )
    wide = max(half0, half1)
    st: Vector = np.array(
        [
            [0.5 - upper[2] / wide / 2, 0],
            [0.5 + upper[2] / wide / 2, 0],
            [0.5 + lower[2] / wide / 2, 1],
            [0.5 - lower[2] / wide / 2, 1],
        ]
    )
    return quad(
        vec(upper[0], wide, upper[1]),
        vec(upper[0], -wide, upper[1]),
        vec(lower[0], wide, lower[1]),
        sheet,
        label,
        polygon=st,
        gain=gain,
    )
