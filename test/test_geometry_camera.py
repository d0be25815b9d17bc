"""Camera models by hand-worked rays, and against cv2.projectPoints; CameraInfo in all its forms."""

from __future__ import annotations

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dcfm_ros.errors import GeometryError
from dcfm_ros.geometry import Camera, camera_from_info, camera_info_hints

K = [400.0, 0, 320.0, 0, 420.0, 240.0, 0, 0, 1]
PLUMB_BOB = (-0.28, 0.07, 0.0006, -0.0003, 0.01)
RATIONAL = (0.4, -0.1, 0.0004, 0.0002, 0.02, 0.7, -0.05, 0.03)
EQUIDISTANT = (0.02, -0.01, 0.004, -0.001)
LENSES = [
    ("plumb_bob", ()),
    ("plumb_bob", PLUMB_BOB),
    ("plumb_bob", PLUMB_BOB[:4]),
    ("rational_polynomial", RATIONAL),
    ("equidistant", EQUIDISTANT),
    ("equidistant", (0.0, 0.0, 0.0, 0.0)),
]


def info(width=640, height=480, k=K, model="plumb_bob", d=(), roi=(0, 0, 0, 0), binning=(0, 0)):
    """A sensor_msgs/CameraInfo, by its fields; roi is x, y, width, height."""
    region = SimpleNamespace(
        x_offset=roi[0], y_offset=roi[1], width=roi[2], height=roi[3], do_rectify=False
    )
    p = [*k[:3], 0, *k[3:6], 0, *k[6:], 0]
    return SimpleNamespace(
        width=width,
        height=height,
        distortion_model=model,
        d=list(d),
        k=k,
        p=p,
        binning_x=binning[0],
        binning_y=binning[1],
        roi=region,
    )


def test_a_pinhole_by_hand():
    """A point 1 m right and 2 m down at 4 m: a quarter and a half of the focal length."""
    camera = Camera(640, 480, 400.0, 420.0, 320.0, 240.0)
    np.testing.assert_allclose(camera.project([[1.0, 2.0, 4.0]]), [[420.0, 450.0]])
    np.testing.assert_allclose(camera.rays([[420.0, 450.0]]), [[0.25, 0.5]])


def test_a_fisheye_by_hand():
    """Without coefficients the radius is the focal length times the angle: 45 degrees."""
    camera = Camera(640, 480, 100.0, 100.0, 320.0, 240.0, "equidistant", (0.0,) * 4)
    (u, v) = camera.project([[1.0, 0.0, 1.0]])[0]
    assert u == pytest.approx(320 + 100 * math.pi / 4)
    assert v == pytest.approx(240)
    np.testing.assert_allclose(camera.rays([[u, v]]), [[1.0, 0.0]], atol=1e-9)


@pytest.mark.parametrize(("model", "d"), LENSES)
def test_pixels_come_back_through_their_rays(model, d):
    camera = Camera(640, 480, 400.0, 420.0, 320.0, 240.0, model, d)
    u, v = np.meshgrid(np.arange(0, 640, 37.0), np.arange(0, 480, 41.0))
    pixels = np.column_stack([u.ravel(), v.ravel()])
    rays = camera.rays(pixels)
    assert np.isfinite(rays).all()
    back = camera.project(np.column_stack([rays, np.ones(len(rays))]) * 7.0)
    np.testing.assert_allclose(back, pixels, atol=0.02)


@pytest.mark.parametrize(("model", "d"), LENSES[:4])
def test_opencv_projects_to_the_same_pixels(model, d):
    camera = Camera(640, 480, 400.0, 420.0, 320.0, 240.0, model, d)
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-3, 3, (50, 2)), rng.uniform(5, 9, 50)])
    still = np.zeros(3)
    expected = cv2.projectPoints(points, still, still, camera.k, np.array(d))[0][:, 0]
    np.testing.assert_allclose(camera.project(points), expected, atol=1e-9)


def test_behind_the_camera_and_beyond_the_lens_nothing_is_seen():
    """Strong barrel distortion folds back: far off the axis a pixel would be seen twice."""
    camera = Camera(640, 480, 400.0, 420.0, 320.0, 240.0, "plumb_bob", (-0.3, 0.0, 0.0, 0.0))
    pixels = camera.project([[0, 0, -1.0], [0, 0, 0], [3.0, 0, 1.0], [0.5, 0, 1.0]])
    assert np.isnan(pixels[:3]).all()
    assert np.isfinite(pixels[3]).all()
    outside = camera.rays([[320.0 + 900.0, 240.0]])
    assert np.isnan(outside).all()


