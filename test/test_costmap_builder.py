"""From labelled frames to the grid: what the node and the harness rely on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from costmap_street import tell
from scipy.spatial.transform import Rotation

from dcfm_ros.costmap import (
    CostmapBuilder,
    CostmapSettings,
    Kind,
    read_classes,
    reduce_nearest,
)
from dcfm_ros.errors import CostmapError, TransformError
from dcfm_ros.geometry import Camera, Matrix, TransformBuffer
from dcfm_ros.resources import resource

SECOND = 1_000_000_000
CLASSES = read_classes(resource("config/classes/camvid.yaml"))
ROAD, PAVEMENT, CAR, SKY, BUILDING = (
    CLASSES.names.index(name) for name in ("road", "pavement", "car", "sky", "building")
)
CAMERA = Camera(160, 120, 120.0, 120.0, 79.5, 59.5)
FORWARD = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])  # x forward, y left, z up from optical


def pose(x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw_deg: float = 0.0) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", yaw_deg, degrees=True).as_matrix()
    matrix[:3, 3] = x, y, z
    return matrix


def mount(height_m: float = 1.0, pitch_deg: float = 20.0, roll_deg: float = 0.0) -> Matrix:
    """base_link from an optical frame that looks forward and down."""
    matrix = np.eye(4)
    turn = Rotation.from_euler("yx", [pitch_deg, roll_deg], degrees=True).as_matrix()
    matrix[:3, :3] = turn @ FORWARD
    matrix[2, 3] = height_m
    return matrix


def standing_robot(camera_mount: Matrix, stamp_ns: int = SECOND) -> TransformBuffer:
    buffer = TransformBuffer()
    tell(buffer, "base_link", "camera", camera_mount, stamp_ns, static=True)
    tell(buffer, "odom", "base_link", pose(), stamp_ns)
    return buffer


def builder_for(buffer: TransformBuffer) -> CostmapBuilder:
    return CostmapBuilder(CostmapSettings(), CLASSES, buffer)


def road_with_a_car(distance_m: float, mounted: Matrix) -> np.ndarray:
    """Labels of a plane of road under the sky, a car 1 m wide and high standing across it."""
    v, u = np.mgrid[0:120, 0:160]
    rays = np.stack([(u - 79.5) / 120, (v - 59.5) / 120, np.ones_like(u)], -1)
    rays = rays @ mounted[:3, :3].T
    labels = np.where(rays[..., 2] < 0, ROAD, SKY).astype(np.uint8)
    at_car = rays * (distance_m / rays[..., :1])
    height = at_car[..., 2] + mounted[2, 3]
    labels[(np.abs(at_car[..., 1]) < 0.5) & (height >= 0) & (height < 1)] = CAR
    return labels


def cell(builder: CostmapBuilder, x_m: float, y_m: float, stamp_ns: int = SECOND) -> int:
    """Class of the grid at a place in odom."""
    grid = builder.grid(stamp_ns)
    column = int(np.floor((x_m - grid.origin_m[0]) / grid.resolution_m))
    row = int(np.floor((y_m - grid.origin_m[1]) / grid.resolution_m))
    return int(grid.class_ids[row, column])


def test_a_frame_becomes_ground_and_an_obstacle_where_it_stands() -> None:
    mounted = mount()
    builder = builder_for(standing_robot(mounted))
    labels = road_with_a_car(3.0, mounted)
    points = builder.add("front", CAMERA, "camera", labels, None, SECOND)
    assert cell(builder, 2.05, 0.05) == ROAD
    assert cell(builder, 3.05, 1.55) == ROAD
    assert {cell(builder, x, 0.05) for x in (2.95, 3.05)} & {CAR}
    assert cell(builder, 3.85, 0.05) == 255  # behind it
    assert cell(builder, -2.05, 0.05) == 255  # behind the camera
    assert points.frame_id == "base_link"
    assert points.stamp_ns == SECOND
    assert points.points.dtype == np.float32
    assert points.points.shape[1] == 3
    assert set(points.class_ids) == {CAR}
    np.testing.assert_allclose(points.points[:, 0], 3.0, atol=0.06)
    assert np.abs(points.points[:, 1]).max() == pytest.approx(0.5, abs=0.05)
    assert points.points[:, 2].min() > 0
    assert points.points[:, 2].max() == pytest.approx(1.3, abs=0.2)  # a car's usual height
    assert not builder.warnings


def test_depth_places_what_the_plane_cannot() -> None:
    """The same car with depth, and a hole in it."""
    mounted = mount()
    builder = builder_for(standing_robot(mounted))
    labels = road_with_a_car(3.0, mounted)
    depth = depth_of(labels, 3.0, mounted)
    points = builder.add("front", CAMERA, "camera", labels, None, SECOND, depth=depth)
    assert cell(builder, 2.05, 0.05) == ROAD
    assert CAR in {cell(builder, x, 0.05) for x in (2.95, 3.05)}
    assert points.points[:, 2].max() == pytest.approx(1.0, abs=0.1)  # as measured
    np.testing.assert_allclose(points.points[:, 0], 3.0, atol=0.01)
    holes = np.zeros_like(depth)
    empty = builder_for(standing_robot(mounted))
    assert len(empty.add("front", CAMERA, "camera", labels, None, SECOND, depth=holes).points) == 0
    assert (empty.grid(SECOND).class_ids == 255).all()


def depth_of(labels: np.ndarray, distance_m: float, mounted: Matrix) -> np.ndarray:
    v, u = np.mgrid[0:120, 0:160]
    rays = np.stack([(u - 79.5) / 120, (v - 59.5) / 120, np.ones_like(u)], -1)
    rays = rays @ mounted[:3, :3].T
    with np.errstate(divide="ignore"):
        ground = mounted[2, 3] / -rays[..., 2]
    depth = np.where(labels == CAR, distance_m / rays[..., 0], ground)
    return np.where(labels == SKY, 0, depth).astype(np.float32)


def test_without_a_transform_nothing_changes_and_both_frames_are_named() -> None:
    builder = builder_for(standing_robot(mount()))
    labels = np.full((120, 160), ROAD, np.uint8)
    assert builder.ready("camera", SECOND)
    for frame_id, stamp_ns, message in (
        ("camera", 2 * SECOND, "from 'base_link' to 'odom' at 2.000"),
        ("other", SECOND, "from 'other' to 'base_link'"),
    ):
        assert not builder.ready(frame_id, stamp_ns)
        with pytest.raises(TransformError, match=message):
            builder.add("front", CAMERA, frame_id, labels, None, stamp_ns)
        assert (builder.grid(SECOND).class_ids == 255).all()
    builder.add("front", CAMERA, "/camera", labels, None, SECOND)
    assert (builder.grid(SECOND).class_ids == ROAD).any()


def test_tables_stay_while_camera_and_mount_do() -> None:
    buffer = standing_robot(mount())
    builder = builder_for(buffer)
    labels = np.full((120, 160), ROAD, np.uint8)
    builder.add("front", CAMERA, "camera", labels, None, SECOND)
    first = builder._cameras["front"].tables
    builder.add("front", replace(CAMERA), "camera", labels, None, SECOND)
    assert builder._cameras["front"].tables is first
    builder.add("front", replace(CAMERA, fx=121.0), "camera", labels, None, SECOND)
    assert builder._cameras["front"].tables is not first
    second = builder._cameras["front"]
    tell(buffer, "base_link", "camera", mount(pitch_deg=21.0), SECOND, static=True)
    builder.add("front", replace(CAMERA, fx=121.0), "camera", labels, None, SECOND)
    assert builder._cameras["front"] is not second
    assert builder._cameras["front"].rays is second.rays  # of the lens, which is the same


def test_several_cameras_share_one_grid() -> None:
    buffer = standing_robot(mount())
    backwards = pose(yaw_deg=180.0) @ mount()
    tell(buffer, "base_link", "rear", backwards, SECOND, static=True)
    builder = builder_for(buffer)
    road, pavement = (np.full((120, 160), value, np.uint8) for value in (ROAD, PAVEMENT))
    builder.add("front", CAMERA, "camera", road, None, SECOND)
    builder.add("rear", CAMERA, "rear", pavement, None, SECOND)
    assert cell(builder, 2.05, 0.05) == ROAD
    assert cell(builder, -2.05, 0.05) == PAVEMENT


def test_trust_falls_with_the_age_of_the_common_feature_and_with_confidence() -> None:
    labels = np.full((120, 160), ROAD, np.uint8)
    found = []
    for age_s, confidence in ((0.0, None), (1.0, None), (0.0, np.full((120, 160), 128, np.uint8))):
        builder = builder_for(standing_robot(mount()))
        builder.add("front", CAMERA, "camera", labels, confidence, SECOND, age_s)
        found.append(float(builder.grid(SECOND).confidence.mean()))
    assert found[0] > 1.3 * found[1]
    assert found[1] == pytest.approx(found[2], rel=0.02)


def test_costs_change_without_losing_the_grid() -> None:
    builder = builder_for(standing_robot(mount()))
    builder.add("front", CAMERA, "camera", np.full((120, 160), ROAD, np.uint8), None, SECOND)
    seen = builder.grid(SECOND).class_ids == ROAD
    builder.set_classes(CLASSES.with_costs(["road: 40"]))
    assert set(builder.grid(SECOND).costs[seen]) == {40}
    rules = list(CLASSES.rules)
    rules[ROAD] = replace(rules[ROAD], kind=Kind.IGNORE)
    builder.set_classes(replace(CLASSES, rules=tuple(rules)))
    assert (builder.grid(SECOND).costs == -1).all()


def test_nav_points_lie_where_the_pixels_do() -> None:
    mounted = mount()
    builder = builder_for(standing_robot(mounted))
    labels = road_with_a_car(3.0, mounted)
    builder.add("front", CAMERA, "camera", labels, None, SECOND)
    small = reduce_nearest(labels, 40, 53)
    assert small.flags.c_contiguous
    points = builder.nav_points("front", small, SECOND)
    assert points.shape == (40, 53, 3)
    assert points.dtype == np.float32
    in_base = points @ mounted[:3, :3].T + mounted[:3, 3]
    known = np.isfinite(points).all(-1)
    assert (known == np.isfinite(points).any(-1)).all()
    assert not known[small == SKY].any()
    np.testing.assert_allclose(in_base[known & (small == ROAD)][:, 2], 0.0, atol=1e-5)
    car = in_base[known & (small == CAR)]
    assert len(car) > 0.9 * (small == CAR).sum()
    np.testing.assert_allclose(car[:, 0], 3.0, atol=0.1)
    # each point projects back to the pixel that it belongs to
    pixels = CAMERA.project(points[known])
    rows, columns = np.nonzero(known)
    np.testing.assert_allclose(pixels[:, 0], np.floor((columns + 0.5) * 160 / 53), atol=1e-3)
    np.testing.assert_allclose(pixels[:, 1], np.floor((rows + 0.5) * 3), atol=1e-3)
    with pytest.raises(CostmapError, match=r"camera 'front' at 2\.000: the last .* is 1\.000"):
        builder.nav_points("front", small, 2 * SECOND)
    with pytest.raises(CostmapError, match="is none"):
        builder.nav_points("rear", small, SECOND)


def test_nav_points_with_depth_are_what_was_measured() -> None:
    mounted = mount()
    builder = builder_for(standing_robot(mounted))
    labels = road_with_a_car(3.0, mounted)
    depth = depth_of(labels, 3.0, mounted)
    builder.add("front", CAMERA, "camera", labels, None, SECOND, depth=depth)
    points = builder.nav_points("front", labels, SECOND)
    near = (depth > 0) & (depth < 65)
    np.testing.assert_allclose(points[..., 2][near], depth[near], atol=6e-4)  # kept in mm
    assert np.isnan(points[~near]).all()


@pytest.mark.parametrize(
    ("camera", "height_m", "pitch_deg", "roll_deg", "yaw_deg"),
    [
        (Camera(64, 48, 1.0, 1.0, 113.1, 24.0), 1.7, 60.5, 180.0, 36.0),
        (Camera(32, 200, 1.0, 1.0, 16.0, 100.0), 1.5, 67.5, 180.0, 337.1),
        (Camera(64, 48, 4.0, 100.0, 32.0, 24.0), 0.1, 16.3, 20.0, 253.2),
        (Camera(64, 48, 0.3, 0.3, 32.0, 24.0), 1.5, 28.4, 0.0, 338.8),
        (Camera(64, 48, 0.3, 100.0, 32.0, 24.0), 0.5, 1.3, 0.0, 60.3),
    ],
)
def test_calibrations_that_no_camera_has_do_no_harm(
    camera: Camera, height_m: float, pitch_deg: float, roll_deg: float, yaw_deg: float
) -> None:
    """So few pixels for so wide a view that one shows more ground than the rays about it tell."""
    buffer = TransformBuffer()
    mounted = mount(height_m, pitch_deg, roll_deg)
    tell(buffer, "base_link", "camera", mounted, SECOND, static=True)
    tell(buffer, "odom", "base_link", pose(-2.0, 1.0, yaw_deg=yaw_deg), SECOND)
    builder = builder_for(buffer)
    labels = np.full((camera.height, camera.width), ROAD, np.uint8)
    builder.add("front", camera, "camera", labels, None, SECOND)
    assert set(np.unique(builder.grid(SECOND).class_ids)) <= {ROAD, 255}
