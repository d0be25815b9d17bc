"""The rolling grid by hand, and the projection against the rendered street's own ground truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dcfm_ros.costmap import (
    ClassRule,
    ClassTable,
    GridSettings,
    GroundPlane,
    Kind,
    ProjectionSettings,
    RollingGrid,
    ground_tables,
    pixel_table,
    read_classes,
)
from dcfm_ros.costmap.evidence import Evidence, strongest
from dcfm_ros.errors import GeometryError
from dcfm_ros.geometry import Camera
from dcfm_ros.resources import resource
from dcfm_ros.synthetic import Street, StreetSettings

SECOND = 1_000_000_000
CLASSES = ClassTable(
    "test",
    (
        ClassRule(0, "road", (0, 0, 0), Kind.GROUND, cost=0),
        ClassRule(1, "wall", (0, 0, 0), Kind.OBSTACLE, cost=100),
        ClassRule(2, "car", (0, 0, 0), Kind.OBSTACLE, cost=100, dynamic=True),
    ),
)
SETTINGS = GridSettings(width_m=4.0, height_m=6.0, resolution_m=1.0)


def looked_at(road: list[int], obstacles: dict[int, int], hidden: tuple[int, ...] = ()) -> Evidence:
    return Evidence(
        np.array(road, np.intp),
        np.array([0], np.uint8),
        np.ones((1, len(road)), np.float32),
        np.ones(len(road), np.float32),
        np.array(list(obstacles), np.intp),
        np.array(list(obstacles.values()), np.uint8),
        np.ones(len(obstacles), np.float32),
        np.array(hidden, np.intp),
    )


def test_cells_become_what_was_seen_and_stay_unknown_elsewhere() -> None:
    grid = RollingGrid(SETTINGS, CLASSES)
    grid.follow(0.0, 0.0)
    grid.add(looked_at([5, 6], {9: 1}), 0)
    found = grid.at(0, CLASSES)
    assert found.costs.shape == (6, 4)  # rows along y
    assert found.costs.ravel()[[5, 6, 9]].tolist() == [0, 0, 100]
    assert found.class_ids.ravel()[[5, 6, 9]].tolist() == [0, 0, 1]
    assert (found.costs == -1).sum() == 24 - 3
    assert (found.confidence > 0).sum() == 3
    assert found.origin_m == (-2.0, -3.0)
    grid.clear()
    grid.follow(0.0, 0.0)
    assert (grid.at(0, CLASSES).costs == -1).all()


def test_what_moves_fades_before_what_stands() -> None:
    grid = RollingGrid(SETTINGS, CLASSES)
    grid.follow(0.0, 0.0)
    grid.add(looked_at([0], {1: 1, 2: 2}), 0)
    after = grid.at(6 * SECOND, CLASSES).class_ids.ravel()[:3].tolist()
    assert after == [0, 1, 255]  # six half-lives of what moves
    late = grid.at(21 * SECOND, CLASSES).class_ids
    assert (late == 255).all()  # unknown_after_s


def test_what_moves_leaves_cells_in_view_when_they_stay_empty() -> None:
    grid = RollingGrid(SETTINGS, CLASSES)
    grid.follow(0.0, 0.0)
    grid.add(looked_at([], {1: 1, 2: 2}), 0)
    for tick in (1, 2):  # another camera may see it
        grid.add(looked_at([], {}, hidden=(1, 2)), tick * SECOND // 10)
    assert grid.at(SECOND // 5, CLASSES).class_ids.ravel()[1:3].tolist() == [1, 2]
    for tick in (3, 4):
        grid.add(looked_at([], {}, hidden=(1, 2)), tick * SECOND // 10)
    assert grid.at(2 * SECOND // 5, CLASSES).class_ids.ravel()[1:3].tolist() == [1, 255]


def test_cells_keep_their_place_while_the_grid_follows() -> None:
    grid = RollingGrid(SETTINGS, CLASSES)
    frame = grid.follow(0.0, 0.0)
    wall = frame.index(np.array([1.5]), np.array([0.5]))
    grid.add(looked_at([], {int(wall[0]): 1}), 0)
    assert grid.follow(0.9, 0.0).left == frame.left  # within a step: stays
    moved = grid.follow(1.2, 0.0)
    assert moved.left == frame.left + 1
    found = grid.at(0, CLASSES)
    row, column = np.argwhere(found.costs == 100)[0]
    assert (found.origin_m[0] + column + 0.5, found.origin_m[1] + row + 0.5) == (1.5, 0.5)
    grid.follow(100.0, 0.0)
    assert (grid.at(0, CLASSES).costs == -1).all()


def test_lethal_cells_of_a_part_are_those_of_the_whole_grid() -> None:
    """Random looks at roads, walls and cars, until all have decayed."""
    rng = np.random.default_rng(1)
    grid = RollingGrid(SETTINGS, CLASSES)
    part = slice(1, 5), slice(1, 4)
    found = 0
    for number in range(310):
        at = number * SECOND // 10
        road = rng.choice(24, 8, replace=False)
        obstacles = {int(cell): int(rng.integers(1, 3)) for cell in rng.integers(24, size=4)}
        grid.follow(number / 60, 0.0)
        if number < 100:
            grid.add(looked_at([cell for cell in road if cell not in obstacles], obstacles), at)
        whole = grid.at(at, CLASSES).costs == 100
        np.testing.assert_array_equal(grid.lethal(*part, at, CLASSES), whole[part])
        found += int(whole.sum())
    assert found > 300
    assert not whole.any()  # unknown after 20 s


def test_the_strongest_observation_of_a_cell_counts() -> None:
    cells, classes, weights = strongest(
        np.array([4, 7, 4, -1]), np.array([1, 2, 3, 4], np.uint8), np.array([0.2, 1, 0.9, 1], "f4")
    )
    assert (cells.tolist(), classes.tolist()) == ([4, 7], [3, 2])
    np.testing.assert_allclose(weights, [0.9, 1.0])
    assert looked_at([], {}).empty


def test_a_camera_below_the_ground_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"0\.000 m above the ground plane"):
        pixel_table(Camera(8, 6, 10.0, 10.0, 4.0, 3.0), np.eye(4))


@pytest.mark.parametrize("seed", [1, 2])
def test_perfect_labels_of_a_street_give_its_ground(seed: int) -> None:
    """At least 98 % of the ground cells seen within 12 m carry the class that stands there."""
    classes = read_classes(resource("config/classes/camvid.yaml"))
    street = Street(StreetSettings(seed=seed, width=640, height=480, people=0.0))
    frame = street.frame(0)
    k = frame.k
    camera = Camera(640, 480, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    settings, grid_settings = ProjectionSettings(), GridSettings()
    tables = ground_tables(
        pixel_table(camera, frame.base_from_camera), settings, grid_settings.resolution_m
    )
    grid = RollingGrid(grid_settings, classes)
    place = grid.follow(*frame.world_from_base[:2, 3])
    evidence, contacts = GroundPlane(classes, settings).project(
        tables, frame.labels, None, place, frame.world_from_base, 1.0
    )
    grid.add(evidence, frame.stamp_ns)
    found = grid.at(frame.stamp_ns, classes).class_ids

    x_m, y_m = place.centres_m()
    truth = street.ground_truth_grid(0, np.stack(np.meshgrid(x_m, y_m), -1))
    ground = (found != 255) & (classes.kinds()[truth] == Kind.GROUND)
    assert ground.sum() > 1000
    assert (found == truth)[ground].mean() > 0.98
    assert len(contacts.classes) > 0
    stands = np.zeros(found.shape, np.uint8)
    for dx in (-0.033, 0.0, 0.033):  # poles are thinner than cells
        for dy in (-0.033, 0.0, 0.033):
            points = np.stack(np.meshgrid(x_m + dx, y_m + dy), -1)
            stands |= classes.kinds()[street.ground_truth_grid(0, points)] == Kind.OBSTACLE
    near = cv2.dilate(stands, np.ones((5, 5), np.uint8)) > 0
    assert near[classes.kinds()[found] == Kind.OBSTACLE].all()  # within two cells of a true one
