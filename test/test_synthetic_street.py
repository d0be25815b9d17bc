"""A whole street: its truths agree with each other, and a seed says all."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

from dcfm_ros.errors import SettingsError
from dcfm_ros.synthetic import Street, StreetSettings, SyntheticFrame
from dcfm_ros.synthetic.faces import Label

SMALL = StreetSettings(seed=3, width=240, height=180, duration_s=1.0)
GROUND = (Label.ROAD, Label.PAVEMENT)


def with_seed(seed: int, **changes: object) -> StreetSettings:
    """Small frames of another street."""
    return dataclasses.replace(SMALL, seed=seed, **changes)  # type: ignore[arg-type]


def world_points(frame: SyntheticFrame) -> np.ndarray:
    """Back-project every pixel by its depth: (H, W, 3) world; not finite where depth is not."""
    v, u = np.mgrid[: frame.labels.shape[0], : frame.labels.shape[1]]
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(frame.k).T
    world_from_camera = frame.world_from_base @ frame.base_from_camera
    points = rays * np.where(np.isfinite(frame.depth_m), frame.depth_m, np.nan)[..., None]
    return np.asarray(points @ world_from_camera[:3, :3].T + world_from_camera[:3, 3])


def digest(frame: SyntheticFrame) -> str:
    """One hash of everything in a frame."""
    parts = (frame.rgb, frame.labels, frame.depth_m, frame.world_from_base, frame.base_from_camera)
    return hashlib.sha256(b"".join(part.tobytes() for part in (*parts, frame.k))).hexdigest()


def test_frames_have_the_shapes_and_types_of_their_settings() -> None:
    frames = list(Street(with_seed(3, duration_s=0.3)).frames())
    assert len(frames) == 3
    for frame in frames:
        assert frame.rgb.shape == (180, 240, 3)
        assert frame.rgb.dtype == np.uint8
        assert frame.rgb.flags.c_contiguous
        assert frame.labels.shape == (180, 240)
        assert frame.labels.dtype == np.uint8
        assert frame.labels.flags.c_contiguous
        assert frame.depth_m.shape == (180, 240)
        assert frame.depth_m.dtype == np.float32
        assert set(np.unique(frame.labels)) <= {*range(11), 255}
    assert [f.stamp_ns - SMALL.start_ns for f in frames] == [0, 100_000_000, 200_000_000]


def test_the_same_seed_gives_the_same_bits_in_any_order_and_thread_count() -> None:
    forward = [digest(frame) for frame in Street(with_seed(5, duration_s=0.3)).frames()]
    street = Street(with_seed(5, duration_s=0.3))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        backward = [digest(street.frame(i)) for i in (2, 1, 0)]
    finally:
        cv2.setNumThreads(threads)
    assert backward[::-1] == forward
    assert len(set(forward)) == 3


def test_another_process_gives_the_same_bits() -> None:
    script = (
        "import hashlib; from dcfm_ros.synthetic import *; "
        "f = Street(StreetSettings(seed=5, width=240, height=180, duration_s=1.0)).frame(1); "
        "print(hashlib.sha256(f.rgb.tobytes() + f.labels.tobytes()).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()
    frame = Street(with_seed(5)).frame(1)
    expected = hashlib.sha256(frame.rgb.tobytes() + frame.labels.tobytes()).hexdigest()
    assert found == expected


def test_another_seed_gives_another_street() -> None:
    assert digest(Street(with_seed(1)).frame(0)) != digest(Street(with_seed(2)).frame(0))


def test_all_classes_occur_and_nearly_everything_is_labelled() -> None:
    counts = np.zeros(256)
    for seed in range(12):
        frame = Street(with_seed(seed)).frame(0)
        counts += np.bincount(frame.labels.ravel(), minlength=256)
    share = counts / counts.sum()
    assert (share[:11] > 0.002).all(), share[:11]
    assert share[255] < 0.01


@pytest.mark.parametrize("seed", range(4))
def test_ground_pixels_lie_on_the_ground_and_on_their_class(seed: int) -> None:
    """Depth, pose and intrinsics bring road and pavement pixels to z = 0 and the true class."""
    street = Street(with_seed(seed, swerve=0.5))
    frame = street.frame(4)
    points = world_points(frame)
    base = frame.world_from_base[:2, 3]
    near = np.hypot(*(points[..., :2] - base).transpose(2, 0, 1)) < 12
    ground = np.isin(frame.labels, GROUND) & near
    assert ground.sum() > 3000
    assert np.abs(points[ground][:, 2]).max() < 1e-4
    truth = street.ground_truth_grid(4, points[ground][:, :2])
    # a footprint is 0.1 m thick where the drawn obstacle is flat
    assert (truth == frame.labels[ground]).mean() > 0.995
    kerb = np.isin(truth, GROUND)
    assert (truth[kerb] == frame.labels[ground][kerb]).all()


@pytest.mark.parametrize("seed", range(4))
def test_cars_stand_on_their_footprints(seed: int) -> None:
    """Every car pixel below 0.3 m lies within 0.05 m of a car's footprint."""
    street = Street(with_seed(seed, cars=2.0))
    frame = street.frame(2)
    points = world_points(frame)
    low = (frame.labels == Label.CAR) & (points[..., 2] < 0.3)
    assert low.sum() > 50
    assert points[low][:, 2].min() > -1e-4
    around = np.array([[0, 0], [0.05, 0], [-0.05, 0], [0, 0.05], [0, -0.05]])
    nearby = points[low][:, None, :2] + around
    assert (street.ground_truth_grid(2, nearby) == Label.CAR).any(axis=1).all()


