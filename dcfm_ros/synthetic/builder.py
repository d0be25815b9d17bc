"""Lays out the static street of a seed, lot by lot along both sides."""

from __future__ import annotations

import numpy as np

from dcfm_ros.synthetic.faces import Label
from dcfm_ros.synthetic.furniture import boundary, furnish, tree
from dcfm_ros.synthetic.houses import house, row_of_houses
from dcfm_ros.synthetic.layout import BACK_M, BEHIND_M, Layout, draw_light, draw_profile
from dcfm_ros.synthetic.markings import kerb_stones, mark_road
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.stock import Site, draw_stock
from dcfm_ros.synthetic.surfaces import PAVING_PX_PER_M, ROAD_PX_PER_M

_SMALLEST_LOT_M = 12.0


def build_layout(seed: int, travel_m: float) -> Layout:
    """Build the static world of a seed, long enough for a camera that travels `travel_m`."""
    rng = rng_for(seed, 1)
    profile, light = draw_profile(rng), draw_light(rng)
    layout = Layout(profile, light, travel_m + float(rng.uniform(50, 190)))
    site = Site(layout, draw_stock(seed, light.sun))
    road = (profile.kerb(-1), profile.kerb(1))
    layout.ground((-BEHIND_M, layout.length_m), road, Label.ROAD, site.stock.road, ROAD_PX_PER_M)
    for side in (1, -1):
        _side(site, seed, side)
    _far_end(site, seed)
    mark_road(site, seed)
    return layout


def _side(site: Site, seed: int, side: int) -> None:
    """Lots and side streets of one side, from behind the camera to the far end."""
    rng, layout = rng_for(seed, 4, side), site.layout
    character = str(rng.choice(["terrace", "houses", "park", "mixed"], p=[0.35, 0.25, 0.15, 0.25]))
    x, end = -BEHIND_M, layout.length_m
    while x < end - 1e-6:
        left = end - x
        if rng.random() < 0.09 and left > 26 and x > 4:
            x += _side_street(site, rng, side, x)
            continue
        kind = character
        if character == "mixed":
            kind = str(rng.choice(["terrace", "houses", "park"], p=[0.45, 0.3, 0.25]))
        length = float(rng.uniform(16, 44))
        if left - length < _SMALLEST_LOT_M:
            length = left
        _pavement(site, side, x, length)
        furnish(site, rng, side, x, length)
        _LOTS[kind](site, rng, side, x, length)
        x += length


def _pavement(site: Site, side: int, x: float, length: float) -> None:
    profile, paving = site.layout.profile, site.stock.paving[0 if side > 0 else 1]
    width = (profile.kerb(side), profile.back(side))
    site.layout.ground((x, x + length), width, Label.PAVEMENT, paving, PAVING_PX_PER_M)
    kerb_stones(site, x, x + length, side)


def _side_street(site: Site, rng: np.random.Generator, side: int, x: float) -> float:
    """Let a road leave at a right angle between pavements of 2 m; returns the length used."""
    layout, stock, profile = site.layout, site.stock, site.layout.profile
    width = float(rng.uniform(5.5, 8))
    far = profile.back(side) + side * BACK_M
    band, paving = (profile.kerb(side), far), stock.paving[0 if side > 0 else 1]
    left, right = x + 2, x + 2 + width
    layout.side_streets.append((side, left, right))
    layout.ground((x, left), band, Label.PAVEMENT, paving, PAVING_PX_PER_M)
    layout.ground((left, right), band, Label.ROAD, stock.side_road, ROAD_PX_PER_M)
    layout.ground((right, right + 2), band, Label.PAVEMENT, paving, PAVING_PX_PER_M)
    beyond = far + side * 0.5
    row_of_houses(site, rng, (x - 1, beyond), (right + 3, beyond), (0, -side))
    return width + 4


