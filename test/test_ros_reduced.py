"""A reduced image and its calibration: a pixel still looks where it looked."""

from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from dcfm_ros.geometry import camera_from_info
from dcfm_ros.ros.reduced import reduced_info, reduced_size

HEADER = Header(frame_id="camera_optical")


def info() -> CameraInfo:
    message = CameraInfo(width=640, height=480, distortion_model="plumb_bob")
    message.k = [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]
    message.d = [0.1, -0.02, 0.001, 0.002, 0.0]
    message.r = np.eye(3).reshape(-1)
    message.p = [480.0, 0.0, 318.0, -24.0, 0.0, 490.0, 238.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


@pytest.mark.parametrize(
    ("image", "scale", "size"),
    [((480, 640), 0.25, (120, 160)), ((361, 479), 0.5, (180, 240)), ((3, 5), 0.01, (1, 1))],
)
def test_sizes_are_rounded_and_never_empty(image, scale, size):
    assert reduced_size(*image, scale) == size


def test_the_calibration_of_the_reduced_image_sees_points_at_the_same_places():
    given, points = info(), np.array([[0.3, -0.2, 2.0], [-1.0, 0.5, 4.0]])
    full = camera_from_info(given, 640, 480)
    message = reduced_info(HEADER, given, camera_from_info(given, 160, 120), rectified=False)
    assert message.header == HEADER
    assert (message.width, message.height) == (160, 120)
    reduced = camera_from_info(message, 160, 120)
    # the centre of pixel (0, 0) of the reduced image lies 1.5 px inside the full one
    np.testing.assert_allclose(reduced.project(points), (full.project(points) - 1.5) / 4)
    flat = camera_from_info(message, 160, 120, rectified=True)
    expected = camera_from_info(given, 640, 480, rectified=True)
    np.testing.assert_allclose(flat.project(points), (expected.project(points) - 1.5) / 4)
    assert message.p[3] == pytest.approx(-24 / 4)  # the baseline of a stereo pair, in px


def test_region_and_binning_are_applied_and_gone():
    given = info()
    given.binning_x = given.binning_y = 2
    given.roi.x_offset, given.roi.y_offset = 100, 60
    given.roi.width, given.roi.height = 400, 300
    camera = camera_from_info(given, 50, 38)  # of an image of 200x150 px
    message = reduced_info(HEADER, given, camera, rectified=False)
    assert (message.binning_x, message.roi.width, message.roi.x_offset) == (0, 0, 0)
    np.testing.assert_allclose(np.array(message.k).reshape(3, 3), camera.k)
    assert camera_from_info(message, 50, 38) == camera


def test_a_rectified_image_has_no_distortion_left():
    given = info()
    camera = camera_from_info(given, 160, 120, rectified=True)
    message = reduced_info(HEADER, given, camera, rectified=True)
    assert not any(message.d)
    assert camera_from_info(message, 160, 120) == camera
    np.testing.assert_allclose(camera_from_info(message, 160, 120, rectified=True).k, camera.k)
