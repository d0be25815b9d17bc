"""Grids as Nav2 reads them, clouds read back by their fields, calibrations of reduced images."""

from __future__ import annotations

import sys
from array import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, PointCloud2, PointField
from std_msgs.msg import Header

from dcfm_ros.costmap import CostGrid
from dcfm_ros.geometry import camera_from_info
from dcfm_ros.msg import ClassGrid
from dcfm_ros.ros.costmap_messages import (
    class_grid,
    nav_scale,
    obstacle_cloud,
    occupancy_grid,
    organised_cloud,
    reduced_info,
    reduced_size,
)
from dcfm_ros.ros.messages import stamp_ns
from dcfm_ros.ros.settings import LiveCostmapSettings

OPTICAL = Header(frame_id="camera_optical")
COSTS = np.array([[-1, 0, 98], [100, 50, -1]], np.int8)
GRID = CostGrid(
    costs=COSTS,
    class_ids=np.array([[255, 3, 4], [8, 4, 255]], np.uint8),
    confidence=np.array([[0, 200, 1], [255, 7, 0]], np.uint8),
    origin_m=(-12.5, 3.0),
    resolution_m=0.5,
    stamp_ns=7_000_000_123,
)


def test_costs_go_out_row_by_row_from_the_corner_of_the_first_cell():
    message = occupancy_grid(GRID, "odom")
    assert (message.info.width, message.info.height, message.info.resolution) == (3, 2, 0.5)
    origin = message.info.origin
    assert (origin.position.x, origin.position.y, origin.position.z) == (-12.5, 3.0, 0.0)
    turn = origin.orientation
    assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.0, 0.0, 1.0)
    assert message.header.frame_id == "odom"
    assert stamp_ns(message.header.stamp) == stamp_ns(message.info.map_load_time) == 7_000_000_123
    assert message.data == array("b", [-1, 0, 98, 100, 50, -1])


def test_classes_have_the_geometry_and_stamp_of_the_costs():
    classes, costs = class_grid(GRID, "odom"), occupancy_grid(GRID, "odom")
    assert (classes.header, classes.info) == (costs.header, costs.info)
    assert classes.class_id == array("B", [ClassGrid.UNKNOWN, 3, 4, 8, 4, ClassGrid.UNKNOWN])
    assert classes.confidence == array("B", [0, 200, 1, 255, 7, 0])


def test_a_view_that_is_not_contiguous_is_written_in_order():
    wide = np.arange(24, dtype=np.int8).reshape(4, 6)
    grid = CostGrid(wide[::2, ::3], *(np.zeros((2, 2), np.uint8),) * 2, (0.0, 0.0), 1.0, 0)
    assert occupancy_grid(grid, "odom").data == array("b", [0, 3, 12, 15])


HEADER = Header(stamp=Time(sec=3, nanosec=5), frame_id="base_link")
TYPES = {PointField.FLOAT32: np.dtype("<f4"), PointField.UINT8: np.dtype("u1")}


def column(cloud: PointCloud2, name: str) -> np.ndarray:
    """(height, width) values of a field, by offset and steps."""
    (field,) = [field for field in cloud.fields if field.name == name]
    assert field.count == 1
    return np.ndarray(
        (cloud.height, cloud.width),
        TYPES[field.datatype],
        buffer=cloud.data,
        offset=field.offset,
        strides=(cloud.row_step, cloud.point_step),
    )


def test_obstacles_carry_class_and_confidence():
    points = np.array([[1, 2, 3], [-4, 5.5, 0]], np.float32)
    cloud = obstacle_cloud(HEADER, points, np.array([8, 9], "u1"), np.array([255, 10], "u1"))
    assert cloud.header == HEADER
    assert (cloud.height, cloud.width, cloud.point_step, cloud.row_step) == (1, 2, 16, 32)
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "class_id", "confidence"]
    assert len(cloud.data) == 32
    assert cloud.is_dense
    assert cloud.is_bigendian is (sys.byteorder == "big")
    for axis, name in enumerate("xyz"):
        np.testing.assert_array_equal(column(cloud, name)[0], points[:, axis])
    assert column(cloud, "class_id").tolist() == [[8, 9]]
    assert column(cloud, "confidence").tolist() == [[255, 10]]


