"""What stands on pavements and between lots: poles, signs, rails, hedges, trees."""

from __future__ import annotations

import numpy as np

from dcfm_ros.synthetic.faces import Kind, Label, Upright, quad, vec
from dcfm_ros.synthetic.ground import box_footprint
from dcfm_ros.synthetic.sheet import Sheet
from dcfm_ros.synthetic.stock import Site

_PANEL_M = 6.0


def furnish(site: Site, rng: np.random.Generator, side: int, x: float, length: float) -> None:
    """Set lamps, signs, bollards, guard rails and trees on `length` m of pavement from x."""
    profile = site.layout.profile
    edge = profile.kerb(side) + side * 0.45

    def somewhere() -> float:
        return x + float(rng.uniform(0.05, 0.95)) * length

    if rng.random() < 0.8:
        _lamp(site, rng, x + float(rng.uniform(0.1, 0.4)) * length, edge, side)
    for _ in range(int(rng.integers(0, 4))):
        _sign_post(site, rng, somewhere(), edge)
    if rng.random() < 0.28:
        _traffic_light(site, rng, somewhere(), edge)
    if rng.random() < 0.25:
        for at in np.arange(x + 1, x + min(length, 14) - 1, float(rng.uniform(1.5, 3))):
            pole(site, rng, float(at), edge, float(rng.uniform(0.8, 1.1)), 0.16)
    if rng.random() < 0.22:
        long, rail_y = min(length, float(rng.uniform(6, 16))), edge - side * 0.15
        panels(site, (x, x + long), rail_y, (0.0, 1.05), site.stock.railing, Label.FENCE, side)
        site.layout.footprints.append(
            box_footprint(x + long / 2, rail_y, long, 0.1, 0, Label.FENCE)
        )
    if rng.random() < 0.3 and profile.pavement(side) > 2.4:
        for at in np.arange(x + 3, x + length - 2, float(rng.uniform(7, 12))):
            tree(site, rng, float(at), profile.kerb(side) + side * 0.9)


def boundary(
    site: Site,
    rng: np.random.Generator,
    side: int,
    span: tuple[float, float],
    y: float,
    *,
    fence: bool,
) -> None:
    """Close a lot toward the pavement by a fence (always, if `fence`), hedge or low wall."""
    draw = 0.0 if fence else rng.random()
    stock, y = site.stock, y + side * 0.15
    low, high, wall_high = 0.0, float(rng.uniform(1.0, 2.2)), float(rng.uniform(0.3, 0.7))
    sheet, label = stock.railing, Label.FENCE
    if draw < 0.45:
        sheet = stock.boards_fence if rng.random() < 0.4 else stock.railing
    elif draw < 0.75:
        sheet, label, high = stock.hedge, Label.TREE, high * 0.9
    else:
        sheet, label, high = stock.garden_wall, Label.BUILDING, high * 0.6
    if sheet is stock.railing and rng.random() < 0.4:  # railings on a low wall
        low = wall_high
        panels(site, span, y, (0.0, low), stock.garden_wall, Label.BUILDING, side)
    panels(site, span, y, (low, low + high), sheet, label, side)
    foot = Label.BUILDING if low > 0 else label
    site.layout.footprints.append(
        box_footprint((span[0] + span[1]) / 2, y, span[1] - span[0], 0.1, 0, foot)
    )


def panels(
    site: Site,
    span: tuple[float, float],
    y: float,
    heights: tuple[float, float],
    sheet: Sheet,
    label: Label,
    side: int,
) -> None:
    """Build an upright band along x, from heights[0] to heights[1], one sheet each 6 m."""
    low, top = heights
    for left in np.arange(span[0], span[1] - 1e-6, _PANEL_M):
        right = min(span[1], left + _PANEL_M)
        share = (right - left) / _PANEL_M
        site.layout.faces.append(
            quad(
                vec(left, y, top),
                vec(right, y, top),
                vec(left, y, low),
                sheet,
                label,
                gain=site.layout.light.wall(0, -side),
                kind=Kind.SOLID if sheet.mask is None else Kind.LACY,
                window=(0.0, 0.0, sheet.width * share, float(sheet.height)),
            )
        )


