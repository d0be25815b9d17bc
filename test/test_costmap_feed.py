"""Labelled images wait for what they need, by whatever clock the caller has."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from costmap_street import tell

from dcfm_ros.costmap import (
    CostmapBuilder,
    CostmapFeed,
    CostmapSettings,
    LabelledImage,
    MapUpdate,
    ProjectionSettings,
    read_classes,
)
from dcfm_ros.costmap.timeline import Timeline
from dcfm_ros.errors import CostmapError, GeometryError, TransformError
from dcfm_ros.geometry import TransformBuffer
from dcfm_ros.resources import resource

SECOND = 1_000_000_000
TENTH = SECOND // 10
CLASSES = read_classes(resource("config/classes/camvid.yaml"))
ROAD = CLASSES.names.index("road")
DEPTH = SimpleNamespace(
    height=120, width=160, encoding="16UC1", is_bigendian=0, step=320,
    data=np.full((120, 160), 2000, np.uint16).tobytes(), header=SimpleNamespace(frame_id="camera"),
)  # fmt: skip
BASE_FROM_CAMERA = np.array(
    [[0.0, -0.34, 0.94, 0], [-1, 0, 0, 0], [0, -0.94, -0.34, 1.0], [0, 0, 0, 1]]
)


def info(**changes: Any) -> SimpleNamespace:
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    k = [120.0, 0, 79.5, 0, 120.0, 59.5, 0, 0, 1]
    values = {
        "width": 160, "height": 120, "distortion_model": "plumb_bob", "d": [0.0] * 5, "k": k,
        "p": [0.0] * 12, "binning_x": 0, "binning_y": 0, "roi": roi,
        "header": SimpleNamespace(frame_id="camera"),
    }  # fmt: skip
    return SimpleNamespace(**{**values, **changes})


@pytest.fixture
def buffer() -> TransformBuffer:
    buffer = TransformBuffer()
    tell(buffer, "base_link", "camera", BASE_FROM_CAMERA, 0, static=True)
    return buffer


def feed_for(buffer: TransformBuffer, *with_depth: str, **settings: Any) -> CostmapFeed:
    return CostmapFeed(CostmapBuilder(CostmapSettings(**settings), CLASSES, buffer), with_depth)


def image(stamp_ns: int, camera: str = "front") -> LabelledImage:
    labels = np.full((120, 160), ROAD, np.uint8)
    return LabelledImage(camera, "camera", stamp_ns, labels, None, 0.0)


def test_an_image_waits_for_its_transform(buffer: TransformBuffer) -> None:
    feed = feed_for(buffer)
    feed.camera_info("front", 0, info())
    tell(buffer, "odom", "base_link", np.eye(4), SECOND)
    feed.put(image(SECOND + TENTH), 0)
    feed.put(image(SECOND), 1)  # has its transform, but came later
    assert feed.take(TENTH) == []
    assert feed.waiting == 2
    tell(buffer, "odom", "base_link", np.eye(4), 2 * SECOND)
    updates = feed.take(TENTH)
    assert [update.image.stamp_ns for update in updates] == [SECOND + TENTH, SECOND]
    assert all(update.obstacles is not None and update.error is None for update in updates)
    assert updates[0].grid is not None
    assert (updates[0].grid.class_ids == ROAD).any()


def test_an_image_that_waited_long_enough_is_given_up_with_the_reason(
    buffer: TransformBuffer,
) -> None:
    feed = feed_for(buffer, tf_timeout_s=0.2)
    feed.camera_info("front", 0, info())
    feed.put(image(SECOND), 5 * SECOND)
    assert feed.take(5 * SECOND + TENTH) == []
    (update,) = feed.take(5 * SECOND + 2 * TENTH)
    assert isinstance(update.error, TransformError)
    assert update.error.target == "odom"
    assert (update.obstacles, update.grid) == (None, None)
    feed.put(image(SECOND), 6 * SECOND)
    assert len(feed.take(None)) == 1  # nothing more will come
    assert feed.waiting == 0


def test_an_image_waits_for_its_calibration(buffer: TransformBuffer) -> None:
    feed = feed_for(buffer)
    tell(buffer, "odom", "base_link", np.eye(4), SECOND)
    feed.put(image(SECOND), 0)
    assert feed.take(0) == []
    feed.camera_info("front", 2 * SECOND, info())
    assert feed.take(0)[0].error is None
    feed.put(image(SECOND, "rear"), 0)
    (update,) = feed.take(SECOND)
    assert isinstance(update.error, CostmapError)
    assert "no camera_info has come on the topic of camera 'rear'" in str(update.error)
    feed.camera_info("rear", SECOND, info(k=[0.0] * 9))
    feed.put(image(SECOND, "rear"), 0)
    (update,) = feed.take(0)
    assert isinstance(update.error, GeometryError)
    assert "the camera is not calibrated" in str(update.error)


def test_an_image_waits_for_its_depth(buffer: TransformBuffer) -> None:
    feed = feed_for(buffer, "front")
    feed.camera_info("front", 0, info())
    for stamp_ns in (SECOND, 3 * SECOND):
        tell(buffer, "odom", "base_link", np.eye(4), stamp_ns)
    feed.depth("front", SECOND - TENTH, DEPTH)
    feed.put(image(SECOND), 0)
    assert feed.take(0) == []
    feed.depth("front", SECOND + 500_000, DEPTH)
    (update,) = feed.take(0)
    assert update.error is None
    feed.builder.warnings.clear()  # of the depth, which is made up
    feed.put(image(2 * SECOND), 0)
    feed.depth("front", 2 * SECOND + TENTH, DEPTH)
    (update,) = feed.take(0)  # it has none: the ground plane
    assert update.error is None
    assert not feed.builder.warnings


def test_grids_come_at_their_rate_by_stamps(buffer: TransformBuffer) -> None:
    feed = feed_for(buffer, rate_hz=2.0)
    feed.camera_info("front", 0, info())
    for tick in range(60):
        tell(buffer, "odom", "base_link", np.eye(4), tick * TENTH + 1)
    due = []
    for tick in (13, 14, 15, 16, 19, 20, 31, 30, 44):
        feed.put(image(tick * TENTH), 0)
        (update,) = feed.take(0)
        if update.grid is not None:
            assert update.grid.stamp_ns == tick * TENTH
            due.append(tick)
    assert due == [13, 15, 20, 31, 44]
    feed.put(image(2 * TENTH), 0)  # the bag starts again
    assert feed.take(0)[0].grid is not None


def test_confidence_counts_unless_told_otherwise(buffer: TransformBuffer) -> None:
    tell(buffer, "odom", "base_link", np.eye(4), SECOND)
    labels, half = np.full((120, 160), ROAD, np.uint8), np.full((120, 160), 128, np.uint8)
    found = []
    for use in (True, False):
        feed = feed_for(buffer, projection=ProjectionSettings(use_confidence=use))
        feed.camera_info("front", 0, info())
        feed.put(LabelledImage("front", "camera", SECOND, labels, half, 0.0), 0)
        grid = feed.take(0)[0].grid
        assert grid is not None
        found.append(int(grid.confidence.max()))
    assert found[0] < 0.8 * found[1]


def test_a_timeline_keeps_the_newest_and_starts_anew_after_a_jump() -> None:
    times: Timeline[str] = Timeline()
    assert times.near(0, 3) is None
    for stamp in range(100, 150):
        times.add(stamp, str(stamp))
    assert times.until(140) == "140"
    assert times.until(0) == "118"
    assert times.near(152, 3) == "149"
    assert times.near(153, 3) is None
    times.add(5, "5")
    assert times.until(149) == "5"
    times.add(5, "again")
    assert times.until(5) == "again"
    times.add(6, "6")
    times.add(6 - 3 * SECOND, "long before")
    assert times.until(6) == "long before"


def test_something_nearer_may_come_until_it_is_there_or_nothing_has_come_for_long() -> None:
    times: Timeline[str] = Timeline()
    assert not times.may_come_nearer(SECOND)
    times.add(SECOND, "")
    assert not times.may_come_nearer(SECOND)
    assert not times.may_come_nearer(SECOND + 1_000_000)  # rounded
    assert times.may_come_nearer(SECOND + TENTH)
    assert not times.may_come_nearer(2 * SECOND + 1)
    assert not times.may_come_nearer(0)


def test_what_comes_regularly_is_due_and_what_is_latched_is_not() -> None:
    times: Timeline[str] = Timeline()
    times.add(SECOND, "")
    assert not times.is_due(SECOND + TENTH)
    times.add(SECOND + TENTH, "")
    assert times.is_due(SECOND + 2 * TENTH)
    assert times.is_due(SECOND + 2 * TENTH - TENTH // 3)
    assert not times.is_due(SECOND + TENTH + TENTH // 3)
    assert not times.is_due(3 * SECOND)


def ready_feed(buffer: TransformBuffer, **settings: Any) -> CostmapFeed:
    feed = feed_for(buffer, **settings)
    for camera in ("front", "rear"):
        feed.camera_info(camera, 0, info())
    tell(buffer, "odom", "base_link", np.eye(4), SECOND)
    tell(buffer, "odom", "base_link", np.eye(4), 9 * SECOND)
    return feed


def test_the_calibration_is_the_one_of_the_images_time(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    feed.camera_info("front", 3 * SECOND, info(k=[0.0] * 9))
    feed.put(image(3 * SECOND - 1), 0)
    feed.put(image(3 * SECOND), 0)
    good, bad = feed.take(0)
    assert good.error is None
    assert "the camera is not calibrated" in str(bad.error)


def test_a_calibration_that_comes_with_each_image_is_waited_for(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    feed.camera_info("front", 2 * SECOND, info())
    feed.camera_info("front", 2 * SECOND + TENTH, info())
    feed.put(image(2 * SECOND + 2 * TENTH), 0)
    assert feed.take(0) == []
    feed.camera_info("front", 2 * SECOND + 2 * TENTH, info(k=[0.0] * 9))
    assert "the camera is not calibrated" in str(feed.take(0)[0].error)


def test_the_nearest_depth_is_taken_within_half_a_period_or_what_is_set(
    buffer: TransformBuffer,
) -> None:
    feed = ready_feed(buffer)
    for number in range(4):
        feed.depth("front", 2 * SECOND + number * TENTH + 45_000_000, DEPTH)
    for number in range(1, 4):
        feed.put(image(2 * SECOND + number * TENTH), 0)
    first, second, third = (feed.next(0) for _ in range(3))
    assert first is not None
    assert first.depth is None  # until the period is known, that of 30 Hz
    assert second is not None
    assert third is not None
    assert second.depth is third.depth is DEPTH
    assert (feed.depth_matches["front"].matched, feed.depth_matches["front"].missed) == (2, 1)
    strict = ready_feed(buffer, projection=ProjectionSettings(depth_tolerance_s=0.044))
    for number in range(4):
        strict.depth("front", 2 * SECOND + number * TENTH + 45_000_000, DEPTH)
    for number in range(1, 4):
        strict.put(image(2 * SECOND + number * TENTH), 0)
    assert all(update.error is None for update in strict.take(0))
    problem = strict.depth_matches["front"].problem
    assert "the ground is taken as flat: depth comes, none matches: nearest is 45.0 ms" in problem
    assert "raise projection.depth_tolerance_s" in problem
    assert strict.depth_matches["front"].summary.startswith("3 of 3 images had no depth")


def test_depth_without_a_stamp_is_none(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    feed.expect_depth("front", True)
    feed.depth("front", 0, DEPTH)
    for number in range(3):
        feed.put(image(2 * SECOND + number), 0)
    assert feed.take(0) == []
    assert [update.error for update in feed.take(None)] == [None] * 3
    assert "no depth image with a stamp has come" in feed.depth_matches["front"].problem


def test_an_image_without_a_stamp_is_refused(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    feed.put(image(0), 0)
    (update,) = feed.take(0)
    assert "the image's stamp is zero" in str(update.error)


def test_where_too_many_wait_the_oldest_is_left_out(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    for number in range(36):
        feed.put(image(10 * SECOND + number), 0)
    assert (feed.waiting, feed.overtaken) == (32, 4)
    assert feed.take(0) == []
    assert feed.take(SECOND)[0].image.stamp_ns == 10 * SECOND + 4


def test_late_images_make_way_for_newer_ones_of_their_camera(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    sent = [
        image(2 * SECOND + number, name)
        for number, name in enumerate(("front", "rear", "front", "rear", "front"))
    ]
    for one in sent:
        feed.put(one, 0)
    assert [update.image for update in feed.take(SECOND)] == sent[3:]
    assert feed.overtaken == 3


def test_images_that_cannot_be_placed_come_out_one_by_one_to_say_why(
    buffer: TransformBuffer,
) -> None:
    feed = ready_feed(buffer)
    sent = [image(10 * SECOND + number) for number in range(3)]
    for one in sent:
        feed.put(one, 0)
    updates = feed.take(SECOND)
    assert [update.image for update in updates] == sent
    assert all(isinstance(update.error, TransformError) for update in updates)
    assert not feed.overtaken


def test_a_clock_that_is_set_back_does_not_make_an_image_wait_longer(
    buffer: TransformBuffer,
) -> None:
    feed = ready_feed(buffer, tf_timeout_s=0.2)
    feed.put(image(10 * SECOND), 100 * SECOND)
    assert feed.take(3 * SECOND) == []
    assert feed.take(3 * SECOND + TENTH) == []
    assert len(feed.take(3 * SECOND + 2 * TENTH)) == 1


def test_depth_of_another_camera_is_not_used_unless_it_is_at_the_same_place(
    buffer: TransformBuffer,
) -> None:
    def depths(**settings: Any) -> tuple[int, str]:
        feed = ready_feed(buffer, **settings)
        other = SimpleNamespace(**{**vars(DEPTH), "header": SimpleNamespace(frame_id="/depth")})
        for number in range(3):
            feed.depth("front", 2 * SECOND + number, other)
            feed.put(image(2 * SECOND + number), 0)
            assert feed.take(0)[0].error is None
        return feed.depth_matches["front"].matched, feed.depth_matches["front"].problem

    matched, problem = depths()
    assert not matched
    assert "depth comes in frame 'depth', expected 'camera', that of the image" in problem
    shifted = np.eye(4)
    shifted[0, 3] = 0.02
    tell(buffer, "camera", "depth", shifted, 0, static=True)
    assert depths()[0] == 0
    assert depths(projection=ProjectionSettings(depth_frame_any=True)) == (3, "")
    tell(buffer, "camera", "depth", np.eye(4), 0, static=True)
    assert depths() == (3, "")


PEDESTRIAN = CLASSES.names.index("pedestrian")


class Walk:
    """A robot that stands on a road at 30 Hz, before which obstacles stand where one says."""

    def __init__(self, buffer: TransformBuffer, **settings: Any) -> None:
        self.feed = ready_feed(buffer, **settings)
        self.number = 30  # at 1 s

    def see(self, *columns: int, foot: int = 80, width: int = 12) -> MapUpdate:
        """A frame with obstacles whose left edge and foot, in px, are given."""
        labels = np.full((120, 160), ROAD, np.uint8)
        for column in columns:
            labels[:foot, column : column + width] = PEDESTRIAN
        self.number += 1
        at = self.number * SECOND // 30
        self.feed.put(LabelledImage("front", "camera", at, labels, None, 0.0), 0)
        (update,) = self.feed.take(0)
        assert update.error is None
        assert update.grid is None or update.grid.stamp_ns == at
        return update

    def grids(self, *frames: Sequence[int], foot: int = 80, width: int = 12) -> list[int]:
        """How many frames after the first each grid came."""
        updates = [self.see(*columns, foot=foot, width=width) for columns in frames]
        return [number for number, update in enumerate(updates) if update.grid is not None]


def lethal_cells(update: MapUpdate) -> int:
    assert update.grid is not None
    return int((update.grid.costs == 100).sum())


def test_an_obstacle_that_appears_or_leaves_is_in_a_grid_with_the_very_frame(
    buffer: TransformBuffer,
) -> None:
    walk = Walk(buffer, rate_hz=0.05)
    assert walk.grids(*[()] * 8) == [0]
    assert lethal_cells(walk.see(70)) >= 2
    assert walk.grids(*[(70,)] * 8) == []
    assert lethal_cells(walk.see()) == 0
    assert walk.grids(*[()] * 5) == []


def test_right_after_a_regular_grid_an_obstacle_is_not_held_back(buffer: TransformBuffer) -> None:
    walk = Walk(buffer, rate_hz=2.0)
    walk.grids(*[()] * 14)
    assert walk.grids((), (70,), (70,)) == [0, 1]


def test_far_obstacles_wait_for_the_regular_grid_and_so_do_all_where_one_wants_it(
    buffer: TransformBuffer,
) -> None:
    assert Walk(buffer, rate_hz=0.05).grids((), (), (70,), (70,), ()) == [0, 2]
    assert Walk(buffer, rate_hz=0.05, prompt_range_m=1.0).grids((), (), (70,), (70,), ()) == [0]
    assert Walk(buffer, rate_hz=0.05, prompt_range_m=0.0).grids((), (), (70,), (70,), ()) == [0]


@pytest.mark.parametrize(("max_rate_hz", "every"), [(5.0, 6), (10.0, 3)])
def test_what_comes_and_goes_all_the_time_makes_grids_at_the_highest_rate(
    buffer: TransformBuffer, max_rate_hz: float, every: int
) -> None:
    walk = Walk(buffer, rate_hz=2.0, max_rate_hz=max_rate_hz)
    moving = [(10 + 8 * (number % 14),) for number in range(60)]
    assert walk.grids((), *moving) == [0, *range(1, 61, every)]


def test_a_single_cell_that_flickers_makes_no_grids(buffer: TransformBuffer) -> None:
    walk = Walk(buffer, rate_hz=0.05)
    assert lethal_cells(walk.see(76, width=4)) == 1
    flickers = [(76,) if number % 2 else () for number in range(60)]
    assert walk.grids(*flickers, width=4) == []
    goes_to_the_next = [(76,) if number % 2 else (80,) for number in range(60)]
    assert walk.grids(*goes_to_the_next, width=4) == []


def test_after_the_grid_was_cleared_the_next_image_gives_one(buffer: TransformBuffer) -> None:
    walk = Walk(buffer, rate_hz=0.05)
    assert walk.grids((70,), (70,)) == [0]
    walk.feed.clear()
    assert lethal_cells(walk.see(70)) >= 2


def depth_image(frame: str, height: int = 120, width: int = 160) -> SimpleNamespace:
    data = np.full((height, width), 2000, np.uint16).tobytes()
    changes = {"height": height, "width": width, "step": 2 * width, "data": data}
    return SimpleNamespace(**{**vars(DEPTH), **changes, "header": SimpleNamespace(frame_id=frame)})


def own_info(frame: str = "depth", **changes: Any) -> SimpleNamespace:
    return info(header=SimpleNamespace(frame_id=frame), **changes)


def by_depth(feed: CostmapFeed, depth: Any) -> tuple[str, Any]:
    """What is wrong with depth after three images, and the depth that the last was placed by."""
    for number in range(3):
        feed.depth("front", 2 * SECOND + number, depth)
        feed.put(image(2 * SECOND + number), 0)
        (update,) = feed.take(0)
        assert update.error is None
    return feed.depth_matches["front"].problem, feed.builder._frames["front"].depth_mm


def test_depth_of_another_camera_is_registered_by_its_own_calibration(
    buffer: TransformBuffer,
) -> None:
    """0.1 m to the right: 6 px at 2 m and f = 120 px."""
    feed = ready_feed(buffer)
    feed.depth_info("front", SECOND, own_info())
    problem, _ = by_depth(feed, depth_image("depth"))
    assert "depth in frame 'depth' cannot be registered to the image: no transform" in problem
    shifted = np.eye(4)
    shifted[0, 3] = 0.1
    tell(buffer, "camera", "depth", shifted, 0, static=True)
    problem, found = by_depth(feed, depth_image("depth"))
    assert not problem
    assert (found[:, :6] == 0).all()
    assert (found[:, 6:] == 2000).all()


def test_another_lens_at_the_same_place_is_noticed_by_its_own_calibration(
    buffer: TransformBuffer,
) -> None:
    """A lens of twice the focal length sees the middle only."""
    feed = ready_feed(buffer)
    feed.depth_info("front", SECOND, own_info("camera"))
    problem, found = by_depth(feed, DEPTH)
    assert not problem
    assert (found == 2000).all()
    k = [240.0, 0, 79.5, 0, 240.0, 59.5, 0, 0, 1]
    feed.depth_info("front", 2 * SECOND, own_info("camera", k=k))
    problem, found = by_depth(feed, DEPTH)
    assert not problem
    assert (found[30:90, 40:120] == 2000).all()
    assert np.count_nonzero(found) == 60 * 80
    feed.depth_info("front", 2 * SECOND, own_info("camera", k=[0.0] * 9))
    problem, found = by_depth(feed, DEPTH)
    assert "cannot be registered to the image: camera_info.k has focal lengths 0 and 0" in problem
    assert found is None


def test_depth_of_another_aspect_leaves_the_flat_ground(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    problem, found = by_depth(feed, depth_image("camera", height=80))
    assert found is None
    assert (
        "the ground is taken as flat: depth comes with 160x80 px for labels of 160x120" in problem
    )
    assert feed.depth_matches["front"].summary.startswith("3 of 3 images had no depth")


def test_a_calibration_of_another_frame_is_not_the_depths_own(buffer: TransformBuffer) -> None:
    feed = ready_feed(buffer)
    feed.depth_info("front", SECOND, own_info("elsewhere"))
    problem, _ = by_depth(feed, depth_image("depth"))
    assert "depth comes in frame 'depth', expected 'camera', that of the image" in problem


def test_the_depth_cameras_calibration_and_its_moving_mount_are_waited_for(
    buffer: TransformBuffer,
) -> None:
    feed = ready_feed(buffer)
    feed.expect_depth("front", True, with_info=True)
    feed.depth("front", 2 * SECOND, depth_image("depth"))
    feed.put(image(2 * SECOND), 0)
    tell(buffer, "camera", "depth", np.eye(4), SECOND)
    assert feed.take(0) == []
    feed.depth_info("front", 2 * SECOND, own_info())
    assert feed.take(0) == []
    tell(buffer, "camera", "depth", np.eye(4), 3 * SECOND)
    (update,) = feed.take(0)
    assert update.error is None
    assert feed.depth_matches["front"].matched == 1
