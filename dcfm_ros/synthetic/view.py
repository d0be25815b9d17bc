"""The pinhole camera, and faces seen through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic.faces import FaceArray, Kind, Vector
from dcfm_ros.synthetic.noise import Floats

NEAR_M = 0.05
GRID = 2  # samples per pixel along each axis

_COLUMNS = np.arange(GRID * 4096, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class View:
    """A pinhole camera in the world.

    Attributes:
        k: (3, 3) intrinsics in px, pixel centres at integers.
        camera_from_world: (4, 4), optical frame (x right, y down, z forward), m.
        width: of the image in px.
        height: of the image in px.
    """

    k: Vector
    camera_from_world: Vector
    width: int
    height: int

    @property
    def position(self) -> Vector:
        """(3,) camera centre in the world."""
        rotation, shift = self.camera_from_world[:3, :3], self.camera_from_world[:3, 3]
        return np.asarray(-rotation.T @ shift, np.float64)


@dataclass(frozen=True)
class Box:
    """Grid samples left <= u < right, top <= v < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def part(self) -> tuple[slice, slice]:
        """Index of the box in a grid image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.right - self.left, self.bottom - self.top


@dataclass(frozen=True, eq=False)
class Outline:
    """A convex outline on the grid: its box, and the columns where each row enters and leaves."""

    box: Box
    first: Floats
    last: Floats

    def inside(self) -> npt.NDArray[np.bool_]:
        """Samples of the box within, (rows, columns); left border in, right border out."""
        u = _COLUMNS[self.box.left : self.box.right]
        within = u >= self.first[:, None]
        within &= u < self.last[:, None]
        return within


class Projection:
    """Faces on the sampling grid: `GRID` times as dense as the image, sample 0 at pixel 0.

    Attributes:
        width: of the grid.
        height: of the grid.
        order: faces that may touch the grid, nearest first.
        planes: (N, 3, 3) rows that map a sample (u, v, 1) to (x/z, y/z, 1/z), with x, y the texel
            and z the depth; the last row is the plane equation.
    """

    def __init__(self, view: View, faces: FaceArray) -> None:
        self.width, self.height = GRID * view.width - 1, GRID * view.height - 1
        self._samples = np.arange(max(self.width, self.height), dtype=np.float64)
        self._k = np.diag([GRID, GRID, 1.0]) @ view.k
        rotation, shift = view.camera_from_world[:3, :3], view.camera_from_world[:3, 3]
        frames = rotation @ faces.frames
        frames[:, :, 2] += shift
        usable = np.abs(np.linalg.det(frames)) > 1e-9
        frames[~usable] = np.eye(3)
        st = np.concatenate([faces.polygons, np.ones((len(faces), 4, 1))], axis=2)
        self._corners = np.einsum("nij,ncj->nci", frames, st)  # (N, 4, 3)
        planes = np.linalg.inv(frames) @ np.linalg.inv(self._k)
        left, top, wide, high = (faces.windows[:, i, None] for i in range(4))
        planes[:, 0] = planes[:, 0] * wide + planes[:, 2] * left
        planes[:, 1] = planes[:, 1] * high + planes[:, 2] * top
        self.planes = planes
        self._outline(usable, faces)

    def _outline(self, usable: npt.NDArray[np.bool_], faces: FaceArray) -> None:
        z = self._corners[..., 2]
        self._clipped = z.min(axis=1) <= NEAR_M
        ahead = usable & (z.max(axis=1) > NEAR_M)
        safe = np.where(z > NEAR_M, z, 1.0)
        uv = self._corners @ self._k.T
        uv = uv[..., :2] / safe[..., None]
        low, high = uv.min(axis=1), uv.max(axis=1)
        first = np.maximum(np.ceil(np.clip(low, -1, 1e6)), 0).astype(np.int64)
        limit = [self.width, self.height]
        last = np.minimum(np.floor(np.clip(high, -1e6, 1e6)) + 1, limit).astype(np.int64)
        self._boxes = np.concatenate([first, last], axis=1)
        seen = ahead & (self._clipped | (last > first).all(axis=1))
        distance = np.linalg.norm(self._corners, axis=2).min(axis=1)
        order = np.flatnonzero(seen)
        self.order = order[np.argsort(distance[order], kind="stable")]
        self._nearest = np.where(self._clipped, np.inf, 1.0 / np.where(z > NEAR_M, z, 1.0).min(1))
        self._nearest[faces.kinds == Kind.SKY] = np.inf
        self._row_spans(_edges(uv))

    def nearest(self, i: int) -> float:
        """Largest inverse depth of face i, 1/m."""
        return float(self._nearest[i])

    def _row_spans(self, edges: Vector) -> None:
        """Find where each row of the boxes of all whole faces enters and leaves its face."""
        whole = self.order[~self._clipped[self.order]]
        tops, bottoms = self._boxes[whole, 1], self._boxes[whole, 3]
        rows = bottoms - tops
        ends = np.cumsum(rows)
        self._span_start = np.zeros(len(edges), np.int64)
        self._span_start[whole] = ends - rows
        face = np.repeat(whole, rows)
        v = np.arange(len(face)) - np.repeat(ends - rows - tops, rows)
        self._spans = _spans(edges[face].transpose(1, 2, 0), v)

    def outline(self, i: int) -> Outline | None:
        """Where face i lies on the grid; None if outside."""
        if not self._clipped[i]:
            box = Box(*self._boxes[i].tolist())
            start = int(self._span_start[i])
            stop = start + box.bottom - box.top
            return Outline(box, self._spans[0][start:stop], self._spans[1][start:stop])
        points = _clip_near(self._corners[i])
        if len(points) < 3:
            return None
        uv = points @ self._k.T
        uv = uv[:, :2] / uv[:, 2:]
        low = np.ceil(np.clip(uv.min(axis=0), 0, 1e6)).astype(int)
        high = np.floor(np.clip(uv.max(axis=0), -1, 1e6)).astype(int) + 1
        right, bottom = min(int(high[0]), self.width), min(int(high[1]), self.height)
        if low[0] >= right or low[1] >= bottom:
            return None
        box = Box(int(low[0]), int(low[1]), right, bottom)
        rows = np.arange(box.top, box.bottom)
        return Outline(box, *_spans(_edges(uv[None])[0][..., None], rows))

    def inverse_depth(self, i: int, box: Box) -> npt.NDArray[np.float32]:
        """1/z of face i's plane over a box, (rows, columns)."""
        a, b, c = self.planes[i, 2]
        u = (a * self._samples[box.left : box.right] + c).astype(np.float32)
        v = (b * self._samples[box.top : box.bottom]).astype(np.float32)
        return np.asarray(v[:, None] + u, np.float32)