def _terrace(site: Site, rng: np.random.Generator, side: int, x: float, length: float) -> None:
    """Houses wall to wall, at the pavement or nearly so."""
    stock, back = site.stock, site.layout.profile.back(side)
    front = back + side * max(0.0, float(rng.uniform(-0.5, 1.0)))
    yard = stock.paving[0]
    site.layout.ground((x, x + length), (back, front), Label.PAVEMENT, yard, PAVING_PX_PER_M)
    _garden(site, side, x, length, front)
    left = x
    while left < x + length - 2:
        design = stock.fronts[int(rng.integers(len(stock.fronts)))]
        wide = min(design.width_m, x + length - left)
        house(site, rng, side, left, wide, front, design)
        left += wide + (float(rng.uniform(1, 4)) if rng.random() < 0.12 else 0.0)


def _detached(site: Site, rng: np.random.Generator, side: int, x: float, length: float) -> None:
    """Houses apart from each other, behind front gardens."""
    stock, back = site.stock, site.layout.profile.back(side)
    setback = float(rng.uniform(2, 7))
    _garden(site, side, x, length, back)
    boundary(site, rng, side, (x, x + length), back, fence=False)
    for _ in range(int(rng.integers(0, 3))):
        at = x + float(rng.uniform(0, length))
        tree(site, rng, at, back + side * float(rng.uniform(0.8, setback)))
    left = x + float(rng.uniform(0, 3))
    while left < x + length - 3:
        design = stock.fronts[int(rng.integers(len(stock.fronts)))]
        wide = min(design.width_m, x + length - left)
        house(site, rng, side, left, wide, back + side * setback, design)
        left += wide + float(rng.uniform(1, 5))


def _park(site: Site, rng: np.random.Generator, side: int, x: float, length: float) -> None:
    """Trees behind a fence, houses far behind."""
    back = site.layout.profile.back(side)
    far = back + side * BACK_M
    _garden(site, side, x, length, back)
    boundary(site, rng, side, (x, x + length), back, fence=bool(rng.random() < 0.7))
    for at in np.arange(x + 2, x + length - 1, float(rng.uniform(4, 8))):
        for row in range(int(rng.integers(1, 4))):
            y = back + side * (2.5 + row * 6 + float(rng.uniform(-1, 2)))
            tree(site, rng, float(at + rng.uniform(-1.5, 1.5)), y)
    row_of_houses(site, rng, (x, far), (x + length, far), (0, -side))


_LOTS = {"terrace": _terrace, "houses": _detached, "park": _park}


def _garden(site: Site, side: int, x: float, length: float, y: float) -> None:
    """Grass from y to the back of the lot; CamVid counts it to the trees."""
    far = site.layout.profile.back(side) + side * BACK_M
    site.layout.ground((x, x + length), (y, far), Label.TREE, site.stock.grass, ROAD_PX_PER_M)


def _far_end(site: Site, seed: int) -> None:
    """A cross street with houses or trees beyond closes the view."""
    rng, layout, stock = rng_for(seed, 6), site.layout, site.stock
    end, reach = layout.length_m, (layout.profile.kerb(-1) - 45.0, layout.profile.kerb(1) + 45.0)
    layout.ground((end, end + 8), reach, Label.ROAD, stock.side_road, ROAD_PX_PER_M)
    layout.ground((end + 8, end + 11), reach, Label.PAVEMENT, stock.paving[0], PAVING_PX_PER_M)
    layout.ground((end + 11, end + 50), reach, Label.TREE, stock.grass, ROAD_PX_PER_M)
    wooded = rng.random() < 0.3
    x = end + (38.0 if wooded else 11.5)
    row_of_houses(site, rng, (x, reach[1]), (x, reach[0]), (-1, 0))
    if wooded:
        for y in np.arange(reach[0], reach[1], 4.0):
            tree(site, rng, end + float(rng.uniform(13, 30)), float(y + rng.uniform(-1, 1)))
