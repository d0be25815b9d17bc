"""Flat textured faces: all geometry of the street is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic.sheet import Sheet

Vector = npt.NDArray[np.float64]

UNIT_SQUARE: Vector = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
MAX_CORNERS = 4


class Label(IntEnum):
    """CamVid's eleven classes."""

    SKY = 0
    BUILDING = 1
    POLE = 2
    ROAD = 3
    PAVEMENT = 4
    TREE = 5
    SIGN = 6
    FENCE = 7
    CAR = 8
    PEDESTRIAN = 9
    BICYCLIST = 10
    UNLABELLED = 255


class Kind(IntEnum):
    """How a face is drawn, in the order of drawing."""

    SOLID = 0
    GROUND = 1  # solid, lies in z = 0 and takes decals
    BASE = 2  # ground under everything, where nothing else was drawn
    SKY = 3  # infinitely far, where nothing else was drawn
    DECAL = 4  # colour only, on ground faces
    LACY = 5  # blended over what is behind, label and depth by the sheet's mask


@dataclass(frozen=True, eq=False)
class Face:
    """A convex polygon in the plane origin + s * along + t * down, s, t in 0..1.

    Attributes:
        origin: (3,) world position of the texture's top-left corner, m.
        along: (3,) from the top-left to the top-right corner, m.
        down: (3,) from the top-left to the bottom-left corner, m.
        sheet: the texture.
        label: class of the face.
        window: (left, top, width, height) of the part of the sheet shown, texels.
        polygon: (N, 2) convex corners (s, t), three or four.
        gain: brightness factor of the texture.
        kind: how it is drawn.
    """

    origin: Vector
    along: Vector
    down: Vector
    sheet: Sheet
    label: int
    window: tuple[float, float, float, float] | None = None
    polygon: Vector | None = None
    gain: float = 1.0
    kind: Kind = Kind.SOLID


@dataclass(frozen=True, eq=False)
class FaceArray:
    """Many faces as arrays, ready for the renderer.

    Attributes:
        frames: (N, 3, 3) columns along, down, origin in world coordinates, m.
        polygons: (N, 4, 2) corners (s, t), the last repeated where there are three.
        windows: (N, 4) left, top, width, height in texels.
        gains: (N,) brightness factors.
        labels: (N,) uint8.
        kinds: (N,) uint8, `Kind`.
        sheets: N textures.
    """

    frames: Vector
    polygons: Vector
    windows: Vector
    gains: Vector
    labels: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.uint8]
    sheets: list[Sheet]

    def __len__(self) -> int:
        return len(self.sheets)

    def moved(self, rotation: Vector, shift: Vector) -> FaceArray:
        """The same faces turned by (3, 3) and shifted by (3,)."""
        frames = rotation @ self.frames
        frames[:, :, 2] += shift
        return FaceArray(
            frames, self.polygons, self.windows, self.gains, self.labels, self.kinds, self.sheets
        )


def face_array(faces: list[Face]) -> FaceArray:
    """Gather faces into arrays."""
    count = len(faces)
    frames = np.array([(f.along, f.down, f.origin) for f in faces]).reshape(count, 3, 3)
    return FaceArray(
        np.ascontiguousarray(frames.transpose(0, 2, 1)),
        np.array([_padded(f.polygon) for f in faces]).reshape(count, MAX_CORNERS, 2),
        np.array([_window(f) for f in faces]).reshape(count, 4),
        np.array([f.gain for f in faces], np.float64),
        np.array([f.label for f in faces], np.uint8),
        np.array([f.kind for f in faces], np.uint8),
        [f.sheet for f in faces],
    )


def concatenate(parts: list[FaceArray]) -> FaceArray:
    """Join face arrays in order."""
    return FaceArray(
        np.concatenate([p.frames for p in parts]),
        np.concatenate([p.polygons for p in parts]),
        np.concatenate([p.windows for p in parts]),
        np.concatenate([p.gains for p in parts]),
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.kinds for p in parts]),
        [sheet for p in parts for sheet in p.sheets],
    )


def _padded(polygon: Vector | None) -> Vector:
    if polygon is None:
        return UNIT_SQUARE
    if len(polygon) > MAX_CORNERS:
        raise ValueError(f"found a face of {len(polygon)} corners, expected at most {MAX_CORNERS}")
    pad = np.repeat(polygon[-1:], MAX_CORNERS - len(polygon), axis=0)
    return np.concatenate([polygon, pad])


