"""The rasteriser: faces to colour, label and depth with an exact depth test.

Everything is sampled on a grid twice as dense as the image, whose even samples are the image's
pixel centres. Label and depth are read at those centres; colour is low-pass filtered around them.
Between projected corners depth follows the plane equation: 1/z is affine in pixel coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from dcfm_ros.synthetic.faces import Face, FaceArray, Kind, Label, Vector
from dcfm_ros.synthetic.noise import Bytes, Floats

Mask = npt.NDArray[np.bool_]

NEAR_M = 0.05
_GRID = 2


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


@dataclass(eq=False)
class Raster:
    """What was drawn, on the dense grid.

    Attributes:
        rgb: (2H-1, 2W-1, 3) uint8.
        label: (2H-1, 2W-1) uint8.
        inverse_depth: (2H-1, 2W-1) float32, 1/m, 0 for nothing or infinitely far.
        ground: (2H-1, 2W-1) uint8, 1 where the ground plane is seen.
    """

    rgb: Bytes
    label: Bytes
    inverse_depth: Floats
    ground: Bytes

    def image(self) -> Bytes:
        """(H, W, 3) uint8, low-pass filtered at the pixel centres."""
        return np.asarray(cv2.pyrDown(self.rgb), np.uint8)

    def labels(self) -> Bytes:
        """(H, W) uint8 at the pixel centres."""
        return np.ascontiguousarray(self.label[::_GRID, ::_GRID])

    def depth_m(self) -> Floats:
        """(H, W) float32 along the optical axis at the pixel centres, inf for the sky."""
        inverse = self.inverse_depth[::_GRID, ::_GRID]
        with np.errstate(divide="ignore"):
            return np.where(inverse > 0, np.float32(1.0) / inverse, np.float32(np.inf))


@dataclass(eq=False)
class _Patch:
    """The part of the grid that one face covers."""

    rows: slice
    columns: slice
    inside: Mask
    inverse_depth: Floats


def render(view: View, faces: FaceArray) -> Raster:
    """Draw all faces: solid ones near to far, then decals, then lacy ones far to near."""
    height, width = _GRID * view.height - 1, _GRID * view.width - 1
    raster = Raster(
        np.zeros((height, width, 3), np.uint8),
        np.full((height, width), Label.UNLABELLED, np.uint8),
        np.zeros((height, width), np.float32),
        np.zeros((height, width), np.uint8),
    )
    scene = _Scene(view, faces)
    order = scene.visible_near_to_far()
    kinds = [faces.faces[i].kind for i in order]
    for i, kind in zip(order, kinds, strict=True):
        if kind in (Kind.SOLID, Kind.GROUND):
            _draw_solid(raster, scene, i)
    for i, kind in zip(order, kinds, strict=True):
        if kind == Kind.SKY:
            _draw_solid(raster, scene, i)
    for i, kind in zip(order[::-1], kinds[::-1], strict=True):
        if kind == Kind.DECAL:
            _draw_decal(raster, scene, i)
    for i, kind in zip(order[::-1], kinds[::-1], strict=True):
        if kind == Kind.LACY:
            _draw_lacy(raster, scene, i)
    return raster


class _Scene:
    """All faces in camera coordinates, with their plane equations and texture homographies."""

    def __init__(self, view: View, array: FaceArray) -> None:
        self.faces = array.faces
        self.height, self.width = _GRID * view.height - 1, _GRID * view.width - 1
        rotation, shift = view.camera_from_world[:3, :3], view.camera_from_world[:3, 3]
        self.k = np.diag([_GRID, _GRID, 1.0]) @ view.k
        self.corners = array.corners @ rotation.T + shift  # (N, 6, 3)
        frames = np.einsum("ij,njk->nik", rotation, array.frames)
        frames[:, :, 2] += shift
        determinant = np.linalg.det(frames)
        self.usable = np.abs(determinant) > 1e-9
        frames[~self.usable] = np.eye(3)
        # rows map a grid sample (u, v, 1) to (s/z, t/z, 1/z): the last one is the plane equation
        self.planes = np.linalg.inv(frames) @ np.linalg.inv(self.k)

    def visible_near_to_far(self) -> list[int]:
        """Indices of the faces that may touch the image, nearest corner first."""
        z = self.corners[..., 2]
        ahead = self.usable & (z.max(axis=1) > NEAR_M)
        clipped = z.min(axis=1) <= NEAR_M
        safe = np.where(z > NEAR_M, z, 1.0)
        u = self.k[0, 0] * self.corners[..., 0] / safe + self.k[0, 2]
        v = self.k[1, 1] * self.corners[..., 1] / safe + self.k[1, 2]
        self.projected = np.stack([u, v], axis=-1)
        outside = (u.max(axis=1) < 0) | (u.min(axis=1) > self.width - 1)
        outside |= (v.max(axis=1) < 0) | (v.min(axis=1) > self.height - 1)
        self.clipped = clipped
        keep = np.flatnonzero(ahead & (clipped | ~outside))
        distance = np.linalg.norm(self.corners[keep], axis=2).min(axis=1)
        return [int(i) for i in keep[np.argsort(distance, kind="stable")]]

    def outline(self, i: int) -> Vector | None:
        """Projected corners of face i, cut at the near plane; None when nothing is left."""
        if not self.clipped[i]:
            return np.asarray(self.projected[i], np.float64)
        points = _clip_near(self.corners[i])
        if len(points) < 3:
            return None
        uv = points @ self.k.T
        return np.asarray(uv[:, :2] / uv[:, 2:], np.float64)

    def patch(self, i: int, raster: Raster) -> _Patch | None:
        """The samples inside face i that lie in front of what was drawn, or None."""
        outline = self.outline(i)
        if outline is None:
            return None
        low, high = outline.min(axis=0), outline.max(axis=0)
        top, bottom = max(0, int(np.ceil(low[1]))), min(self.height - 1, int(np.floor(high[1])))
        left, right = max(0, int(np.ceil(low[0]))), min(self.width - 1, int(np.floor(high[0])))
        if top > bottom or left > right:
            return None
        rows, columns = slice(top, bottom + 1), slice(left, right + 1)
        v = np.arange(top, bottom + 1, dtype=np.float64)
        u = np.arange(left, right + 1, dtype=np.float64)
        first, last = _spans(outline, v)
        u32 = u.astype(np.float32)
        inside = (u32 >= first[:, None]) & (u32 < last[:, None])
        a, b, c = self.planes[i, 2]
        inverse = (a * u).astype(np.float32) + (b * v + c).astype(np.float32)[:, None]
        if self.faces[i].kind == Kind.SKY:
            inverse *= np.float32(1e-12)
        inside &= inverse > raster.inverse_depth[rows, columns]
        return _Patch(rows, columns, inside, inverse)

    def texture(self, i: int, patch: _Patch) -> tuple[Bytes, Bytes | None, Bytes | None]:
        """Sample face i's sheet over a patch: rgb, alpha and mask."""
        face = self.faces[i]
        sheet = face.sheet
        left, top, wide, high = face.window or (0.0, 0.0, sheet.width, sheet.height)
        plane = self.planes[i]
        middle = self._middle(i, patch)
        step_s, step_t = _density(plane, middle)
        rgb, alpha, mask, scale_x, scale_y = sheet.level(step_s * wide, step_t * high)
        texel_from_st = np.array(
            [
                [wide * scale_x, 0, left * scale_x - 0.5],
                [0, high * scale_y, top * scale_y - 0.5],
                [0, 0, 1],
            ]
        )
        shift = np.array([[1, 0, patch.columns.start], [0, 1, patch.rows.start], [0, 0, 1.0]])
        homography = texel_from_st @ plane @ shift
        homography /= np.abs(homography).max()
        size = (patch.columns.stop - patch.columns.start, patch.rows.stop - patch.rows.start)

        def warp(image: Bytes) -> Bytes:
            return np.asarray(
                cv2.warpPerspective(
                    image,
                    homography,
                    size,
                    flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                    borderMode=cv2.BORDER_REPLICATE,
                ),
                np.uint8,
            )

        picture = warp(rgb)
        if face.gain != 1.0:
            picture = np.asarray(cv2.convertScaleAbs(picture, alpha=face.gain), np.uint8)
        warped_alpha = None if alpha is None else warp(alpha)
        if mask is None or mask is alpha:
            return picture, warped_alpha, warped_alpha
        return picture, warped_alpha, warp(mask)

    def _middle(self, i: int, patch: _Patch) -> Vector:
        rows = np.flatnonzero(patch.inside.any(axis=1))
        row = int(rows[len(rows) // 2])
        columns = np.flatnonzero(patch.inside[row])
        column = int(columns[len(columns) // 2])
        return np.array([patch.columns.start + column, patch.rows.start + row, 1.0])


def _draw_solid(raster: Raster, scene: _Scene, i: int) -> None:
    patch = scene.patch(i, raster)
    if patch is None or not patch.inside.any():
        return
    face = scene.faces[i]
    picture, _, mask = scene.texture(i, patch)
    inside = patch.inside
    if mask is not None:
        inside &= mask > 127
    view = (patch.rows, patch.columns)
    cv2.copyTo(picture, inside.view(np.uint8), raster.rgb[view])
    np.copyto(raster.label[view], np.uint8(face.label), where=inside)
    np.copyto(raster.ground[view], np.uint8(face.kind == Kind.GROUND), where=inside)
    depth = patch.inverse_depth if face.kind != Kind.SKY else np.float32(0)
    np.copyto(raster.inverse_depth[view], depth, where=inside)


def _draw_decal(raster: Raster, scene: _Scene, i: int) -> None:
    outline = scene.outline(i)
    if outline is None:
        return
    hidden = raster.inverse_depth
    raster.inverse_depth = np.broadcast_to(np.float32(0), hidden.shape)
    patch = scene.patch(i, raster)
    raster.inverse_depth = hidden
    if patch is None:
        return
    view = (patch.rows, patch.columns)
    patch.inside &= raster.ground[view] > 0
    if patch.inside.any():
        _blend(raster, scene, i, patch)


def _draw_lacy(raster: Raster, scene: _Scene, i: int) -> None:
    patch = scene.patch(i, raster)
    if patch is None or not patch.inside.any():
        return
    mask = _blend(raster, scene, i, patch)
    inside = patch.inside if mask is None else patch.inside & (mask > 127)
    view = (patch.rows, patch.columns)
    np.copyto(raster.label[view], np.uint8(scene.faces[i].label), where=inside)
    np.copyto(raster.inverse_depth[view], patch.inverse_depth, where=inside)
    np.copyto(raster.ground[view], np.uint8(0), where=inside)


def _blend(raster: Raster, scene: _Scene, i: int, patch: _Patch) -> Bytes | None:
    """Mix face i's colour over the raster inside the patch; returns the sampled mask."""
    picture, alpha, mask = scene.texture(i, patch)
    target = raster.rgb[patch.rows, patch.columns]
    if alpha is None:
        cv2.copyTo(picture, patch.inside.view(np.uint8), target)
        return mask
    weight = alpha * patch.inside
    front = np.float32(1 / 255) * weight
    target[...] = cv2.blendLinear(picture, target, front, np.float32(1) - front)
    return mask


def _clip_near(points: Vector) -> Vector:
    """Cut a convex polygon (N, 3) at the plane z = NEAR_M, keeping what lies beyond."""
    kept: list[Vector] = []
    for p, q in zip(points, np.roll(points, -1, axis=0), strict=True):
        if p[2] >= NEAR_M:
            kept.append(p)
        if (p[2] >= NEAR_M) != (q[2] >= NEAR_M):
            kept.append(p + (q - p) * ((NEAR_M - p[2]) / (q[2] - p[2])))
    return np.array(kept).reshape(-1, 3)


def _spans(outline: Vector, v: Vector) -> tuple[Floats, Floats]:
    """Where each row v enters and leaves a convex outline (N, 2): samples in [first, last)."""
    start, stop = outline, np.concatenate([outline[1:], outline[:1]])
    rise = stop[:, 1] - start[:, 1]
    level = np.abs(rise) < 1e-12
    t = (v[None, :] - start[:, 1:]) / np.where(level, 1.0, rise)[:, None]
    x = start[:, :1] + t * (stop[:, :1] - start[:, :1])
    crosses = (t >= 0) & (t <= 1) & ~level[:, None]
    first = np.where(crosses, x, np.inf).min(axis=0)
    last = np.where(crosses, x, -np.inf).max(axis=0)
    return first.astype(np.float32), last.astype(np.float32)


def _density(plane: Vector, sample: Vector) -> tuple[float, float]:
    """Change of (s, t) per grid sample at a sample (u, v, 1)."""
    s, t, w = plane @ sample
    ds = (plane[0, :2] * w - s * plane[2, :2]) / (w * w)
    dt = (plane[1, :2] * w - t * plane[2, :2]) / (w * w)
    return float(np.hypot(*ds)), float(np.hypot(*dt))


def project(view: View, points: Vector) -> Vector:
    """Project world points (N, 3) to (N, 3) rows (u, v, z); z in m, u, v in px."""
    camera = points @ view.camera_from_world[:3, :3].T + view.camera_from_world[:3, 3]
    uv = camera @ view.k.T
    return np.column_stack([uv[:, :2] / uv[:, 2:], camera[:, 2]])


__all__ = ["Face", "Raster", "View", "project", "render"]
