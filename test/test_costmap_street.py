"""Recall and precision of the costmap on the rendered street with perfect labels."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from costmap_street import CLASSES, KINDS, Drive, Score

from dcfm_ros.costmap import Kind
from dcfm_ros.geometry import Camera
from dcfm_ros.synthetic import Street, StreetSettings

ROAD = CLASSES.names.index("road")


def street_of(seed: int) -> Street:
    return Street(StreetSettings(seed=seed, width=640, height=480, duration_s=8.0))


def single_frames(seeds: Iterable[int], indices: Iterable[int]) -> tuple[Score, Score]:
    """Score grids of one frame each, in ground-plane mode and with depth."""
    plane, depth = Score(), Score()
    for seed in seeds:
        street = street_of(seed)
        for index in indices:
            frame = street.frame(index)
            for score in (plane, depth):
                drive = Drive(street)
                drive.add(frame, depth=score is depth)
                drive.score(score, index, frame)
    return plane, depth


def check(plane: Score, depth: Score) -> None:
    for score, ground, contacts in ((plane, 0.98, 0.95), (depth, 0.99, 0.98)):
        assert score.ground > 10_000
        assert score.contacts.total() > 100
        assert score.ground_share >= ground, str(score)
        assert score.contact_share >= contacts, str(score)
        assert score.astray.total() == 0, str(score)


def test_one_frame_shows_the_ground_and_what_stands_on_it() -> None:
    """The streets 1 to 4, one frame each."""
    check(*single_frames(range(1, 5), (10,)))


@pytest.mark.slow
def test_many_frames_show_the_ground_and_what_stands_on_it() -> None:
    check(*single_frames(range(1, 11), range(0, 50, 10)))


def test_a_drive_gathers_the_street_and_forgets_what_moved_on() -> None:
    """A second of driving: the grid remembers what left the view, in its right place."""
    street = street_of(2)
    drives = {(0.98, 0.95): Drive(street), (0.99, 0.98): Drive(street)}
    for index in (0, 3, 6, 9):
        frame = street.frame(index)
        for number, drive in enumerate(drives.values()):
            drive.add(frame, depth=number > 0)
    for (ground, contacts), drive in drives.items():
        score = Score()
        grid = drive.score(score, index, frame)
        assert not drive.builder.warnings
        assert score.ground_share >= ground, str(score)
        assert score.contact_share >= contacts, str(score)
        moving = {rule.name for rule in CLASSES.rules if rule.dynamic}
        assert not set(score.astray) - moving, str(score)  # what moved out of view may linger
        behind = (frame.world_from_base @ [-2.0, 0, 0, 1])[:2]
        column, row = ((behind - grid.origin_m) / grid.resolution_m).astype(int)
        assert grid.class_ids[row, column] == ROAD  # seen a second ago


def test_projection_agrees_with_opencv_and_the_renderer() -> None:
    """Ground points of labels and depth fall on the pixels that OpenCV projects them to."""
    street = street_of(3)
    frame = street.frame(0)
    k = frame.k
    camera = Camera(640, 480, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    drive = Drive(street)
    drive.add(frame)
    points = drive.builder.nav_points("front", frame.labels, frame.stamp_ns)
    known = np.isfinite(points[..., 0]) & (KINDS[frame.labels] == Kind.GROUND)
    assert known.sum() > 20_000
    v, u = np.nonzero(known)
    pixels = np.column_stack([u, v])
    found = cv2.projectPoints(points[known].astype(float), np.zeros(3), np.zeros(3), k, None)[0]
    np.testing.assert_allclose(found.reshape(-1, 2), pixels, atol=1e-2)
    np.testing.assert_allclose(camera.project(points[known].astype(float)), pixels, atol=1e-2)
    # the renderer knows nothing of the plane's projection, and gives the same depth
    np.testing.assert_allclose(points[known][:, 2], frame.depth_m[known], rtol=2e-3)
    truth = street.ground_truth_grid(0, on_the_ground(frame, points[known]))
    assert (truth == frame.labels[known]).mean() > 0.99


def on_the_ground(frame, points: np.ndarray) -> np.ndarray:
    """(N, 2) world x, y of points in the optical frame."""
    world_from_camera = frame.world_from_base @ frame.base_from_camera
    return (points @ world_from_camera[:3, :3].T + world_from_camera[:3, 3])[:, :2]


@pytest.mark.parametrize("model", ["plumb_bob", "rational_polynomial", "equidistant"])
def test_lenses_agree_with_opencv(model: str) -> None:
    """Every second pixel's ray, to 5 m, projects back to it through OpenCV's own functions."""
    d = {
        "plumb_bob": (-0.28, 0.07, 1e-3, -5e-4, 0.0),
        "rational_polynomial": (0.1, -0.02, 1e-4, 2e-4, 0.001, 0.25, -0.01, 0.001),
        "equidistant": (-0.02, 0.004, -0.002, 1e-4),
    }[model]
    camera = Camera(320, 240, 200.0, 198.0, 161.3, 118.7, model, d)
    v, u = (part.ravel() for part in np.mgrid[0:240:2, 0:320:2])
    pixels = np.column_stack([u, v]).astype(float)
    rays = camera.rays(pixels)
    assert np.isfinite(rays).all()
    points = 5.0 * np.column_stack([rays, np.ones(len(rays))])[:, None]
    still = np.zeros(3)
    if model == "equidistant":
        found = cv2.fisheye.projectPoints(points, still, still, camera.k, np.array(d))[0]
    else:
        found = cv2.projectPoints(points, still, still, camera.k, np.array(d))[0]
    np.testing.assert_allclose(found.reshape(-1, 2), pixels, atol=0.05)
