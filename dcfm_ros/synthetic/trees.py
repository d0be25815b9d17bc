"""Trees and hedges with irregular crowns, as sheets."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic.noise import Bytes, Rgb, noise, pick, tinted
from dcfm_ros.synthetic.sheet import Sheet

Points = npt.NDArray[np.float64]

_SIZE = 384
LEAVES: tuple[Rgb, ...] = (
    (58, 76, 34),
    (76, 92, 40),
    (46, 64, 36),
    (96, 98, 48),
    (120, 96, 48),
    (40, 54, 34),
)
BARK: tuple[Rgb, ...] = ((72, 60, 48), (92, 80, 66), (56, 48, 42), (110, 98, 80))


def leafy_tree(rng: np.random.Generator) -> Sheet:
    """A tree in leaf, trunk and crown, 384×384, foot at the bottom centre."""
    shape = np.zeros((_SIZE, _SIZE), np.float32)
    trunk_top = int(_SIZE * rng.uniform(0.6, 0.75))
    middle = np.array([_SIZE / 2, _SIZE * 0.38])
    for _ in range(int(rng.integers(14, 30))):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1) ** 0.6
        x, y = middle + reach * np.array([np.cos(angle) * 0.33, np.sin(angle) * 0.25]) * _SIZE
        radius = int(_SIZE * rng.uniform(0.07, 0.15))
        cv2.circle(shape, (int(x), int(y)), radius, 1.0, -1)
    soft = np.asarray(cv2.GaussianBlur(shape, (0, 0), 9), np.float32)
    ragged = soft + rng.uniform(0.12, 0.22) * noise(rng, "leaf", _SIZE, _SIZE) - 0.5
    crown = np.where(soft > 0.2, np.clip(ragged * 14, 0, 1), 0)
    light = np.linspace(0.35, -0.35, _SIZE, dtype=np.float32)[:, None]
    lobes = np.asarray(cv2.GaussianBlur(noise(rng, "leaf", _SIZE, _SIZE), (0, 0), 2), np.float32)
    relief = light + 0.28 * lobes + 0.12 * noise(rng, "grain", _SIZE, _SIZE)
    rgb = tinted(pick(rng, LEAVES, 0.25), relief)
    trunk = _trunk(rng, trunk_top)
    bark = tinted(pick(rng, BARK, 0.2), 0.15 * noise(rng, "leaf", _SIZE, _SIZE))
    under = (trunk > 0) & (crown < 0.5)
    rgb[under] = bark[under]
    alpha = np.maximum(crown * 255, trunk).astype(np.uint8)
    return Sheet(rgb, alpha)


def _trunk(rng: np.random.Generator, top: int) -> Bytes:
    drawn = np.zeros((_SIZE, _SIZE), np.uint8)
    half = int(rng.integers(4, 9))
    lean = int(rng.integers(-14, 15))
    middle = _SIZE // 2
    outline = np.array(
        [
            [middle - half - 2, _SIZE],
            [middle + half + 2, _SIZE],
            [middle + lean + half // 2 + 1, top - 80],
            [middle + lean - half // 2, top - 80],
        ],
        np.int32,
    )
    cv2.fillPoly(drawn, [outline.reshape(-1, 1, 2)], 255, cv2.LINE_AA)
    return drawn


def bare_tree(rng: np.random.Generator) -> Sheet:
    """A winter tree: branches and a lace of twigs; its mask is the crown's envelope."""
    alpha = np.zeros((_SIZE, _SIZE), np.uint8)
    start = np.array([_SIZE / 2, _SIZE - 1.0])
    twigs: list[tuple[Points, float]] = []
    _branch(
        rng, alpha, twigs, start, -np.pi / 2, _SIZE * rng.uniform(0.18, 0.26), rng.uniform(8, 13)
    )
    _lace(rng, alpha, twigs)
    light = rng.uniform(-0.1, 0.25)
    relief = light + 0.2 * noise(rng, "leaf", _SIZE, _SIZE)
    rgb = tinted(pick(rng, BARK, 0.25), relief)
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((13, 13), np.uint8))
    mask = np.where(cv2.blur(closed, (5, 5)) > 90, 255, 0).astype(np.uint8)
    return Sheet(rgb, alpha, mask)