def tree(site: Site, rng: np.random.Generator, x: float, y: float) -> None:
    """Plant a tree of 4.5 to 13 m."""
    light, high = site.layout.light, float(rng.uniform(4.5, 13))
    sheet = site.stock.trees[int(rng.integers(len(site.stock.trees)))]
    wide = high * float(rng.uniform(0.8, 1.15))
    mirrored = bool(rng.random() < 0.5)
    gain = _tone(site, rng)
    site.layout.uprights.append(Upright(x, y, wide, high, sheet, Label.TREE, 0.0, gain, mirrored))
    site.layout.footprints.append(box_footprint(x, y, 0.3, 0.3, 0, Label.TREE))
    if light.sun >= 0.2:
        way = light.slope * high * 0.62
        middle = vec(x - light.sun_x * way, y - light.sun_y * way, 0)
        along = vec(light.sun_x, light.sun_y, 0) * wide * max(0.6, 0.6 * light.slope)
        across = vec(-light.sun_y, light.sun_x, 0) * wide * 0.8
        corner = middle - along / 2 - across / 2
        sheet = site.stock.tree_shadow
        site.layout.faces.append(
            quad(corner, corner + along, corner + across, sheet, Label.UNLABELLED, kind=Kind.DECAL)
        )


def pole(
    site: Site, rng: np.random.Generator, x: float, y: float, high: float, thick: float
) -> None:
    """Set up a round pole."""
    sheet = site.stock.poles[int(rng.integers(len(site.stock.poles)))]
    gain = _tone(site, rng)
    site.layout.uprights.append(Upright(x, y, thick, high, sheet, Label.POLE, 0.0, gain))
    site.layout.footprints.append(box_footprint(x, y, thick, thick, 0, Label.POLE))


def _tone(site: Site, rng: np.random.Generator) -> float:
    return site.layout.light.free * float(rng.uniform(0.85, 1.15))


def _lamp(site: Site, rng: np.random.Generator, x: float, y: float, side: int) -> None:
    high, reach = float(rng.uniform(5, 10)), float(rng.uniform(0.6, 1.6))
    pole(site, rng, x, y, high, float(rng.uniform(0.12, 0.22)))
    sheet, tip = site.stock.poles[0], y - side * reach
    site.layout.faces.append(
        quad(
            vec(x, y, high + 0.06),
            vec(x, tip, high + 0.16),
            vec(x, y, high - 0.06),
            sheet,
            Label.POLE,
        )
    )
    head = Upright(x, tip, 0.4, 0.16, sheet, Label.POLE, high + 0.05, _tone(site, rng))
    site.layout.uprights.append(head)


def _sign_post(site: Site, rng: np.random.Generator, x: float, y: float) -> None:
    high, size = float(rng.uniform(2.2, 3.3)), float(rng.uniform(0.55, 0.95))
    pole(site, rng, x, y, high, float(rng.uniform(0.07, 0.12)))
    for i in range(1 + int(rng.random() < 0.35)):
        large = rng.random() < 0.15
        pool = site.stock.boards if large else site.stock.signs
        sheet = pool[int(rng.integers(len(pool)))]
        wide = size * (1.6 if large else 1.0)
        _plate(site, x, y, (wide, size), high - size * (i + 1) * 1.05 + 0.3, sheet)


def _traffic_light(site: Site, rng: np.random.Generator, x: float, y: float) -> None:
    high = float(rng.uniform(2.8, 3.6))
    pole(site, rng, x, y, high, 0.13)
    sheet = site.stock.lights[int(rng.integers(len(site.stock.lights)))]
    _plate(site, x, y, (0.42, 1.0), high - 0.6, sheet)


def _plate(
    site: Site, x: float, y: float, size: tuple[float, float], z: float, sheet: Sheet
) -> None:
    """Fix a plate just in front of a pole, toward oncoming traffic."""
    wide, high = size
    site.layout.faces.append(
        quad(
            vec(x - 0.09, y + wide / 2, z + high),
            vec(x - 0.09, y - wide / 2, z + high),
            vec(x - 0.09, y + wide / 2, z),
            sheet,
            Label.SIGN,
            gain=site.layout.light.wall(-1, 0),
        )
    )
