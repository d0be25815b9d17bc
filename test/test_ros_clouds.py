"""Point clouds read back through the offsets that their fields give, as consumers do."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from dcfm_ros.ros.clouds import obstacle_cloud, organised_cloud

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
