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

from dcfm_ros.synthetic.faces import FaceArray, Kind, Label
from dcfm_ros.synthetic.noise import Bytes, Floats, Mask
from dcfm_ros.synthetic.view import GRID, Box, Projection, View

_GROUND_BIT = 0x40
_UNLABELLED_CODE = 0x3F


@dataclass(eq=False)
class Raster:
    """What was drawn, on the dense grid.

    Attributes:
        rgba: (2H-1, 2W-1, 4) uint8, the last channel without meaning.
        code: (2H-1, 2W-1) uint8, label and whether the ground plane is seen.
        inverse_depth: (2H-1, 2W-1) float32, 1/m, 0 for nothing or infinitely far.
    """

    rgba: Bytes
    code: Bytes
    inverse_depth: Floats

    def image(self) -> Bytes:
        """(H, W, 3) uint8, low-pass filtered at the pixel centres."""
        return np.ascontiguousarray(cv2.pyrDown(self.rgba)[..., :3]).astype(np.uint8, copy=False)

    def labels(self) -> Bytes:
        """(H, W) uint8 at the pixel centres."""
        labels = self.code[::GRID, ::GRID] & np.uint8(_UNLABELLED_CODE)
        labels[labels == _UNLABELLED_CODE] = Label.UNLABELLED
        return np.asarray(labels, np.uint8)

    def depth_m(self) -> Floats:
        """(H, W) float32 along the optical axis at the pixel centres, inf for the sky."""
        inverse = self.inverse_depth[::GRID, ::GRID]
        with np.errstate(divide="ignore"):
            depth = np.where(inverse > 0, np.float32(1.0) / inverse, np.float32(np.inf))
        return np.asarray(depth, np.float32)


@dataclass(eq=False)
class _Patch:
    """The samples of one face that are to be drawn."""

    box: Box
    visible: Mask
    inverse_depth: Floats | None


def render(view: View, faces: FaceArray) -> Raster:
    """Draw all faces: solid ones near to far, what lies behind, decals, lacy ones far to near."""
    projection = Projection(view, faces)
    shape = (projection.height, projection.width)
    raster = Raster(
        np.zeros((*shape, 4), np.uint8),
        np.full(shape, _UNLABELLED_CODE, np.uint8),
        np.zeros(shape, np.float32),
    )
    painter = _Painter(raster, projection, faces)
    order = projection.order
    kinds = faces.kinds[order]
    for i in order[kinds <= Kind.GROUND].tolist():
        painter.solid(i)
    for kind in (Kind.BASE, Kind.SKY):
        for i in order[kinds == kind].tolist():
            painter.backdrop(i)
    for i in order[kinds == Kind.DECAL][::-1].tolist():
        painter.decal(i)
    for i in order[kinds == Kind.LACY][::-1].tolist():
        painter.lacy(i)
    return raster


