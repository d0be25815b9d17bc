"""Paint and iron on the road: lines, arrows, crossings, covers, kerb stones."""

from __future__ import annotations

import numpy as np

from dcfm_ros.synthetic import surfaces
from dcfm_ros.synthetic.faces import Kind, Label, ground_quad
from dcfm_ros.synthetic.layout import BEHIND_M
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.sheet import Sheet
from dcfm_ros.synthetic.stock import Site

_LINE_M = 10.0


def mark_road(site: Site, seed: int) -> None:
    """Paint the whole main road."""
    rng = rng_for(seed, 7)
    profile, end = site.layout.profile, site.layout.length_m
    wear = float(rng.uniform(0, 0.9))
    white = surfaces.paint(rng, (226, 226, 220), wear)
    _middle_line(site, rng, white)
    for side in (1, -1):
        _edge_line(site, rng, side, wear)
    arrow = surfaces.arrow(rng)
    for x in np.arange(6, end, 28.0):
        if rng.random() < 0.35:
            y = profile.left_lane / 2
            _decal(site, (float(x), float(x) + 4), (y - 0.4, y + 0.4), arrow)
    cover = surfaces.manhole(rng)
    for _ in range(int(end / 14)):
        x = float(rng.uniform(-5, end))
        y = float(rng.uniform(profile.kerb(-1), profile.kerb(1) - 0.8))
        _decal(site, (x, x + 0.7), (y, y + 0.7), cover)
    for _ in range(int(rng.integers(0, 3))):
        _crossing(site, float(rng.uniform(8, max(9, end - 12))), white)
    if rng.random() < 0.12:
        red = surfaces.paint(rng, (120, 58, 50), 0.1)
        kerb = profile.kerb(1)
        _long(site, (kerb - 1.5, kerb - 0.1), red)


def kerb_stones(site: Site, x0: float, x1: float, side: int) -> None:
    """Lay kerb stones along a pavement's edge."""
    kerb, stones = site.layout.profile.kerb(side), 8.0
    for left in np.arange(x0, x1 - 1e-6, stones):
        right = min(x1, float(left) + stones)
        sheet = site.stock.kerb
        window = (0.0, 0.0, sheet.width * (right - float(left)) / stones, float(sheet.height))
        _decal(site, (float(left), right), (kerb, kerb + side * 0.16), sheet, window)


def _middle_line(site: Site, rng: np.random.Generator, white: Sheet) -> None:
    dash, gap = float(rng.choice([2.0, 4.0, 6.0])), float(rng.choice([2.0, 4.0, 5.0]))
    style, end = rng.random(), site.layout.length_m
    if style < 0.8:
        for x in np.arange(-BEHIND_M, end - dash, dash + gap):
            _decal(site, (float(x), float(x) + dash), (-0.06, 0.06), white)
    elif style < 0.9:
        _long(site, (-0.06, 0.06), white)


def _edge_line(site: Site, rng: np.random.Generator, side: int, wear: float) -> None:
    """Double or single yellow, white, or nothing."""
    kerb, style = site.layout.profile.kerb(side), rng.random()
    if style < 0.35:
        double = surfaces.double_line(rng, (206, 176, 70), wear)
        _long(site, (kerb - side * 0.25, kerb - side * 0.55), double)
    elif style < 0.65:
        color = (206, 176, 70) if style < 0.5 else (222, 222, 216)
        _long(site, (kerb - side * 0.3, kerb - side * 0.41), surfaces.paint(rng, color, wear))


def _long(site: Site, y: tuple[float, float], sheet: Sheet) -> None:
    for x in np.arange(-BEHIND_M, site.layout.length_m - 1e-6, _LINE_M):
        right = min(float(x) + _LINE_M, site.layout.length_m)
        _decal(site, (float(x), right), y, sheet)


def _crossing(site: Site, x: float, white: Sheet) -> None:
    profile = site.layout.profile
    site.layout.crossings.append(x + 1.3)
    for y in np.arange(profile.kerb(-1) + 0.3, profile.kerb(1) - 0.6, 1.1):
        _decal(site, (x, x + 2.6), (float(y), float(y) + 0.55), white)


def _decal(
    site: Site,
    x: tuple[float, float],
    y: tuple[float, float],
    sheet: Sheet,
    window: tuple[float, float, float, float] | None = None,
) -> None:
    gain = site.layout.light.free
    face = ground_quad(
        x[0],
        y[0],
        x[1],
        y[1],
        sheet,
        Label.UNLABELLED,
        kind=Kind.DECAL,
        gain=gain,
        window=window,
    )
    site.layout.faces.append(face)
