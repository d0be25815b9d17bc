"""Depth of one camera as another sees it, in scenes whose answer can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dcfm_ros.costmap.depth_registration import DepthRegistration, see_alike
from dcfm_ros.geometry import Camera

CAMERA = Camera(60, 40, 100.0, 100.0, 29.5, 19.5)
DOUBLE = Camera(120, 80, 200.0, 200.0, 59.5, 39.5)
BENT = Camera(60, 40, 60.0, 60.0, 29.5, 19.5, "plumb_bob", (-0.2, 0.05, 0.0, 0.0, 0.0))


def moved(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> NDArray[np.float64]:
    """Pose of the source in the target, m."""
    pose = np.eye(4)
    pose[:3, 3] = x, y, z
    return pose


def wall(millimetres: int = 2000) -> NDArray[np.uint16]:
    return np.full((40, 60), millimetres, np.uint16)


def test_the_same_camera_at_the_same_place_measures_the_same() -> None:
    depth = np.random.default_rng(0).integers(1000, 60_000, (40, 60)).astype(np.uint16)
    found = DepthRegistration(CAMERA, CAMERA).register(depth, np.eye(4))
    np.testing.assert_array_equal(found, depth)


def test_a_wall_is_shifted_by_the_parallax_of_its_distance() -> None:
    """0.1 m at 2 m and f = 100 px are 5 px; what comes into view was not seen."""
    depth = wall()
    depth[:, :10] = 2003
    found = DepthRegistration(CAMERA, CAMERA).register(depth, moved(x=0.1))
    assert (found[:, :5] == 0).all()
    assert (found[:, 5:15] == 2003).all()
    assert (found[:, 15:] == 2000).all()


def test_what_is_nearer_hides_what_is_behind() -> None:
    """Two px of a post at 1 m move by 10 px, the wall at 2 m by 5."""
    depth = wall()
    depth[:, 20:22] = 1000
    found = DepthRegistration(CAMERA, CAMERA).register(depth, moved(x=0.1))
    assert (found[:, 30:32] == 1000).all()
    assert (found[:, 5:25] == 2000).all()
    assert (found[:, 25:27] == 2000).all(), "a gap of 2 px takes the farther side"
    assert (found[:, 32:] == 2000).all()


def test_what_the_depth_camera_did_not_see_stays_unknown() -> None:
    depth = wall()
    depth[:, 20:24] = 1000
    found = DepthRegistration(CAMERA, CAMERA).register(depth, moved(x=0.1))
    assert (found[:, 25:29] == 0).all(), "4 px behind the post"
    assert (found[:, 30:34] == 1000).all()


def test_a_step_back_is_added_to_the_depth() -> None:
    """The wall at 2 m is 2.5 m from the other camera: 4/5 of the size, in the middle."""
    found = DepthRegistration(CAMERA, CAMERA).register(wall(), moved(z=0.5))
    assert (found[4:36, 6:54] == 2500).all()
    assert (found[:4] == 0).all()
    assert (found[:, :6] == 0).all()


def test_a_larger_image_has_no_gaps_and_each_pixel_covers_what_it_saw() -> None:
    depth = np.random.default_rng(0).integers(1000, 60_000, (40, 60)).astype(np.uint16)
    found = DepthRegistration(CAMERA, DOUBLE).register(depth, np.eye(4))
    np.testing.assert_array_equal(found, depth.repeat(2, axis=0).repeat(2, axis=1))


def test_a_smaller_image_shows_the_nearest() -> None:
    depth = np.full((80, 120), 3000, np.uint16)
    depth[41, 61] = 1500
    found = DepthRegistration(DOUBLE, CAMERA).register(depth, np.eye(4))
    assert found[20, 30] == 1500
    found[20, 30] = 3000
    assert (found == 3000).all()


def test_a_wider_lens_gives_its_middle() -> None:
    wide = Camera(60, 40, 50.0, 50.0, 29.5, 19.5)
    depth = wall()
    depth[:, 30:] = 3000
    found = DepthRegistration(wide, CAMERA).register(depth, np.eye(4))
    assert (found[:, :30] == 2000).all()
    assert (found[:, 30:] == 3000).all()
    narrow = DepthRegistration(CAMERA, wide).register(depth, np.eye(4))
    assert (narrow[10:30, 15:45] > 0).all()
    assert (narrow[:9] == 0).all()
    assert (narrow[:, :14] == 0).all()


@pytest.mark.parametrize(("source", "target"), [(CAMERA, BENT), (BENT, CAMERA), (BENT, BENT)])
def test_lenses_are_taken_into_account(source: Camera, target: Camera) -> None:
    """A post of a few px stands where the target's own lens model shows it."""
    depth = wall()
    u, v = 7, 31
    depth[v - 1 : v + 2, u - 1 : u + 2] = 1000
    found = DepthRegistration(source, target).register(depth, np.eye(4))
    (ray,) = source.rays(np.array([[u, v]], float))
    ((x, y),) = target.project(np.array([[*ray, 1.0]]))
    if 0 <= x < target.width and 0 <= y < target.height:
        rows, columns = np.nonzero(found == 1000)
        assert abs(columns.mean() - x) < 0.8
        assert abs(rows.mean() - y) < 0.8
    inside = found[12:28, 18:42]
    assert (inside > 0).all()


def test_nothing_seen_or_all_behind_the_camera_is_all_unknown() -> None:
    registration = DepthRegistration(CAMERA, CAMERA)
    assert not registration.register(np.zeros((40, 60), np.uint16), np.eye(4)).any()
    assert not registration.register(np.full((40, 60), 65535, np.uint16), np.eye(4)).any()
    assert not registration.register(wall(), moved(z=-3.0)).any()


def test_cameras_see_alike_whatever_their_size() -> None:
    assert see_alike(CAMERA, DOUBLE)
    assert see_alike(BENT, BENT)
    assert not see_alike(CAMERA, replace(DOUBLE, fx=150.0))
    assert not see_alike(CAMERA, replace(CAMERA, cx=32.0))
    assert not see_alike(BENT, replace(BENT, d=()))