def _window(face: Face) -> tuple[float, float, float, float]:
    return face.window or (0.0, 0.0, float(face.sheet.width), float(face.sheet.height))


def vec(x: float, y: float, z: float) -> Vector:
    """Make a (3,) float64 vector."""
    return np.array([x, y, z], np.float64)


def quad(
    top_left: Vector,
    top_right: Vector,
    bottom_left: Vector,
    sheet: Sheet,
    label: int,
    *,
    gain: float = 1.0,
    kind: Kind = Kind.SOLID,
    polygon: Vector | None = None,
    window: tuple[float, float, float, float] | None = None,
) -> Face:
    """Make a face from three world corners of its texture."""
    along, down = top_right - top_left, bottom_left - top_left
    return Face(top_left, along, down, sheet, int(label), window, polygon, gain, kind)


def ground_quad(
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    sheet: Sheet,
    label: int,
    *,
    kind: Kind = Kind.GROUND,
    gain: float = 1.0,
    window: tuple[float, float, float, float] | None = None,
) -> Face:
    """Make a rectangle of the ground plane; texture x runs along world x, top at larger y."""
    low, high = min(y0, y1), max(y0, y1)
    return quad(
        vec(x0, high, 0),
        vec(x1, high, 0),
        vec(x0, low, 0),
        sheet,
        label,
        kind=kind,
        gain=gain,
        window=window,
    )


@dataclass(frozen=True, eq=False)
class Upright:
    """An upright sheet that faces the camera, e.g. a tree, or has a direction of its own.

    Attributes:
        x: world position of its foot, m.
        y: the same.
        width_m: width of the sheet.
        height_m: height of the sheet.
        sheet: the texture.
        label: class.
        base_m: height of the lower edge above the ground.
        gain: brightness factor.
        mirrored: show the texture mirrored left to right.
        yaw: where the sheet's right edge points, rad in the ground plane; None: faces the camera.
    """

    x: float
    y: float
    width_m: float
    height_m: float
    sheet: Sheet
    label: int
    base_m: float = 0.0
    gain: float = 1.0
    mirrored: bool = False
    yaw: float | None = None


class UprightArray:
    """Uprights as arrays, turned to a camera all at once."""

    def __init__(self, uprights: list[Upright]) -> None:
        count = len(uprights)
        self.place = np.array([(u.x, u.y) for u in uprights]).reshape(count, 2)
        self.low = np.array([u.base_m for u in uprights], np.float64)
        self.high = np.array([u.height_m for u in uprights], np.float64)
        self.wide = np.array([-u.width_m if u.mirrored else u.width_m for u in uprights])
        yaws = np.array([np.nan if u.yaw is None else u.yaw for u in uprights], np.float64)
        self._fixed = np.isfinite(yaws)[:, None]
        self._right = np.column_stack([np.cos(yaws), np.sin(yaws)])
        kinds = [Kind.SOLID if u.sheet.mask is None else Kind.LACY for u in uprights]
        windows = [(0.0, 0.0, u.sheet.width, u.sheet.height) for u in uprights]
        self._rest = FaceArray(
            np.zeros((count, 3, 3)),
            np.broadcast_to(UNIT_SQUARE, (count, MAX_CORNERS, 2)),
            np.array(windows, np.float64).reshape(count, 4),
            np.array([u.gain for u in uprights], np.float64),
            np.array([u.label for u in uprights], np.uint8),
            np.array(kinds, np.uint8),
            [u.sheet for u in uprights],
        )

    def right(self, eye: Vector) -> Vector:
        """Directions (N, 2) of the sheets' right edges, seen from `eye` (3,)."""
        toward = eye[:2] - self.place
        toward = toward / np.maximum(np.hypot(toward[:, 0], toward[:, 1]), 1e-6)[:, None]
        facing = np.column_stack([-toward[:, 1], toward[:, 0]])
        return np.where(self._fixed, self._right, facing)

    def facing(self, eye: Vector) -> FaceArray:
        """Turn all around the vertical so that they face `eye` (3,)."""
        right = self.right(eye) * self.wide[:, None]
        frames = np.zeros((len(self.place), 3, 3))
        frames[:, :2, 0] = right
        frames[:, 2, 1] = -self.high
        frames[:, :2, 2] = self.place - right / 2
        frames[:, 2, 2] = self.low + self.high
        r = self._rest
        return FaceArray(frames, r.polygons, r.windows, r.gains, r.labels, r.kinds, r.sheets)
