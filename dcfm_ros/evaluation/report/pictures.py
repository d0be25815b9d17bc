"""Frames and grids as pictures for a report: overlays, truth, mistakes, views from above."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from dcfm_ros.costmap import ClassTable, Kind
from dcfm_ros.evaluation.run.costmap_run import CostmapShot
from dcfm_ros.evaluation.run.samples import Sample
from dcfm_ros.images import Pixels, overlay, rgb_to_jpeg
from dcfm_ros.network import LabelSet

_WRONG = np.array((255, 176, 0), np.float32)  # stands out from grey for every kind of colour vision
_ALPHA = 0.6


def prediction(sample: Sample, labels: LabelSet) -> Pixels:
    """The class colours over the picture: (h, w, 3)."""
    return np.asarray(overlay(sample.rgb, sample.labels, labels.palette(), _ALPHA), np.uint8)


def ground_truth(sample: Sample, labels: LabelSet) -> Pixels | None:
    """The true classes over the picture; unlabelled pixels stay as they are."""
    if sample.truth is None:
        return None
    truth = np.where(sample.truth < len(labels.classes), sample.truth, 255).astype(np.uint8)
    return np.asarray(overlay(sample.rgb, truth, labels.palette(), _ALPHA), np.uint8)


def mistakes(sample: Sample, labels: LabelSet) -> Pixels | None:
    """Wrong pixels in orange on the picture in grey; unlabelled pixels are dark."""
    if sample.truth is None:
        return None
    known = sample.truth < len(labels.classes)
    wrong = known & (sample.truth != sample.labels)
    grey = sample.rgb.astype(np.float32).mean(axis=2, keepdims=True).repeat(3, axis=2)
    shown = 0.55 * grey + 70.0
    shown[~known] = 0.3 * grey[~known]
    shown[wrong] = 0.25 * grey[wrong] + 0.75 * _WRONG
    return np.asarray(np.clip(shown, 0, 255), np.uint8)


def jpeg_uri(rgb: Pixels, quality: int = 86) -> str:
    """(h, w, 3) as a data URI, so that a page needs no other file."""
    return "data:image/jpeg;base64," + base64.b64encode(rgb_to_jpeg(rgb, quality)).decode("ascii")


def svg_uri(svg: bytes) -> str:
    """A drawing as a data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


_UNKNOWN = (228, 230, 233)
_ROBOT, _RIM = (20, 20, 20), (255, 255, 255)
_ALPHA = 0.6
_GAP = 8
_BEHIND_SHARE = 0.3
_SHOWN_SHARE = 0.75  # of the grid: with the robot off the middle, most of what is ahead


def top_view(shot: CostmapShot, class_ids: Pixels, classes: ClassTable, height_px: int) -> Pixels:
    """Class colours of a grid from above, (height_px, height_px, 3), the robot's way up.

    Args:
        shot: where the grid and the robot are.
        class_ids: (H, W) of the grid's cells: found, or true.
        classes: with their colours.
        height_px: of the picture.
    """
    palette = np.full((256, 3), _UNKNOWN, np.uint8)
    for rule in classes.rules:
        if rule.kind != Kind.IGNORE:
            palette[rule.id] = rule.color
    grid = shot.grid
    side_m = _SHOWN_SHARE * grid.resolution_m * min(grid.class_ids.shape)
    scale = height_px / side_m
    forward, left = shot.global_from_base[:2, 0], shot.global_from_base[:2, 1]
    up = np.array([-left, -forward]) * scale  # m in the grid's frame to px
    robot = np.array([height_px / 2, height_px * (1 - _BEHIND_SHARE)])
    cell = up * grid.resolution_m
    corner = np.array(grid.origin_m) + grid.resolution_m / 2 - shot.global_from_base[:2, 3]
    affine = np.column_stack([cell, robot + up @ corner])
    view = cv2.warpAffine(
        palette[class_ids],
        affine,
        (height_px, height_px),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_UNKNOWN,
    )
    return _with_robot(np.asarray(view, np.uint8), robot, height_px)


def beside(shot: CostmapShot, classes: ClassTable) -> Pixels:
    """The overlay, the grid, and the true grid where it is known, in a row."""
    palette = np.zeros((256, 3), np.uint8)
    for rule in classes.rules:
        palette[rule.id] = rule.color
    picture = np.asarray(overlay(shot.rgb, shot.labels, palette, _ALPHA), np.uint8)
    height = picture.shape[0]
    views = [top_view(shot, shot.grid.class_ids, classes, height)]
    if shot.truth is not None:
        views.append(top_view(shot, shot.truth, classes, height))
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    parts = [picture]
    for view in views:
        parts += [gap, view]
    return np.concatenate(parts, axis=1)


def film_strip(shots: Sequence[CostmapShot], classes: ClassTable, side_px: int = 280) -> Pixels:
    """The grids of several times side by side."""
    gap = np.full((side_px, _GAP, 3), 255, np.uint8)
    parts: list[Pixels] = []
    for shot in shots:
        parts += [top_view(shot, shot.grid.class_ids, classes, side_px), gap]
    return np.concatenate(parts[:-1], axis=1)


def _with_robot(view: Pixels, at: np.ndarray, height_px: int) -> Pixels:
    size = max(4.0, 0.025 * height_px)
    outline = np.array([[0, -1.5], [1, 1], [0, 0.5], [-1, 1]]) * size + at
    points = np.rint(outline).astype(np.int32)
    drawn = np.ascontiguousarray(view)
    cv2.fillPoly(drawn, [points], _ROBOT, cv2.LINE_AA)
    cv2.polylines(drawn, [points], True, _RIM, 1, cv2.LINE_AA)
    return drawn
