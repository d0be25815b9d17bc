"""The sheets that one street is furnished with, all drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcfm_ros.synthetic import facades, signs, surfaces, trees
from dcfm_ros.synthetic.layout import Layout
from dcfm_ros.synthetic.noise import rng_for
from dcfm_ros.synthetic.sheet import Sheet


@dataclass(frozen=True, eq=False)
class HouseFront:
    """A facade with its size in m."""

    width_m: float
    height_m: float
    sheet: Sheet


@dataclass(frozen=True, eq=False)
class Stock:
    """Textures of one street."""

    road: Sheet
    side_road: Sheet
    paving: tuple[Sheet, Sheet]
    kerb: Sheet
    grass: Sheet
    fronts: list[HouseFront]
    flanks: list[Sheet]
    roofs: list[Sheet]
    trees: list[Sheet]
    hedge: Sheet
    railing: Sheet
    boards_fence: Sheet
    garden_wall: Sheet
    poles: list[Sheet]
    signs: list[Sheet]
    lights: list[Sheet]
    boards: list[Sheet]
    house_shadow: Sheet
    tree_shadow: Sheet


@dataclass(frozen=True, eq=False)
class Site:
    """A layout in the making and what it is made of."""

    layout: Layout
    stock: Stock


def draw_stock(seed: int, sun: float) -> Stock:
    """Draw all sheets of a seed; shadows as dark as the `sun` is strong."""
    rng = rng_for(seed, 3)
    return Stock(
        road=surfaces.asphalt(rng),
        side_road=surfaces.asphalt(rng, 512),
        paving=(surfaces.paving(rng), surfaces.paving(rng)),
        kerb=surfaces.kerb_stone(rng),
        grass=surfaces.grass(rng),
        fronts=_house_fronts(rng),
        flanks=[facades.side_wall(rng, 10, 9) for _ in range(2)],
        roofs=[facades.roof(rng) for _ in range(2)],
        trees=_tree_sheets(rng),
        hedge=trees.hedge(rng),
        railing=signs.railing(rng),
        boards_fence=signs.boards_fence(rng),
        garden_wall=facades.garden_wall(rng),
        poles=[signs.pole(rng) for _ in range(3)],
        signs=[signs.traffic_sign(rng) for _ in range(5)],
        lights=[signs.traffic_light(rng) for _ in range(2)],
        boards=[signs.board(rng) for _ in range(4)],
        house_shadow=surfaces.cast_shadow(rng, min(0.75, 1.1 * sun), ragged=False),
        tree_shadow=surfaces.cast_shadow(rng, min(0.65, 0.9 * sun), ragged=True),
    )


def _house_fronts(rng: np.random.Generator) -> list[HouseFront]:
    shops = float(rng.choice([0.0, 0.3, 0.9]))
    floors = float(rng.uniform(1.6, 4.2))
    fronts = []
    for _ in range(6):
        wide = float(rng.uniform(6, 15))
        high = float(np.clip(rng.normal(floors, 0.8), 1.5, 6) * 3.1 + 0.6)
        shop = bool(rng.random() < shops)
        fronts.append(HouseFront(wide, high, facades.facade(rng, wide, high, shop)))
    return fronts


def _tree_sheets(rng: np.random.Generator) -> list[Sheet]:
    winter = rng.random() < 0.55
    makers = [trees.bare_tree if winter and rng.random() < 0.8 else trees.leafy_tree] * 2
    makers.append(trees.conifer if rng.random() < 0.3 else trees.leafy_tree)
    return [make(rng) for make in makers]
