"""Facades: brick, plaster and stone with rows of windows, doors and shop fronts."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Bytes, Rgb, jitter, noise, pick, tinted
from dcfm_ros.synthetic.sheet import Sheet

PX_PER_M = 36

WALLS: tuple[Rgb, ...] = (
    (150, 128, 92),  # yellow brick
    (132, 82, 62),  # red brick
    (110, 72, 58),
    (205, 198, 182),  # plaster
    (180, 172, 152),  # stone
    (222, 220, 214),
    (120, 112, 100),
    (96, 90, 86),
    (168, 150, 122),
)
SHOPS: tuple[Rgb, ...] = (
    (34, 40, 60),
    (110, 24, 28),
    (24, 62, 46),
    (30, 30, 30),
    (150, 140, 120),
    (40, 80, 140),
    (170, 60, 30),
    (200, 198, 190),
)
ROOFS: tuple[Rgb, ...] = ((92, 70, 60), (74, 74, 80), (110, 76, 58), (60, 58, 58))


def wall(rng: np.random.Generator, color: Rgb, height: int, width: int, brick: bool) -> Bytes:
    """A bare wall, (height, width, 3) at `PX_PER_M`."""
    relief = 0.06 * noise(rng, "coarse", height, width) + 0.05 * noise(rng, "grain", height, width)
    relief = relief + 0.05 * noise(rng, "cloud", height, width)
    if brick:
        course = 3
        tones = rng.normal(0, 0.07, (height // course + 1, width // 8 + 2)).astype(np.float32)
        size = ((width // 8 + 2) * 8, (height // course + 1) * course)
        bricks = cv2.resize(tones, size, interpolation=cv2.INTER_NEAREST)
        relief = relief + bricks[:height, :width]
        relief[::course] += 0.07
    relief[-12:] -= np.linspace(0, 0.18, 12, dtype=np.float32)[:, None]  # splashes at the foot
    return tinted(color, relief)


def facade(rng: np.random.Generator, width_m: float, height_m: float, shop: bool) -> Sheet:
    """The street side of a house.

    Args:
        rng: draws style, colours and every window.
        width_m: frontage.
        height_m: from the ground to the eaves.
        shop: whether the ground floor is a shop front.
    """
    width, height = int(width_m * PX_PER_M), int(height_m * PX_PER_M)
    color = pick(rng, WALLS)
    rgb = wall(rng, color, height, width, brick=bool(rng.random() < 0.55))
    style = rng.random()
    floor = int(PX_PER_M * rng.uniform(2.7, 3.6))
    ground = int(PX_PER_M * rng.uniform(3.0, 4.0)) if shop else floor
    if not shop and style < 0.22:
        _bands(rng, rgb, floor)
    else:
        _windows(rng, rgb, floor, ground)
    if shop:
        _shop_front(rng, rgb, ground)
    elif style >= 0.22:
        _ground_floor(rng, rgb, floor)
    eaves = int(PX_PER_M * rng.uniform(0.1, 0.4))
    rgb[:eaves] = jitter(rng, color, 0.4)
    rgb[eaves : eaves + 4] = rgb[eaves : eaves + 4] // 2
    return Sheet(rgb)


def _glass(rng: np.random.Generator, height: int, width: int) -> Bytes:
    """A window pane: dark room, reflected sky or curtains."""
    draw = rng.random()
    base = pick(rng, ((34, 36, 40), (52, 58, 66), (24, 24, 26)), 0.3)
    if draw < 0.2:
        base = pick(rng, ((140, 156, 176), (170, 180, 190)), 0.2)
    ramp = np.linspace(rng.uniform(-0.1, 0.5), -0.2, height, dtype=np.float32)[:, None]
    pane = tinted(base, np.repeat(ramp, width, 1) + 0.12 * noise(rng, "coarse", height, width))
    if rng.random() < 0.3:  # a curtain or blind
        pane[: int(height * rng.uniform(0.15, 0.7))] = pick(
            rng, ((190, 184, 172), (150, 140, 126)), 0.2
        )
    return pane


def _window(rng: np.random.Generator, rgb: Bytes, x: int, y: int, w: int, h: int, f: Rgb) -> None:
    if x < 1 or y < 1 or x + w >= rgb.shape[1] - 1 or y + h >= rgb.shape[0] - 1 or w < 4 or h < 4:
        return
    rgb[y - 1 : y + h + 1, x - 1 : x + w + 1] = f
    rgb[y + 1 : y + h - 1, x + 1 : x + w - 1] = _glass(rng, h - 2, w - 2)
    rgb[y + 1 : y + 4, x + 1 : x + w - 1] //= 2  # the lintel's shadow
    rgb[y + h : y + h + 3, max(0, x - 3) : x + w + 3] = np.minimum(np.array(f) * 1.05, 255)


def _windows(rng: np.random.Generator, rgb: Bytes, floor: int, ground: int) -> None:
    """A grid of sash windows on every floor above the ground floor."""
    height, width = rgb.shape[:2]
    w = int(PX_PER_M * rng.uniform(0.8, 1.6))
    h = int(PX_PER_M * rng.uniform(1.2, 1.9))
    pitch = int(w + PX_PER_M * rng.uniform(0.7, 2.0))
    frame = pick(rng, ((225, 225, 220), (200, 196, 184), (60, 56, 52), (120, 100, 70)), 0.1)
    bars, surround = rng.random() < 0.7, rng.random() < 0.4
    columns = max(1, (width - pitch // 3) // pitch)
    left = (width - columns * pitch + pitch - w) // 2
    level = height - ground
    while level - floor // 3 > floor // 2:
        y = level - floor + (floor - h) // 3
        for column in range(columns):
            x = left + column * pitch
            if surround:
                rgb[max(0, y - 7) : max(0, y + h + 6), max(0, x - 5) : x + w + 5] = frame
            _window(rng, rgb, x, y, w, h, frame)
            if bars and x > 0 and y > 0:
                rgb[y : y + h, x + w // 2 - 1 : x + w // 2 + 1] = frame
                rgb[y + h // 2 - 1 : y + h // 2 + 1, x : x + w] = frame
        level -= floor


def _bands(rng: np.random.Generator, rgb: Bytes, floor: int) -> None:
    """A modern front: continuous ribbons of glass with mullions."""
    height, width = rgb.shape[:2]
    pitch = int(PX_PER_M * rng.uniform(0.8, 2.2))
    share = rng.uniform(0.4, 0.8)
    frame = pick(rng, ((70, 72, 76), (190, 192, 194), (40, 40, 44)), 0.2)
    for level in range(height, floor // 2, -floor):
        top = max(0, level - int(floor * (share + 0.1)))
        bottom = level - int(floor * 0.1)
        rgb[top:bottom] = frame
        for x in range(0, width - 4, pitch):
            right = min(width, x + pitch - 3)
            if right - x > 3 and bottom - top > 6:
                rgb[top + 2 : bottom - 2, x + 1 : right] = _glass(
                    rng, bottom - top - 4, right - x - 1
                )


def _ground_floor(rng: np.random.Generator, rgb: Bytes, floor: int) -> None:
    height, width = rgb.shape[:2]
    door_w, door_h = int(PX_PER_M * 1.0), int(PX_PER_M * 2.15)
    door = pick(rng, ((60, 30, 26), (30, 44, 70), (40, 60, 44), (200, 196, 188), (30, 28, 28)), 0.3)
    pitch = int(PX_PER_M * rng.uniform(3.5, 6.0))
    for x in range(int(PX_PER_M * 0.6), width - door_w, pitch):
        rgb[height - door_h - 4 : height, x - 4 : x + door_w + 4] = (210, 206, 196)
        rgb[height - door_h : height, x : x + door_w] = jitter(rng, door, 0.2)
        _window(
            rng,
            rgb,
            x + int(PX_PER_M * 1.6),
            height - int(PX_PER_M * 2.4),
            int(PX_PER_M * rng.uniform(1.0, 1.9)),
            int(PX_PER_M * 1.5),
            (220, 218, 212),
        )


def _shop_front(rng: np.random.Generator, rgb: Bytes, ground: int) -> None:
    """Display windows under a coloured fascia with letters."""
    height, width = rgb.shape[:2]
    unit = int(PX_PER_M * rng.uniform(4.0, 8.0))
    for left in range(0, width, unit):
        right = min(width, left + unit)
        color = pick(rng, SHOPS, 0.25)
        rgb[height - ground : height, left:right] = color
        band = int(PX_PER_M * rng.uniform(0.5, 0.9))
        text_y = height - ground + int(band * 0.75)
        letters = pick(rng, ((235, 232, 220), (220, 190, 90), (30, 30, 30)), 0.1)
        word = "".join(chr(int(c)) for c in rng.integers(65, 91, int(rng.integers(4, 10))))
        cv2.putText(
            rgb,
            word,
            (left + int((right - left) * 0.2), text_y),
            cv2.FONT_HERSHEY_DUPLEX,
            band / 45,
            letters,
            1,
            cv2.LINE_AA,
        )
        sill = int(PX_PER_M * rng.uniform(0.15, 0.7))
        pane = int(PX_PER_M * rng.uniform(1.2, 2.4))
        for x in range(left + 5, right - 8, pane):
            w = min(pane - 4, right - 5 - x)
            h = ground - band - 6 - sill
            if w > 8 and h > 8:
                glass = _glass(rng, h, w)
                for _ in range(int(rng.integers(0, 5))):  # wares
                    gx, gy = rng.integers(0, w), rng.integers(h // 3, h)
                    glass[gy : gy + 14, gx : gx + 10] = rng.integers(30, 190, 3)
                top = height - ground + band + 6
                rgb[top : top + h, x : x + w] = glass
        rgb[height - ground + band : height - ground + band + 6, left:right] //= 3


def side_wall(rng: np.random.Generator, depth_m: float, height_m: float) -> Sheet:
    """The side of a house, mostly blank."""
    width, height = int(depth_m * 20), int(height_m * 20)
    relief = 0.06 * noise(rng, "coarse", height, width) + 0.07 * noise(rng, "grain", height, width)
    rgb = tinted(pick(rng, WALLS), relief)
    for _ in range(int(rng.integers(0, 5))):
        x, y = int(rng.integers(4, max(5, width - 30))), int(rng.integers(8, max(9, height - 60)))
        _window(rng, rgb, x, y, 20, 30, (215, 212, 204))
    return Sheet(rgb)


def roof(rng: np.random.Generator) -> Sheet:
    """Tiles or slates."""
    relief = 0.08 * noise(rng, "grain", 128, 256) + 0.08 * noise(rng, "coarse", 128, 256)
    relief[::6] -= 0.18
    return Sheet(tinted(pick(rng, ROOFS, 0.2), relief))


def garden_wall(rng: np.random.Generator) -> Sheet:
    """A low wall, 8 m × 1 m."""
    return Sheet(wall(rng, pick(rng, WALLS), 36, 288, brick=True))