def test_no_obstacle_is_an_empty_cloud():
    cloud = obstacle_cloud(HEADER, np.zeros((0, 3), "f4"), np.zeros(0, "u1"), np.zeros(0, "u1"))
    assert (cloud.height, cloud.width, len(cloud.data)) == (1, 0, 0)


@pytest.mark.parametrize("size", [(3, 5), (1, 1)])
def test_an_organised_cloud_has_a_point_for_each_pixel(size):
    points = np.arange(size[0] * size[1] * 3, dtype=np.float32).reshape(*size, 3)
    points[0, 0] = np.nan
    cloud = organised_cloud(HEADER, points)
    assert (cloud.height, cloud.width, cloud.point_step) == (*size, 12)
    assert len(cloud.data) == cloud.row_step * cloud.height == points.nbytes
    assert not cloud.is_dense
    for axis, name in enumerate("xyz"):
        np.testing.assert_array_equal(column(cloud, name), points[..., axis])


def test_other_layouts_are_brought_to_rows_of_points():
    planes = np.moveaxis(np.arange(24.0).reshape(3, 2, 4), 0, -1)  # (2, 4, 3) float64, by planes
    cloud = organised_cloud(HEADER, planes)
    np.testing.assert_array_equal(column(cloud, "y"), planes[..., 1])


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


@pytest.mark.parametrize(
    ("focal_px", "given", "scale"),
    [(400.0, 0.0, 0.6), (960.0, 0.0, 0.25), (200.0, 0.0, 1.0), (400.0, 0.25, 0.25)],
)
def test_pixels_of_the_reduced_image_are_half_a_cell_apart_at_the_farthest(focal_px, given, scale):
    """12 m / 0.05 m = 240 px per radian."""
    assert nav_scale(LiveCostmapSettings(nav_scale=given), focal_px) == pytest.approx(scale)


def cells_met(scale: float, range_m: float) -> set[tuple[int, int]]:
    """Cells of 0.1 m of flat ground that a camera of 480x360 px, 1.5 m above it, has a pixel in."""
    height, width = reduced_size(360, 480, scale)
    u, v = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    down, forward = v + 60 * scale, np.full_like(v, 400 * scale)  # looks down by 8.5 degrees
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = 1.5 * forward / down, -1.5 * u / down
    seen = (down > 0) & (np.hypot(x, y) < range_m)
    return set(zip((x[seen] // 0.1).astype(int), (y[seen] // 0.1).astype(int), strict=True))


def test_the_chosen_scale_leaves_few_stripes_near_the_robot():
    """Of the ground within 5 m a quarter of 480 px missed one cell in seven."""
    scale = nav_scale(LiveCostmapSettings(), 400.0)
    there = cells_met(4.0, 5.0)
    assert len(there - cells_met(0.25, 5.0)) > 0.1 * len(there)
    assert len(there - cells_met(scale, 5.0)) < 0.04 * len(there)


def test_the_calibration_of_the_reduced_image_sees_points_at_the_same_places():
    given, points = info(), np.array([[0.3, -0.2, 2.0], [-1.0, 0.5, 4.0]])
    full = camera_from_info(given, 640, 480)
    message = reduced_info(OPTICAL, given, camera_from_info(given, 160, 120), rectified=False)
    assert message.header == OPTICAL
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
    message = reduced_info(OPTICAL, given, camera, rectified=False)
    assert (message.binning_x, message.roi.width, message.roi.x_offset) == (0, 0, 0)
    np.testing.assert_allclose(np.array(message.k).reshape(3, 3), camera.k)
    assert camera_from_info(message, 50, 38) == camera


def test_a_rectified_image_has_no_distortion_left():
    given = info()
    camera = camera_from_info(given, 160, 120, rectified=True)
    message = reduced_info(OPTICAL, given, camera, rectified=True)
    assert not any(message.d)
    assert camera_from_info(message, 160, 120) == camera
    np.testing.assert_allclose(camera_from_info(message, 160, 120, rectified=True).k, camera.k)