def _edges(uv: Vector) -> Vector:
    """Border lines u = p + q v of convex outlines (N, C, 2).

    Returns:
        (N, 4, C): p and q of the edges with the inside to their right, then of those with the
        inside to their left; p = -inf or +inf, q = 0 for the others.
    """
    following = np.roll(uv, -1, axis=1)
    rise = following[..., 1] - uv[..., 1]
    cross = uv[..., 0] * following[..., 1] - following[..., 0] * uv[..., 1]
    clockwise = np.sign(cross.sum(axis=1))[:, None]  # in image coordinates, v down
    level = np.abs(rise) < 1e-9
    slope = (following[..., 0] - uv[..., 0]) / np.where(level, 1.0, rise)
    offset = uv[..., 0] - slope * uv[..., 1]
    left = ~level & (rise * clockwise < 0)
    right = ~level & (rise * clockwise > 0)
    return np.stack(
        [
            np.where(left, offset, -np.inf),
            np.where(left, slope, 0.0),
            np.where(right, offset, np.inf),
            np.where(right, slope, 0.0),
        ],
        axis=1,
    )


def _spans(edges: Vector, v: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Evaluate border lines (4, C, N or 1), see `_edges`, at rows (N,): first and last column."""
    first = (edges[0] + edges[1] * v).max(axis=0)
    last = (edges[2] + edges[3] * v).min(axis=0)
    return first.astype(np.float32), last.astype(np.float32)


def _clip_near(points: Vector) -> Vector:
    """Cut a convex polygon (N, 3) at the plane z = NEAR_M, keeping what lies beyond."""
    kept: list[Vector] = []
    for p, q in zip(points, np.roll(points, -1, axis=0), strict=True):
        if p[2] >= NEAR_M:
            kept.append(p)
        if (p[2] >= NEAR_M) != (q[2] >= NEAR_M):
            kept.append(p + (q - p) * ((NEAR_M - p[2]) / (q[2] - p[2])))
    return np.array(kept).reshape(-1, 3)
