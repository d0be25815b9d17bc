"""Labelled images wait for what they need, by whatever clock the caller has."""

from __future__ import annotations

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
    assert "no camera_info of camera 'rear'" in str(update.error)
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
    depth = np.full((120, 160), 2000, np.uint16)
    feed.depth("front", SECOND - TENTH, depth)
    feed.put(image(SECOND), 0)
    assert feed.take(0) == []
    feed.depth("front", SECOND + 500_000, depth)
    (update,) = feed.take(0)
    assert update.error is None
    feed.builder.warnings.clear()  # of the depth, which is made up
    feed.put(image(2 * SECOND), 0)
    feed.depth("front", 2 * SECOND + TENTH, depth)
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
    assert not times.decided(0)
    for stamp in range(100, 150):
        times.add(stamp, str(stamp))
    assert times.until(140) == "140"
    assert times.until(0) == "134"
    assert times.near(152, 3) == "149"
    assert times.near(153, 3) is None
    assert times.decided(149)
    assert not times.decided(150)
    times.add(5, "5")
    assert times.until(149) == "5"
    times.add(5, "again")
    assert times.until(5) == "again"
