"""Input that must not hurt: cameras, depth, transforms and clocks that are wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from costmap_street import CLASSES, tell
from scipy.spatial.transform import Rotation

from dcfm_ros.costmap import CostmapBuilder, CostmapSettings
from dcfm_ros.costmap.depth import depth_in_mm
from dcfm_ros.costmap.pose_watch import PoseWatch
from dcfm_ros.errors import CostmapError, GeometryError
from dcfm_ros.geometry import Camera, Matrix, TransformBuffer, camera_from_info

SECOND = 1_000_000_000
TENTH = SECOND // 10
ROAD, SKY = (CLASSES.names.index(name) for name in ("road", "sky"))
CAMERA = Camera(160, 120, 120.0, 120.0, 79.5, 59.5)
LABELS = np.full((120, 160), ROAD, np.uint8)
OPTICAL = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])  # x forward, y left, z up


def pose(x: float = 0.0, y: float = 0.0, yaw_deg: float = 0.0) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", yaw_deg, degrees=True).as_matrix()
    matrix[:2, 3] = x, y
    return matrix


def mount(pitch_deg: float = 20.0, roll_deg: float = 0.0, height_m: float = 1.0) -> Matrix:
    """base_link from the optical frame; the roll is about the optical axis."""
    matrix = np.eye(4)
    pitch = Rotation.from_euler("y", pitch_deg, degrees=True).as_matrix()
    matrix[:3, :3] = pitch @ OPTICAL @ Rotation.from_euler("z", roll_deg, degrees=True).as_matrix()
    matrix[2, 3] = height_m
    return matrix


class Robot:
    """A builder with one camera and a pose that is told."""

    def __init__(self, camera_mount: Matrix | None = None) -> None:
        self.buffer = TransformBuffer()
        given = mount() if camera_mount is None else camera_mount
        tell(self.buffer, "base_link", "camera", given, 0, static=True)
        self.builder = CostmapBuilder(CostmapSettings(), CLASSES, self.buffer)

    def look(self, stamp_ns: int, at: Matrix | None = None, **more: object) -> int:
        """Add a frame of road; the number of known cells afterwards."""
        tell(self.buffer, "odom", "base_link", pose() if at is None else at, stamp_ns)
        self.builder.add("front", CAMERA, "camera", LABELS, None, stamp_ns, **more)
        return int((self.builder.grid(stamp_ns).class_ids != 255).sum())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": [0.0] * 9}, "focal lengths 0 and 0"),
        ({"k": [float("nan")] * 9}, "not finite"),
        ({"width": 160, "height": 90}, "for an image of 160x90 px, but the image has 160x120 px"),
    ],
)
def test_calibration_that_cannot_be_used_is_refused(changes: dict, message: str) -> None:
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    info = {
        "width": 160, "height": 120, "distortion_model": "plumb_bob", "d": [0.0] * 5,
        "k": [120.0, 0, 79.5, 0, 120.0, 59.5, 0, 0, 1], "p": [0.0] * 12,
        "binning_x": 0, "binning_y": 0, "roi": roi,
    }  # fmt: skip
    with pytest.raises(GeometryError, match=message):
        camera_from_info(SimpleNamespace(**{**info, **changes}), 160, 120)


def test_labels_and_confidence_of_other_sizes_are_refused() -> None:
    robot = Robot()
    robot.look(SECOND)
    for labels, confidence, message in (
        (LABELS[:60], None, r"shape \(60, 160\), expected uint8 of \(120, 160\)"),
        (LABELS.astype(np.int32), None, "labels of int32"),
        (LABELS, LABELS[:60], r"confidence of uint8 with shape \(60, 160\)"),
    ):
        with pytest.raises(CostmapError, match=message):
            robot.builder.add("front", CAMERA, "camera", labels, confidence, SECOND)


def test_depth_of_another_size_is_resampled_and_of_another_aspect_refused() -> None:
    depth = np.arange(1, 61 * 80 + 1, dtype=np.uint16)[: 60 * 80].reshape(60, 80)
    assert (depth_in_mm(depth, 120, 160)[::2, ::2] == depth).all()
    metres = depth.astype(np.float32) / 1e3
    metres[0, :3] = np.nan, np.inf, 70.0
    found = depth_in_mm(metres, 60, 80)
    assert found[0, :3].tolist() == [0, 0, 65535]
    assert (found[1:] == depth[1:]).all()
    robot = Robot()
    with pytest.raises(CostmapError, match="80x40 px for labels of 160x120 px, another aspect"):
        robot.look(SECOND, depth=np.zeros((40, 80), np.uint16))
    with pytest.raises(CostmapError, match=r"depth image of uint8 with shape \(120, 160\)"):
        robot.look(SECOND, depth=LABELS)
    assert (robot.builder.grid(SECOND).class_ids == 255).all()


def test_depth_in_the_wrong_unit_is_said_once() -> None:
    """Millimetres as 32FC1: a thousand times too far."""
    robot = Robot()
    v, u = np.mgrid[0:120, 0:160]
    rays = np.stack([(u - 79.5) / 120, (v - 59.5) / 120, np.ones_like(u)], -1) @ mount()[:3, :3].T
    with np.errstate(divide="ignore"):
        metres = np.where(rays[..., 2] < 0, 1.0 / -rays[..., 2], 0).astype(np.float32)
    assert robot.look(SECOND, depth=metres) > 100
    assert not robot.builder.warnings
    for tick in range(40):
        robot.look(2 * SECOND + tick * TENTH, depth=metres * np.float32(5))
    (warning,) = robot.builder.warnings
    assert (
        "camera 'front': the depth of ground pixels is 5 times what the camera's mount" in warning
    )


def test_a_camera_above_the_horizon_adds_nothing_and_says_so() -> None:
    robot = Robot(mount(pitch_deg=-60.0))
    assert robot.look(SECOND) == 0
    (warning,) = robot.builder.warnings
    assert "camera 'front' sees no ground between 0.3 and 12 m" in warning
    robot.look(2 * SECOND)
    assert len(robot.builder.warnings) == 1


def test_a_camera_upside_down_sees_the_same() -> None:
    """Labels turned by 180 degrees, mounted turned by 180 degrees."""
    upper = LABELS.copy()
    upper[:, 90:] = SKY
    grids = []
    for roll_deg, labels in ((0.0, upper), (180.0, upper[::-1, ::-1].copy())):
        robot = Robot(mount(roll_deg=roll_deg))
        tell(robot.buffer, "odom", "base_link", pose(), SECOND)
        robot.builder.add("front", CAMERA, "camera", labels, None, SECOND)
        grids.append(robot.builder.grid(SECOND).class_ids)
    assert (grids[0] == ROAD).sum() > 500
    assert (grids[0] != grids[1]).mean() < 1e-3


def test_a_camera_below_the_ground_is_refused() -> None:
    with pytest.raises(CostmapError, match=r"-0\.500 m above the ground plane"):
        Robot(mount(height_m=-0.5)).look(SECOND)


def test_odometry_that_is_reset_clears_the_grid() -> None:
    robot = Robot()
    known = 0
    for tick in range(10):
        known = robot.look(SECOND + tick * TENTH, pose(x=50 + 0.1 * tick))
    assert not robot.builder.warnings
    after = robot.look(SECOND + 11 * TENTH, pose())
    (warning,) = robot.builder.warnings
    assert "costmap cleared: the pose jumped by 50.90 m" in warning
    assert "'base_link' in 'odom'" in warning
    assert 0 < after <= known
    assert robot.look(SECOND + 12 * TENTH, pose()) >= after
    assert len(robot.builder.warnings) == 1


def test_a_clock_that_is_set_back_clears_the_grid() -> None:
    robot = Robot()
    robot.look(100 * SECOND)
    for tick in range(3):  # the buffer needs two old samples to believe it
        tell_old(robot.buffer, SECOND + tick)
    assert robot.buffer.jumps == 1
    robot.look(2 * SECOND)
    (warning,) = robot.builder.warnings
    assert "costmap cleared: stamps went back by 98.0 s" in warning


def tell_old(buffer: TransformBuffer, stamp_ns: int) -> None:
    """Feed a transform that the buffer may complain about."""
    try:
        tell(buffer, "odom", "base_link", pose(), stamp_ns)
    except AssertionError:
        return


@pytest.mark.parametrize(
    "step", [pose(x=3.0), pose(yaw_deg=10.0), pose(x=0.3, yaw_deg=4.0)], ids=["fast", "spin", "arc"]
)
def test_steady_motion_is_no_jump(step: Matrix) -> None:
    """Steps at 10 Hz: 30 m/s, 100 degrees/s, and both."""
    watch, at = PoseWatch(), pose()
    for tick in range(20):
        assert not watch.check(at, tick * TENTH)
        at = at @ step


def test_jumps_are_told_from_motion() -> None:
    watch = PoseWatch()
    for tick in range(5):
        assert not watch.check(pose(x=0.1 * tick), tick * TENTH)
    assert not watch.check(pose(x=0.35), 4 * TENTH - 1)  # another camera, a little earlier
    assert "jumped by 2.00 m and 0 degrees" in watch.check(pose(x=2.4), 5 * TENTH)
    assert not watch.check(pose(x=2.4), 6 * TENTH)
    assert "90 degrees" in watch.check(pose(x=2.4, yaw_deg=90.0), 7 * TENTH)
    assert not watch.check(pose(x=2.4, yaw_deg=90.0), 8 * TENTH)
    assert "went back" in watch.check(pose(x=2.4, yaw_deg=90.0), 8 * TENTH - 3 * SECOND)
    watch.reset()
    assert not watch.check(pose(x=99.0), SECOND)


def test_a_mount_that_moves_at_every_image_is_said() -> None:
    robot = Robot()
    for tick in range(25):
        shaken = mount(pitch_deg=20 + 0.1 * (tick % 2))
        tell(robot.buffer, "base_link", "camera", shaken, 0, static=True)
        robot.look(SECOND + tick * TENTH)
    (warning,) = robot.builder.warnings
    assert "camera 'front' moves against the ground frame at every image" in warning
