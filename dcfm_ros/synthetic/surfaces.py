"""Sheets of ground, sky and road paint."""

from __future__ import annotations

import cv2
import numpy as np

from dcfm_ros.synthetic.noise import Floats, Rgb, jitter, noise, pick, tinted
from dcfm_ros.synthetic.sheet import Sheet

ROAD_PX_PER_M = 40
PAVING_PX_PER_M = 48


def asphalt(rng: np.random.Generator, size_px: int = 768) -> Sheet:
    """A road surface, `ROAD_PX_PER_M`, driving direction along x."""
    grey = rng.uniform(62, 122)
    tint = rng.uniform(-5, 6)
    relief = np.float32(rng.uniform(0.02, 0.05)) * noise(rng, "coarse", size_px, size_px)
    relief = relief + np.float32(rng.uniform(0.06, 0.2)) * noise(rng, "sensor", size_px, size_px)
    relief += np.float32(rng.uniform(0.01, 0.035)) * noise(rng, "cloud", size_px, size_px)
    streaks = cv2.blur(noise(rng, "cloud", size_px, size_px), (size_px // 3, 9))
    relief += np.float32(rng.uniform(0.05, 0.2)) * np.asarray(streaks, np.float32)
    for _ in range(int(rng.integers(0, 6))):  # patches where the road was opened
        x, y = rng.integers(0, size_px, 2)
        wide, high = rng.integers(20, 260), rng.integers(12, 60)
        relief[y : y + high, x : x + wide] += rng.uniform(-0.14, 0.10)
    for _ in range(int(rng.integers(0, 8))):
        _crack(rng, relief)
    return Sheet(tinted((grey + tint, grey, grey - tint), relief))


def _crack(rng: np.random.Generator, relief: Floats) -> None:
    size = relief.shape[0]
    steps = rng.normal(0, 14, (20, 2)) + rng.normal(0, 14, 2)
    line = (rng.integers(0, size, 2) + np.cumsum(steps, axis=0)).astype(np.int32)
    drawn = np.zeros(relief.shape, np.uint8)
    cv2.polylines(drawn, [line.reshape(-1, 1, 2)], False, 255, 1, cv2.LINE_AA)
    relief -= drawn.astype(np.float32) * np.float32(rng.uniform(0.1, 0.35) / 255)


def paving(rng: np.random.Generator, size_px: int = 512) -> Sheet:
    """A pavement: slabs, bricks or asphalt, `PAVING_PX_PER_M`."""
    color = pick(rng, ((150, 143, 132), (128, 126, 124), (142, 122, 108), (112, 110, 108)), 0.2)
    relief = 0.05 * noise(rng, "coarse", size_px, size_px)
    relief = relief + rng.uniform(0.03, 0.07) * noise(rng, "grain", size_px, size_px)
    style = rng.random()
    if style < 0.55:
        _slabs(rng, relief, int(rng.integers(20, 44)), int(rng.integers(20, 44)), 0.05)
    elif style < 0.8:
        _slabs(rng, relief, 10, 5, 0.09)
    return Sheet(tinted(color, relief))


def _slabs(rng: np.random.Generator, relief: Floats, wide: int, high: int, contrast: float) -> None:
    """Lay staggered slabs with joints into a relief, in place."""
    rows, columns = relief.shape[0] // high + 1, relief.shape[1] // wide + 2
    tones = rng.normal(0, contrast, (rows, columns)).astype(np.float32)
    large = cv2.resize(tones, (columns * wide, rows * high), interpolation=cv2.INTER_NEAREST)
    for row in range(rows):
        shift = (wide // 2) * (row % 2)
        line = large[row * high : (row + 1) * high, shift : shift + relief.shape[1]]
        band = relief[row * high : (row + 1) * high]
        band += line[: band.shape[0]]
        band[:1] -= 0.16
        band[:, (wide - shift) % wide :: wide] -= 0.16


def kerb_stone(rng: np.random.Generator) -> Sheet:
    """A row of kerb stones seen from above, 256×16 px for 8 m × 0.15 m."""
    relief = 0.06 * noise(rng, "grain", 16, 256) + 0.08 * noise(rng, "coarse", 16, 256)
    relief[:, ::32] -= 0.2
    relief[12:] -= 0.35  # the shaded face toward the road
    return Sheet(tinted(jitter(rng, (150, 147, 140), 0.2), relief))


def grass(rng: np.random.Generator, size_px: int = 256) -> Sheet:
    """A lawn or verge."""
    color = pick(rng, ((84, 104, 50), (100, 112, 62), (66, 86, 40)), 0.2)
    relief = 0.12 * noise(rng, "leaf", size_px, size_px)
    return Sheet(tinted(color, relief + 0.1 * noise(rng, "grain", size_px, size_px)))


def paint(rng: np.random.Generator, color: Rgb, wear: float) -> Sheet:
    """Road paint with worn spots; `wear` 0..1."""
    relief = 0.05 * noise(rng, "grain", 64, 256)
    gone = noise(rng, "leaf", 64, 256) * 0.6 + noise(rng, "cloud", 64, 256) * 0.4
    alpha = np.clip(235 - 190 * np.clip(gone + 2.2 * wear - 1.4, 0, 1), 0, 255).astype(np.uint8)
    return Sheet(tinted(color, relief), alpha)


def double_line(rng: np.random.Generator, color: Rgb, wear: float) -> Sheet:
    """Two parallel lines of paint, 0.3 m wide in all."""
    single = paint(rng, color, wear)
    alpha = single.rgba[..., 3].copy()
    alpha[22:42] = 0
    return Sheet(single.rgba[..., :3], alpha)


def arrow(rng: np.random.Generator) -> Sheet:
    """A straight-on lane arrow pointing along +x, 4 m × 0.8 m."""
    alpha = np.zeros((64, 256), np.uint8)
    cv2.rectangle(alpha, (0, 27), (170, 37), 225, -1)
    tip = np.array([[[150, 6]], [[255, 32]], [[150, 58]]], np.int32)
    cv2.fillPoly(alpha, [tip], 225, cv2.LINE_AA)
    return Sheet(tinted((222, 222, 216), 0.05 * noise(rng, "grain", 64, 256)), alpha)


def manhole(rng: np.random.Generator) -> Sheet:
    """An iron cover."""
    relief = 0.1 * noise(rng, "grain", 48, 48)
    relief[::6] -= 0.3
    relief[:, ::6] -= 0.3
    alpha = np.zeros((48, 48), np.uint8)
    if rng.random() < 0.5:
        cv2.circle(alpha, (24, 24), 22, 230, -1, cv2.LINE_AA)
    else:
        alpha[3:45, 3:45] = 230
    return Sheet(tinted(jitter(rng, (74, 70, 66), 0.3), relief), alpha)


def soft_shadow(darkness: float) -> Sheet:
    """A dark blot with soft edges, to lie under cars and people."""
    alpha = np.zeros((64, 128), np.uint8)
    alpha[10:54, 8:120] = int(255 * darkness)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), 5), np.uint8)
    return Sheet(np.full((64, 128, 3), 14, np.uint8), alpha)