class _Painter:
    def __init__(self, raster: Raster, projection: Projection, faces: FaceArray) -> None:
        self.raster, self.projection, self.faces = raster, projection, faces
        ground = (faces.kinds == Kind.GROUND) | (faces.kinds == Kind.BASE)
        label = np.where(faces.labels == Label.UNLABELLED, _UNLABELLED_CODE, faces.labels)
        self.codes = (label | np.where(ground, _GROUND_BIT, 0)).astype(np.uint8)

    def solid(self, i: int) -> None:
        """Draw where nearer than all before."""
        patch = self._in_front(i)
        if patch is None:
            return
        picture, alpha, _ = self._texture(i, patch)
        if alpha is not None:
            patch.visible &= alpha > 127
        self._copy(i, patch, picture)

    def backdrop(self, i: int) -> None:
        """Draw where nothing was drawn."""
        found = self.projection.outline(i)
        if found is None:
            return
        box = found.box
        empty = self.raster.inverse_depth[box.part] <= 0
        empty &= self.raster.code[box.part] == _UNLABELLED_CODE
        if not empty.any():
            return
        empty &= found.inside()
        depth = None
        if self.faces.kinds[i] == Kind.BASE:
            depth = self.projection.inverse_depth(i, box)
        patch = _tight(box, empty, depth)
        if patch is not None:
            self._copy(i, patch, self._texture(i, patch)[0])

    def decal(self, i: int) -> None:
        """Blend colour over visible ground."""
        found = self.projection.outline(i)
        if found is None:
            return
        box = found.box
        visible = found.inside()
        visible &= (self.raster.code[box.part] & _GROUND_BIT) > 0
        patch = _tight(box, visible, None)
        if patch is not None:
            self._blend(i, patch)

    def lacy(self, i: int) -> None:
        """Blend colour over what is behind; label and depth by the mask."""
        patch = self._in_front(i)
        if patch is None:
            return
        mask = self._blend(i, patch)
        if mask is not None:
            patch.visible &= mask > 127
        self._mark(i, patch)

    def _in_front(self, i: int) -> _Patch | None:
        found = self.projection.outline(i)
        if found is None:
            return None
        box = found.box
        drawn = self.raster.inverse_depth[box.part]
        if self.projection.nearest(i) <= drawn.min():
            return None
        depth = self.projection.inverse_depth(i, box)
        visible = found.inside()
        visible &= depth > drawn
        return _tight(box, visible, depth)

    def _copy(self, i: int, patch: _Patch, picture: Bytes) -> None:
        cv2.copyTo(picture, patch.visible.view(np.uint8), self.raster.rgba[patch.box.part])
        self._mark(i, patch)

    def _mark(self, i: int, patch: _Patch) -> None:
        part = patch.box.part
        np.copyto(self.raster.code[part], self.codes[i], where=patch.visible)
        if patch.inverse_depth is not None:
            np.copyto(self.raster.inverse_depth[part], patch.inverse_depth, where=patch.visible)

    def _blend(self, i: int, patch: _Patch) -> Bytes | None:
        picture, alpha, mask = self._texture(i, patch)
        part = patch.box.part
        if alpha is None:
            cv2.copyTo(picture, patch.visible.view(np.uint8), self.raster.rgba[part])
            return mask
        target = self.raster.rgba[part]
        front = (alpha * patch.visible) * np.float32(1 / 255)
        target[...] = cv2.blendLinear(picture, target, front, np.float32(1) - front)
        return mask if mask is not None else alpha

    def _texture(self, i: int, patch: _Patch) -> tuple[Bytes, Bytes | None, Bytes | None]:
        """Sample face i's sheet over a patch: rgba, opacity if any, and mask if it differs."""
        sheet, box = self.faces.sheets[i], patch.box
        plane = self.projection.planes[i]
        rgba, mask = sheet.level(*_texels_per_sample(plane, patch))
        homography = plane.copy()
        homography[0] = plane[0] * (rgba.shape[1] / sheet.width) - 0.5 * plane[2]
        homography[1] = plane[1] * (rgba.shape[0] / sheet.height) - 0.5 * plane[2]
        homography[:, 2] += homography[:, 0] * box.left + homography[:, 1] * box.top
        homography /= np.abs(homography).max()
        picture = _warp(rgba, homography, box.size)
        alpha = None if sheet.opaque else picture[..., 3].copy()
        gain = float(self.faces.gains[i])
        if gain != 1.0:
            picture = np.asarray(cv2.convertScaleAbs(picture, alpha=gain), np.uint8)
        return picture, alpha, None if mask is None else _warp(mask, homography, box.size)


def _warp(image: Bytes, homography: npt.NDArray[np.float64], size: tuple[int, int]) -> Bytes:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if image.shape[:2] == (1, 1):
        image = np.repeat(image, 2, axis=1)  # OpenCV 4.5 does not take a single pixel
    warped = cv2.warpPerspective(
        image, homography, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _tight(box: Box, visible: Mask, depth: Floats | None) -> _Patch | None:
    """Shrink a patch to its visible samples; None if there are none."""
    rows = np.asarray(visible.any(axis=1))
    top = int(rows.argmax())
    if not rows[top]:
        return None
    bottom = len(rows) - int(rows[::-1].argmax())
    columns = np.asarray(visible[top:bottom].any(axis=0))
    left = int(columns.argmax())
    right = len(columns) - int(columns[::-1].argmax())
    part = (slice(top, bottom), slice(left, right))
    smaller = Box(box.left + left, box.top + top, box.left + right, box.top + bottom)
    return _Patch(smaller, visible[part], None if depth is None else depth[part])


def _texels_per_sample(plane: npt.NDArray[np.float64], patch: _Patch) -> tuple[float, float]:
    """How many texels (x, y) one step on the grid passes over, in the middle of a patch."""
    box = patch.box
    u, v = (box.left + box.right - 1) / 2, (box.top + box.bottom - 1) / 2
    (a, b, c), (d, e, f), (g, h, j) = plane.tolist()
    x, y, w = a * u + b * v + c, d * u + e * v + f, g * u + h * v + j
    if w <= 0:  # the middle of a clipped face may lie outside it
        return 1.0, 1.0
    x, y = x / w, y / w
    step_x = ((a - x * g) ** 2 + (b - x * h) ** 2) ** 0.5 / w
    step_y = ((d - y * g) ** 2 + (e - y * h) ** 2) ** 0.5 / w
    return step_x, step_y