def test_an_image_of_half_the_size_scales_k_about_the_pixel_areas():
    camera = camera_from_info(info(), 320, 240)
    assert (camera.fx, camera.fy) == (200.0, 210.0)
    assert (camera.cx, camera.cy) == (159.75, 119.75)
    full, half = camera_from_info(info(), 640, 480), camera
    corner = np.array([[1.0, 1.0, 5.0]])
    u, v = full.project(corner)[0]
    np.testing.assert_allclose(half.project(corner)[0], ((u - 0.5) / 2, (v - 0.5) / 2))


def test_a_region_of_interest_moves_the_principal_point():
    camera = camera_from_info(info(roi=(100, 40, 400, 300)), 400, 300)
    assert (camera.cx, camera.cy, camera.fx) == (220.0, 200.0, 400.0)


def test_binning_comes_after_the_region():
    """Pairs of columns only: the image has half the width, K half the focal length along u."""
    camera = camera_from_info(info(roi=(100, 40, 400, 300), binning=(2, 1)), 200, 300)
    assert (camera.fx, camera.fy) == (200.0, 420.0)
    assert (camera.cx, camera.cy) == (109.75, 200.0)


def test_a_rectified_image_takes_p_and_no_distortion():
    message = info(d=PLUMB_BOB)
    message.p = [300.0, 0, 310.0, 0, 0, 310.0, 230.0, 0, 0, 0, 1, 0]
    camera = camera_from_info(message, 640, 480, rectified=True)
    assert (camera.fx, camera.cx, camera.d) == (300.0, 310.0, ())


def test_info_without_a_size_is_for_the_image():
    assert camera_from_info(info(0, 0), 640, 480).cx == 320.0


@pytest.mark.parametrize("model", ["", "none", "plumb_bob", "something"])
def test_no_coefficients_are_no_distortion(model):
    assert camera_from_info(info(model=model, d=(0.0,) * 5), 640, 480).d == ()


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (info(k=[0.0] * 9), "focal lengths 0 and 0.*not calibrated"),
        (info(k=[-400.0, *K[1:]]), "focal lengths -400 and 420"),
        (info(k=[math.nan, *K[1:]]), "not finite"),
        (info(k=[0.6, 0, 0.5, 0, 0.8, 0.5, 0, 0, 1.0]), "focal length of 0.6 px for an image 640"),
        (info(d=(math.inf, 0, 0, 0, 0)), "camera_info.d has values that are not finite"),
        (info(640, 360), "for an image of 640x360 px, but the image has 640x480 px"),
        (info(binning=(2, 1)), "for an image of 320x480 px"),
        (info(roi=(500, 0, 400, 300)), "reaches beyond its 640x480 px"),
        (info(model="omni", d=(1.0,) * 4), "distortion model 'omni', expected one of plumb_bob"),
        (info(d=(0.1, 0.2)), "2 coefficients for plumb_bob, expected 4 or 5"),
        (info(model="equidistant", d=(0.1,) * 5), "5 coefficients for equidistant, expected 4"),
    ],
)
def test_an_unusable_camera_info_is_one_clear_error(message, problem):
    with pytest.raises(GeometryError, match=problem) as caught:
        camera_from_info(message, 640, 480)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "meant"),
    [
        (info(1280, 960), "about 641x481 px"),
        (info(320, 240), "about 641x481 px"),
        (info(), ""),
        (info(0, 0), ""),
        (info(k=[0.0] * 9), ""),
        (info(k=[0.6, 0, 0.5, 0, 0.8, 0.5, 0, 0, 1.0]), ""),
        (info(roi=(400, 240, 240, 240)), ""),
        (info(640, 240), ""),  # the upper half was cut off, as robots do with sky
    ],
)
def test_a_calibration_of_another_size_than_it_says_is_noticed(message, meant):
    """Alike for raw and for rectified images; what is merely cut out is not suspected."""
    for rectified in (False, True):
        hints = camera_info_hints("/camera/image", message, rectified=rectified)
        assert len(hints) == bool(meant)
        assert all(meant in hint and "let its publisher scale both" in hint for hint in hints)


def test_equal_infos_give_equal_cameras():
    assert camera_from_info(info(d=PLUMB_BOB), 640, 480) == camera_from_info(
        info(d=PLUMB_BOB), 640, 480
    )
