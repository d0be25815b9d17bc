"""Seeded procedural noise, the raw material of every texture."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Rgb = tuple[float, float, float]
Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_POOL_PX = 1024


def rng_for(*keys: int) -> np.random.Generator:
    """Make an independent generator for a path of integer keys, e.g. (seed, purpose, index)."""
    return np.random.default_rng(np.random.SeedSequence([key & 0xFFFFFFFF for key in keys]))


def _fractal(rng: np.random.Generator, size: int, first: int, last: int, gain: float) -> Floats:
    total = np.zeros((size, size), np.float32)
    amplitude = 1.0
    cells = first
    while cells <= min(last, size):
        grid = rng.standard_normal((cells, cells)).astype(np.float32)
        total += amplitude * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        amplitude *= gain
        cells *= 2
    total -= total.mean()
    scaled: Floats = total / total.std()
    return scaled


@lru_cache(maxsize=8)
def _pool(kind: str) -> Floats:
    """Noise fields of zero mean and unit deviation that all worlds crop from, (1024, 1024)."""
    if kind == "coarse":
        return _fractal(rng_for(11), _POOL_PX, 4, 64, 0.6)
    if kind == "cloud":
        return _fractal(rng_for(12), _POOL_PX, 4, 512, 0.55)
    if kind == "grain":
        return _fractal(rng_for(13), _POOL_PX, 128, 1024, 1.0)
    if kind == "sensor":
        return _fractal(rng_for(15), _POOL_PX, 1024, 1024, 1.0)
    if kind == "leaf":
        return _fractal(rng_for(14), _POOL_PX, 32, 512, 0.8)
    raise ValueError(f"unknown noise {kind!r}")


def noise(rng: np.random.Generator, kind: str, height: int, width: int) -> Floats:
    """Crop a random window of a noise pool.

    Args:
        rng: chooses the window and its mirroring.
        kind: "coarse" (blotches), "cloud" (all scales), "grain" (fine), "leaf" (clumps) or
            "sensor" (white).
        height: of the result in px; beyond 1024 the pool is enlarged.
        width: of the result in px.

    Returns:
        (height, width) float32, about zero mean and unit deviation.
    """
    pool = _pool(kind)
    if height > _POOL_PX or width > _POOL_PX:
        size = (max(width, _POOL_PX), max(height, _POOL_PX))
        pool = cv2.resize(pool, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    top = int(rng.integers(0, pool.shape[0] - height + 1))
    left = int(rng.integers(0, pool.shape[1] - width + 1))
    window = pool[top : top + height, left : left + width]
    if rng.random() < 0.5:
        window = window[:, ::-1]
    if rng.random() < 0.5:
        window = window[::-1]
    return window


def tinted(color: Rgb, relief: Floats) -> Bytes:
    """Paint a colour with a brightness relief.

    Args:
        color: RGB, 0..255.
        relief: (H, W) float, relative brightness change, 0 = the colour itself.

    Returns:
        (H, W, 3) uint8.
    """
    gain = relief.astype(np.float32) + np.float32(1.0)
    painted = np.empty((*relief.shape, 3), np.uint8)
    for channel in range(3):
        painted[..., channel] = np.clip(gain * np.float32(color[channel]), 0, 255)
    return painted


def jitter(rng: np.random.Generator, color: Rgb, amount: float) -> Rgb:
    """Vary a colour: common brightness and, less, each channel. `amount` is relative."""
    common = 1.0 + amount * rng.uniform(-1, 1)
    red, green, blue = (
        float(np.clip(channel * common * (1 + 0.4 * amount * rng.uniform(-1, 1)), 0, 255))
        for channel in color
    )
    return red, green, blue


def pick(rng: np.random.Generator, colors: tuple[Rgb, ...], amount: float = 0.15) -> Rgb:
    """Choose one of `colors` and vary it."""
    return jitter(rng, colors[int(rng.integers(len(colors)))], amount)