def cast_shadow(rng: np.random.Generator, darkness: float, ragged: bool) -> Sheet:
    """A cast shadow: with a straight edge (a house), or ragged (a tree)."""
    alpha = np.full((128, 256), 255 * darkness, np.float32)
    if ragged:
        y, x = np.mgrid[-1:1:128j, -1:1:256j]
        inside = 1.1 - np.hypot(x, y) + 0.35 * noise(rng, "leaf", 128, 256)
        alpha *= np.clip(4 * inside, 0, 1)
    else:
        alpha[-8:] *= np.linspace(1, 0, 8)[:, None]
        alpha[:, :6] *= np.linspace(0, 1, 6)[None, :]
        alpha[:, -6:] *= np.linspace(1, 0, 6)[None, :]
    return Sheet(np.full((128, 256, 3), 12, np.uint8), alpha.astype(np.uint8))


def sky(rng: np.random.Generator) -> Sheet:
    """A quarter of the sky: 90° of azimuth by elevations from 0 (bottom) to 45° (top)."""
    height, width = 320, 640
    up = np.linspace(1, 0, height, dtype=np.float32)[:, None]
    up = up ** np.float32(rng.uniform(0.5, 1.2))
    zenith = pick(rng, ((92, 138, 200), (120, 160, 210), (150, 160, 172), (176, 182, 190)), 0.12)
    horizon = pick(rng, ((222, 228, 234), (236, 232, 222), (204, 212, 222)), 0.06)
    clouds = noise(rng, "cloud", height // 2, width)
    clouds = np.asarray(cv2.resize(clouds, (width, height)), np.float32)
    lowest, hardness = np.float32(rng.uniform(-1.5, 1.8)), np.float32(rng.uniform(0.4, 1.4))
    cover = np.clip((clouds - lowest) * hardness, 0, 1)
    shade = np.float32(rng.uniform(0.02, 0.12)) * noise(rng, "coarse", height, width)
    white = np.float32(rng.uniform(180, 255)) * (1 + shade)
    rgb = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        low, high = np.float32(horizon[channel]), np.float32(zenith[channel])
        blue = low + (high - low) * up
        rgb[..., channel] = np.clip(blue + (white - blue) * cover, 0, 255)
    return Sheet(rgb)
