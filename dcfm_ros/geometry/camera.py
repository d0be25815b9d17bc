"""The camera model: rays to pixels and back, through OpenCV's lens models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

DISTORTIONS: dict[str, tuple[int, ...]] = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
}
"""Distortion models of sensor_msgs that are known, and how many coefficients each has."""

_ROUND_TRIP_PX = 0.1
_STEEPEST = 60.0  # x / z of a ray 89 degrees off the axis
_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-10)


@dataclass(frozen=True)
class Camera:
    """A calibrated camera at one image size. Equal cameras have equal tables.

    Attributes:
        width: of the image in px.
        height: of the image in px.
        fx: focal length in px along u.
        fy: the same along v.
        cx: principal point in px; the centre of the top-left pixel is (0, 0).
        cy: the same.
        model: a name in `DISTORTIONS`.
        d: its coefficients in OpenCV's order; empty for none.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    model: str = "plumb_bob"
    d: tuple[float, ...] = ()

    @property
    def k(self) -> Points:
        """(3, 3) intrinsics in px."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    def project(self, points: Points) -> Points:
        """Find the pixels that see points.

        Args:
            points: (N, 3) in the optical frame: x right, y down, z forward.

        Returns:
            (N, 2) float (u, v) in px, also outside the image; NaN where the point lies behind the
            camera or beyond the angle up to which the lens model is monotonic.
        """
        points = np.asarray(points, np.float64).reshape(-1, 3)
        pixels = np.full((len(points), 2), np.nan)
        z = points[:, 2]
        radius = np.hypot(points[:, 0], points[:, 1])
        seen = np.flatnonzero((z > 1e-9) & (radius <= self._widest * np.maximum(z, 1e-9)))
        if len(seen):
            pixels[seen] = self._project(points[seen])
        return pixels

    def rays(self, pixels: Points) -> Points:
        """Find where pixels look.

        Args:
            pixels: (N, 2) (u, v) in px.

        Returns:
            (N, 2) x / z and y / z in the optical frame; NaN where the lens model has no answer.
        """
        pixels = np.ascontiguousarray(pixels, np.float64).reshape(-1, 1, 2)
        if not self.d:
            centred = pixels[:, 0] - [self.cx, self.cy]
            return np.asarray(centred / [self.fx, self.fy], np.float64)
        if self.model == "equidistant":
            found: Any = cv2.fisheye.undistortPoints(pixels, self.k, np.array(self.d))
        elif cv2.__version__.startswith("4.5."):  # whose undistortPoints takes no criteria
            found = cv2.undistortPointsIter(  # type: ignore[attr-defined,unused-ignore]
                pixels, self.k, np.array(self.d), None, None, _CRITERIA
            )
        else:
            found = cv2.undistortPoints(pixels, self.k, np.array(self.d), criteria=_CRITERIA)
        rays = np.asarray(found, np.float64).reshape(-1, 2)
        rays[~(np.abs(rays) < _STEEPEST).all(axis=1)] = np.nan
        back = self.project(np.column_stack([rays, np.ones(len(rays))]))
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(back - pixels[:, 0]) < _ROUND_TRIP_PX).all(axis=1)
        rays[wrong] = np.nan
        return rays

    def _project(self, points: Points) -> Points:
        objects, still = points.reshape(-1, 1, 3), np.zeros(3)
        if self.model == "equidistant" and self.d:
            found: Any = cv2.fisheye.projectPoints(objects, still, still, self.k, np.array(self.d))
        else:
            found = cv2.projectPoints(objects, still, still, self.k, np.array(self.d))
        return np.asarray(found[0], np.float64).reshape(-1, 2)

    @cached_property
    def _widest(self) -> float:
        """Largest x / z at which the distorted radius still grows with the angle."""
        if not self.d:
            return _STEEPEST
        angle = np.linspace(0, np.arctan(_STEEPEST), 2000)
        radius = np.tan(angle)
        if self.model == "equidistant":
            squared = angle * angle
            k1, k2, k3, k4 = self.d
            bent = angle * (1 + squared * (k1 + squared * (k2 + squared * (k3 + squared * k4))))
        else:
            squared = radius * radius
            d = self.d + (0.0,) * (8 - len(self.d))
            upper = 1 + squared * (d[0] + squared * (d[1] + squared * d[4]))
            bent = radius * upper / (1 + squared * (d[5] + squared * (d[6] + squared * d[7])))
        falling = np.flatnonzero(~(np.diff(bent) > 0))
        return float(radius[falling[0]]) if len(falling) else _STEEPEST