def visible_corners(street: Street) -> list[bool]:
    """For each visible car corner on the ground: is there a car within 2 px of its projection?"""
    frame = street.frame(0)
    camera_from_world = np.linalg.inv(frame.world_from_base @ frame.base_from_camera)
    turn = cv2.Rodrigues(camera_from_world[:3, :3])[0]
    hits = []
    for footprint in street.footprints(0):
        if footprint.label != Label.CAR:
            continue
        corners = np.column_stack([footprint.corners, np.zeros(4)])
        depth = corners @ camera_from_world[2, :3] + camera_from_world[2, 3]
        uv = cv2.projectPoints(corners, turn, camera_from_world[:3, 3], frame.k, None)[0][:, 0]
        for (u, v), z in zip(uv, depth, strict=True):
            if not (3 < z < 40 and 4 <= u < 475 and 4 <= v < 355):
                continue
            patch = (slice(round(v) - 2, round(v) + 3), slice(round(u) - 2, round(u) + 3))
            if (frame.depth_m[patch] < 0.95 * z).any():
                continue  # hidden
            hits.append(bool((frame.labels[patch] == Label.CAR).any()))
    return hits


def test_footprint_corners_project_to_where_obstacles_meet_the_ground() -> None:
    hits: list[bool] = []
    for seed in range(3):
        hits += visible_corners(
            Street(with_seed(seed, width=480, height=360, cars=2.0, people=0.0))
        )
    assert len(hits) >= 6
    assert all(hits)


def test_the_sky_alone_is_infinitely_far() -> None:
    frame = Street(with_seed(4)).frame(0)
    np.testing.assert_array_equal(np.isinf(frame.depth_m), frame.labels == Label.SKY)
    assert frame.depth_m.min() > 0


def test_the_bonnet_is_unlabelled_and_has_no_depth() -> None:
    frame = Street(with_seed(4, bonnet=True)).frame(0)
    assert frame.labels[-1, 120] == Label.UNLABELLED
    assert np.isnan(frame.depth_m[-1, 120])
    assert frame.labels[60, 120] != Label.UNLABELLED


def test_the_camera_is_mounted_as_asked() -> None:
    frame = Street(with_seed(4, focal_px=200.0, camera_height_m=1.3)).frame(0)
    np.testing.assert_allclose(frame.k, [[200, 0, 119.5], [0, 200, 89.5], [0, 0, 1]])
    assert frame.base_from_camera[2, 3] == pytest.approx(1.3)
    axes = frame.base_from_camera[:3, :3]
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert axes[0, 2] > 0.99  # z forward
    np.testing.assert_allclose(axes[:, 0], [0, -1, 0], atol=1e-12)  # x right
    assert frame.world_from_base[2, 3] == 0


def test_cut_jumps_to_another_street_half_way() -> None:
    street = Street(with_seed(6, motion="cut"))
    frames = list(street.frames())
    differences = [np.abs(a.rgb.astype(int) - b.rgb).mean() for a, b in pairwise(frames)]
    assert int(np.argmax(differences)) == 4  # between the fifth and the sixth of ten frames
    for index in (4, 5):  # pose, depth and truth are of the same side of the cut
        frame = frames[index]
        road = (frame.labels == Label.ROAD) & (frame.depth_m < 12)
        truth = street.ground_truth_grid(index, world_points(frame)[road][:, :2])
        assert (truth == Label.ROAD).mean() > 0.99


def test_nothing_moves_while_all_stand_still() -> None:
    """Stop and go begins standing; without traffic only the sensor's noise differs."""
    frames = list(Street(with_seed(8, motion="stop_and_go", cars=0.0, people=0.0)).frames())[:5]
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame.labels, frames[0].labels)
        np.testing.assert_array_equal(frame.depth_m, frames[0].depth_m)
        assert (frame.rgb != frames[0].rgb).any()


def test_no_traffic_means_no_cars_and_no_people() -> None:
    frame = Street(with_seed(2, cars=0.0, people=0.0)).frame(0)
    assert not np.isin(frame.labels, (Label.CAR, Label.PEDESTRIAN, Label.BICYCLIST)).any()


def test_a_frame_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError, match="frame 10 of a video of 10"):
        Street(SMALL).frame(10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"motion": "fly"}, "motion: found 'fly', expected one of drive"),
        ({"width": 8}, "width: found 8, expected 32 to 4096"),
        ({"rate_hz": 0.0}, "rate_hz: found 0.0"),
        ({"seed": -1}, "seed: found -1"),
    ],
)
def test_wrong_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        StreetSettings(**changes)  # type: ignore[arg-type]
