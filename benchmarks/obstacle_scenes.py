"""A robot that stands in a rendered street, before which people and cars appear, leave and walk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.network import label_set
from dcfm_ros.synthetic import Street, StreetSettings, SyntheticFrame

NAMES = label_set("camvid").classes
_WALK_M_S = 1.4


@dataclass(frozen=True)
class Figure:
    """An upright rectangle that faces the camera."""

    name: str
    width_m: float
    height_m: float


FIGURES = (Figure("pedestrian", 0.5, 1.75), Figure("pedestrian", 0.3, 1.2), Figure("car", 1.8, 1.5))


def frames(seed: int, rate_hz: float, duration_s: float, walk: bool) -> Iterator[SyntheticFrame]:
    """One rendered picture with perfect labels and depth, into which figures are set.

    They come within 5 m of the robot at any time, stay for 0.8 to 2.5 s and are gone for as long.

    Args:
        seed: of the street and of who comes when.
        rate_hz: of the frames.
        duration_s: length.
        walk: they pass at 1.4 m/s; else they are there with one frame, and gone with another.
    """
    rng = np.random.default_rng(seed)
    street = StreetSettings(
        seed=seed, width=320, height=240, people=0.0, cars=0.0, focal_px=160.0, camera_height_m=1.2
    )
    empty = Street(street).frame(0)
    until_s, start_s, shown, place, way = 0.0, 0.0, None, np.zeros(2), 1
    for index in range(round(duration_s * rate_hz)):
        now_s = index / rate_hz
        while now_s >= until_s:
            start_s, until_s = until_s, until_s + rng.uniform(0.8, 2.5)
            shown = None if shown else FIGURES[rng.integers(len(FIGURES))]
            angle, range_m, way = rng.uniform(-0.5, 0.5), rng.uniform(1.8, 3.9), rng.choice([-1, 1])
            place = np.array([0.8 + range_m * np.cos(angle), range_m * np.sin(angle)])
        frame = replace(empty, stamp_ns=street.start_ns + round(index * 1e9 / rate_hz))
        if shown is None:
            yield frame
        else:
            walked_m = _WALK_M_S * way * (now_s - (start_s + until_s) / 2) if walk else 0.0
            yield with_figure(frame, shown, place + np.array([0.0, walked_m]))


def with_figure(
    frame: SyntheticFrame, figure: Figure, place_m: NDArray[np.float64]
) -> SyntheticFrame:
    """The frame with a figure that stands at (x, y) of the base frame, before what is behind it."""
    eye = frame.base_from_camera[:2, 3]
    away = (place_m - eye) / np.linalg.norm(place_m - eye)
    aside = np.array([-away[1], away[0]]) * figure.width_m / 2
    low = [[*(place_m - aside), 0, 1], [*(place_m + aside), 0, 1]]
    high = [[x, y, figure.height_m, 1] for x, y, *_ in reversed(low)]
    in_camera = (np.linalg.inv(frame.base_from_camera) @ np.array(low + high).T)[:3]
    pixels = (frame.k @ in_camera / in_camera[2])[:2].T
    drawn = np.zeros(frame.labels.shape, np.uint8)
    cv2.fillConvexPoly(drawn, np.rint(pixels * 16).astype(np.int32), 1, shift=4)
    depth_m = float(in_camera[2].mean())
    visible = (drawn > 0) & ~(frame.depth_m < depth_m)
    labels, depths = frame.labels.copy(), frame.depth_m.copy()
    labels[visible], depths[visible] = NAMES.index(figure.name), depth_m
    return replace(frame, labels=labels, depth_m=depths)