def _branch(
    rng: np.random.Generator,
    alpha: Bytes,
    twigs: list[tuple[Points, float]],
    start: Points,
    angle: float,
    length: float,
    thick: float,
) -> None:
    """Grow a branch and its children; the ends of the thinnest are left to `_lace`."""
    end = start + length * np.array([np.cos(angle), np.sin(angle)])
    end[1] = min(end[1], max(start[1], 0.66 * _SIZE))  # nothing hangs to the ground
    end = np.clip(end, 2, _SIZE - 1)
    p, q = ((int(at[0] * 8), int(at[1] * 8)) for at in (start, end))
    cv2.line(alpha, p, q, 255, max(1, round(thick)), cv2.LINE_AA, 3)
    if thick < 1.3 or length < 8:
        twigs.append((end, angle))
        return
    count = 2 if rng.random() < 0.35 else 3
    for side in np.linspace(-1, 1, count):
        origin = start + (end - start) * rng.uniform(0.65, 1.0)
        turn, reach = 0.5 * side + rng.normal(0, 0.22), length * rng.uniform(0.66, 0.92)
        turn -= 0.12 * (angle + np.pi / 2)  # branches strive upward
        _branch(rng, alpha, twigs, origin, angle + turn, reach, thick * 0.64)


def _lace(rng: np.random.Generator, alpha: Bytes, twigs: list[tuple[Points, float]]) -> None:
    """Draw fans of fine, half-transparent twigs at the ends of the branches."""
    count = int(rng.integers(4, 9))
    ends = np.repeat(np.array([at for at, _ in twigs]), count, axis=0)
    angles = np.repeat(np.array([angle for _, angle in twigs]), count)
    angles = angles + rng.normal(0, 0.7, len(angles))
    reach = rng.uniform(6, 26, len(angles))
    tips = ends + reach[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    lines = (np.stack([ends, tips], axis=1) * 8).astype(np.int32)
    fine = np.zeros_like(alpha)
    shade = int(rng.integers(110, 220))
    cv2.polylines(fine, list(lines), False, shade, 1, cv2.LINE_AA, 3)
    fine[int(0.7 * _SIZE) :] = 0
    np.maximum(alpha, fine, out=alpha)


def conifer(rng: np.random.Generator) -> Sheet:
    """A narrow evergreen."""
    y, x = np.mgrid[0 : 1 : _SIZE * 1j, -1 : 1 : _SIZE * 1j]
    wide = rng.uniform(0.35, 0.7)
    edge = wide * (0.08 + y) - np.abs(x) + 0.09 * noise(rng, "leaf", _SIZE, _SIZE)
    alpha = np.clip(edge * 30, 0, 1)
    alpha[int(_SIZE * 0.95) :] *= np.abs(x[-1]) < 0.05
    relief = 0.3 * noise(rng, "leaf", _SIZE, _SIZE) - 0.1
    rgb = tinted(pick(rng, ((38, 52, 34), (50, 62, 40), (34, 48, 40)), 0.2), relief)
    return Sheet(rgb, (alpha * 255).astype(np.uint8))


def hedge(rng: np.random.Generator) -> Sheet:
    """A hedge seen from the front, 512×96, its upper edge ragged."""
    relief = 0.25 * noise(rng, "leaf", 96, 512) + 0.1 * noise(rng, "grain", 96, 512)
    relief = relief + np.linspace(0.2, -0.3, 96, dtype=np.float32)[:, None]
    rgb = tinted(pick(rng, LEAVES, 0.2), relief)
    rows = np.arange(96, dtype=np.float32)[:, None]
    edge = rows - 10 + 7 * noise(rng, "leaf", 96, 512)
    return Sheet(rgb, (np.clip(edge, 0, 1) * 255).astype(np.uint8))
