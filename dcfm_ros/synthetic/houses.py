"""Houses: upright fronts and flanks, pitched roofs, chimneys, hanging signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcfm_ros.synthetic.faces import Kind, Label, Vector, quad, vec
from dcfm_ros.synthetic.ground import box_footprint
from dcfm_ros.synthetic.sheet import Sheet
from dcfm_ros.synthetic.stock import HouseFront, Site

_GABLE: Vector = np.array([[0.5, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True, eq=False)
class _Block:
    """Outer measures of one house: x0..x1, front to rear in y, eaves height, m."""

    side: int
    x0: float
    x1: float
    front: float
    rear: float
    eaves: float
    tone: float
    flank: Sheet


def house(
    site: Site,
    rng: np.random.Generator,
    side: int,
    x: float,
    wide: float,
    y: float,
    design: HouseFront,
) -> None:
    """Build a house whose front stands at `y` from x to x + wide; `wide` may cut the design."""
    depth = float(rng.uniform(7, 11))
    flank = site.stock.flanks[int(rng.integers(len(site.stock.flanks)))]
    tone = float(rng.uniform(0.85, 1.15))
    block = _Block(side, x, x + wide, y, y + side * depth, design.height_m, tone, flank)
    _walls(site, block, design)
    if rng.random() < 0.7:
        _roof(site, rng, block)
    elif rng.random() < 0.5:
        _chimney(site, rng, block, x + wide / 2, block.eaves)
    if rng.random() < 0.4:
        _hanging_sign(site, rng, block)
    _shadow(site, block)
    site.layout.footprints.append(
        box_footprint(x + wide / 2, y + side * depth / 2, wide, depth, 0, Label.BUILDING)
    )


def _walls(site: Site, block: _Block, design: HouseFront) -> None:
    light, add, top = site.layout.light, site.layout.faces.append, block.eaves
    left, right = (block.x0, block.x1) if block.side > 0 else (block.x1, block.x0)
    sheet = design.sheet
    share = (block.x1 - block.x0) / design.width_m
    add(
        quad(
            vec(left, block.front, top),
            vec(right, block.front, top),
            vec(left, block.front, 0),
            sheet,
            Label.BUILDING,
            gain=block.tone * light.wall(0, -block.side),
            window=(0.0, 0.0, sheet.width * share, float(sheet.height)),
        )
    )
    for x, nx in ((block.x0, -1), (block.x1, 1)):
        add(
            quad(
                vec(x, block.front, top),
                vec(x, block.rear, top),
                vec(x, block.front, 0),
                block.flank,
                Label.BUILDING,
                gain=block.tone * light.wall(nx, 0),
            )
        )


def _roof(site: Site, rng: np.random.Generator, block: _Block) -> None:
    light, add = site.layout.light, site.layout.faces.append
    sheet = site.stock.roofs[int(rng.integers(len(site.stock.roofs)))]
    middle, ridge = (block.front + block.rear) / 2, block.eaves + float(rng.uniform(1.8, 4))
    for eave in (block.front, block.rear):
        add(
            quad(
                vec(block.x0, middle, ridge),
                vec(block.x1, middle, ridge),
                vec(block.x0, eave, block.eaves),
                sheet,
                Label.BUILDING,
                gain=block.tone * light.free,
            )
        )
    for x, nx in ((block.x0, -1), (block.x1, 1)):
        add(
            quad(
                vec(x, block.front, ridge),
                vec(x, block.rear, ridge),
                vec(x, block.front, block.eaves),
                block.flank,
                Label.BUILDING,
                gain=block.tone * light.wall(nx, 0),
                polygon=_GABLE,
            )
        )
    for _ in range(int(rng.integers(0, 3))):
        x = float(rng.uniform(block.x0 + 0.5, max(block.x0 + 0.6, block.x1 - 0.5)))
        _chimney(site, rng, block, x, ridge - 0.4)


def _chimney(site: Site, rng: np.random.Generator, block: _Block, x: float, z: float) -> None:
    half, top, y = 0.45, z + float(rng.uniform(1.0, 2.2)), (block.front + block.rear) / 2
    for nx, ny in ((-1, 0), (0, -block.side)):
        cx, cy = x + nx * half, y + ny * half
        ax, ay = abs(ny) * half, abs(nx) * half
        site.layout.faces.append(
            quad(
                vec(cx - ax, cy - ay, top),
                vec(cx + ax, cy + ay, top),
                vec(cx - ax, cy - ay, z - 1),
                block.flank,
                Label.BUILDING,
                gain=site.layout.light.wall(nx, ny),
                window=(0, 0, 20, 40),
            )
        )


def _hanging_sign(site: Site, rng: np.random.Generator, block: _Block) -> None:
    """Hang a board at a right angle to the front, well above heads."""
    x, z = float(rng.uniform(block.x0, block.x1)), float(rng.uniform(2.6, 4.5))
    sheet = site.stock.boards[int(rng.integers(len(site.stock.boards)))]
    size, out = float(rng.uniform(0.6, 1.2)), float(rng.uniform(0.7, 1.3))
    near, far = block.front - block.side * out, block.front - block.side * 0.1
    left, right = (far, near) if block.side > 0 else (near, far)
    site.layout.faces.append(
        quad(
            vec(x, left, z + size),
            vec(x, right, z + size),
            vec(x, left, z),
            sheet,
            Label.SIGN,
            gain=site.layout.light.wall(-1, 0),
        )
    )


def _shadow(site: Site, block: _Block) -> None:
    """Cast the shadow of the front's upper edge over pavement and road."""
    light = site.layout.light
    way_y = -light.sun_y * light.slope * block.eaves
    if light.sun < 0.2 or way_y * block.side >= 0:
        return
    way = vec(-light.sun_x * light.slope * block.eaves, way_y, 0)
    foot_left, foot_right = vec(block.x0, block.front, 0), vec(block.x1, block.front, 0)
    site.layout.faces.append(
        quad(
            foot_left,
            foot_right,
            foot_left + way,
            site.stock.house_shadow,
            Label.UNLABELLED,
            kind=Kind.DECAL,
        )
    )


def row_of_houses(
    site: Site,
    rng: np.random.Generator,
    start: tuple[float, float],
    stop: tuple[float, float],
    normal: tuple[float, float],
) -> None:
    """Close a view with fronts from `start` to `stop` (x, y) that look along `normal`."""
    begin, along = np.array(start), np.array(stop) - np.array(start)
    length = float(np.hypot(*along))
    unit, done = along / length, 0.0
    while done < length - 0.5:
        design = site.stock.fronts[int(rng.integers(len(site.stock.fronts)))]
        wide = min(design.width_m, length - done)
        p, q = begin + unit * done, begin + unit * (done + wide)
        high = design.height_m * float(rng.uniform(0.8, 1.3))
        site.layout.faces.append(
            quad(
                vec(p[0], p[1], high),
                vec(q[0], q[1], high),
                vec(p[0], p[1], 0),
                design.sheet,
                Label.BUILDING,
                gain=site.layout.light.wall(*normal),
            )
        )
        x, y = (p + q) / 2 - np.array(normal) * 3
        yaw = float(np.arctan2(unit[1], unit[0]))
        site.layout.footprints.append(
            box_footprint(float(x), float(y), wide, 6, yaw, Label.BUILDING)
        )
        done += wide
