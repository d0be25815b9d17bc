"""Flat textured faces: all geometry of the street is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic.sheet import Sheet

Vector = npt.NDArray[np.float64]

UNIT_SQUARE: Vector = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
MAX_CORNERS = 6


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
    """How a face is drawn."""

    SOLID = 0
    GROUND = 1  # solid, lies in z = 0 and takes decals
    DECAL = 2  # colour only, on ground faces
    LACY = 3  # blended over what is behind, label and depth by the sheet's mask
    SKY = 4  # infinitely far


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
        polygon: (N, 2) convex corners (s, t), at most six.
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

    def corners(self) -> Vector:
        """World corners, padded to (6, 3) by repeating the last."""
        st = UNIT_SQUARE if self.polygon is None else self.polygon
        points = self.origin + st[:, :1] * self.along + st[:, 1:] * self.down
        pad = np.repeat(points[-1:], MAX_CORNERS - len(points), axis=0)
        return np.concatenate([points, pad])


class FaceArray:
    """Many faces as arrays, ready for the renderer."""

    def __init__(self, faces: list[Face]) -> None:
        self.faces = faces
        count = len(faces)
        self.corners = np.array([f.corners() for f in faces]).reshape(count, MAX_CORNERS, 3)
        # columns along, down, origin
        self.frames = np.array([np.column_stack([f.along, f.down, f.origin]) for f in faces])
        self.frames = self.frames.reshape(count, 3, 3)


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
    return Face(
        top_left,
        top_right - top_left,
        bottom_left - top_left,
        sheet,
        label,
        window,
        polygon,
        gain,
        kind,
    )


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
    return quad(
        vec(x0, max(y0, y1), 0),
        vec(x1, max(y0, y1), 0),
        vec(x0, min(y0, y1), 0),
        sheet,
        label,
        kind=kind,
        gain=gain,
        window=window,
    )


def billboard(
    position: Vector,
    camera: Vector,
    width_m: float,
    height_m: float,
    sheet: Sheet,
    label: int,
    *,
    base_m: float = 0.0,
    gain: float = 1.0,
    mirrored: bool = False,
) -> Face:
    """Make an upright rectangle at `position` that faces the camera around the vertical.

    Args:
        position: (3,) world, the foot of the middle line; its z is not used.
        camera: (3,) world position of the camera.
        width_m: width of the sheet.
        height_m: height of the sheet.
        sheet: the texture.
        label: class of the face.
        base_m: height of the lower edge above the ground.
        gain: brightness factor.
        mirrored: show the texture mirrored left to right.
    """
    toward = camera[:2] - position[:2]
    toward = toward / max(float(np.hypot(*toward)), 1e-6)
    right = vec(-toward[1], toward[0], 0) * width_m
    if mirrored:
        right = -right
    top_left = vec(position[0], position[1], base_m + height_m) - right / 2
    kind = Kind.LACY if sheet.lacy else Kind.SOLID
    return Face(top_left, right, vec(0, 0, -height_m), sheet, label, gain=gain, kind=kind)
