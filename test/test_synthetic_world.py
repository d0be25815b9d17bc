"""Ground truth, motion, traffic and sheets of the synthetic street, by themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dcfm_ros.synthetic import StreetSettings, facades, people, signs, surfaces, trees
from dcfm_ros.synthetic.actors import Actors
from dcfm_ros.synthetic.builder import build_layout
from dcfm_ros.synthetic.cars import vehicle
from dcfm_ros.synthetic.faces import Label
from dcfm_ros.synthetic.ground import GroundRect, box_footprint, ground_truth
from dcfm_ros.synthetic.look import ImageSensor, draw_look
from dcfm_ros.synthetic.motion import trajectory
from dcfm_ros.synthetic.noise import noise, rng_for
from dcfm_ros.synthetic.sheet import Sheet


def rect(x0: float, y0: float, x1: float, y1: float, label: Label) -> GroundRect:
    """A piece of plain ground."""
    return GroundRect(x0, y0, x1, y1, int(label), Sheet(np.zeros((8, 8, 3), np.uint8)), 8)


def test_ground_truth_of_points_worked_out_by_hand() -> None:
    rects = [rect(0, -2, 10, 2, Label.ROAD), rect(0, 2, 10, 4, Label.PAVEMENT)]
    car = box_footprint(5, 0, 4, 2, np.pi / 2, Label.CAR)  # across the road: 2 m in x, 4 m in y
    points = np.array([[1, 0], [1, 3], [5, 1.9], [6.5, 0], [-1, 0], [1, 2]])
    expected = [Label.ROAD, Label.PAVEMENT, Label.CAR, Label.ROAD, Label.UNLABELLED, Label.PAVEMENT]
    assert ground_truth(points, rects, [car]).tolist() == expected


def test_ground_truth_keeps_the_shape_of_a_grid() -> None:
    grid = np.stack(np.meshgrid(np.arange(3.0), np.arange(4.0)), -1)
    assert ground_truth(grid, [rect(0, 0, 9, 9, Label.ROAD)], []).shape == (4, 3)


def test_cells_tile_their_rectangle() -> None:
    piece = rect(-30, -3.5, 71, 3.5, Label.ROAD)
    faces = piece.faces()
    area = sum(abs(float(f.along[0] * f.down[1])) for f in faces)
    assert area == pytest.approx(101 * 7)
    assert all(f.origin[2] == f.along[2] == f.down[2] == 0 for f in faces)


@pytest.mark.parametrize("seed", range(5))
def test_ground_pieces_do_not_overlap(seed: int) -> None:
    rects = build_layout(seed, 30.0).rects
    for i, a in enumerate(rects):
        for b in rects[i + 1 :]:
            overlap_x = min(a.x1, b.x1) - max(a.x0, b.x0)
            overlap_y = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert overlap_x <= 1e-9 or overlap_y <= 1e-9, (a, b)


@pytest.mark.parametrize(
    ("motion", "low", "high"),
    [("drive", 5, 12.5), ("slow", 0.9, 2.3), ("fast", 13, 22), ("cut", 5, 12.5)],
)
def test_motions_keep_their_speed(motion: str, low: float, high: float) -> None:
    for seed in range(5):
        path = trajectory(StreetSettings(motion=motion, duration_s=8.0), seed)
        assert low < path.speed.min()
        assert path.speed.max() < high
        assert path.travel_m == pytest.approx(8 * path.speed.mean(), rel=0.02)
        assert np.abs(path.y).max() < 0.3


@pytest.mark.parametrize(
    ("motion", "duration_s", "shortest_s"),
    [("stop_and_go", 30.0, 2.0), ("traffic_lights", 90.0, 9.0)],
)
def test_it_stands_and_drives_in_turn(motion: str, duration_s: float, shortest_s: float) -> None:
    for seed in range(5):
        path = trajectory(StreetSettings(motion=motion, duration_s=duration_s), seed)
        standing = path.speed < 0.01
        assert standing[0]
        assert 0.2 < standing.mean() < 0.8
        stops = path.time_s[1:][np.diff(standing.astype(int)) == 1]
        goes = path.time_s[1:][np.diff(standing.astype(int)) == -1]
        assert stops.size >= 2
        stood_s = [after - before for before, after in zip(stops, goes[1:], strict=False)]
        assert min(stood_s) > 0.95 * shortest_s
        assert path.speed.max() > 4
        assert np.abs(np.diff(path.speed)).max() / 0.02 < 9  # m/s2


def test_swerving_turns_the_car_and_its_absence_does_not() -> None:
    calm = trajectory(StreetSettings(), 3).yaw
    wild = max(np.abs(trajectory(StreetSettings(swerve=1.0), s).yaw).max() for s in range(6))
    assert np.abs(calm).max() < np.deg2rad(5)
    assert np.deg2rad(15) < wild < np.deg2rad(46)


@pytest.mark.parametrize("seed", range(6))
def test_vehicles_are_closed_boxes_on_the_ground(seed: int) -> None:
    """Every face stays within the body's measures and some reach z = 0 at all four sides."""
    body, faces = vehicle(rng_for(seed))
    corners = []
    for face in faces:
        st = (
            face.polygon if face.polygon is not None else np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        )
        corners.append(face.origin + st[:, :1] * face.along + st[:, 1:] * face.down)
    points = np.concatenate(corners)
    np.testing.assert_allclose(np.abs(points[:, 0]).max(), body.length / 2)
    np.testing.assert_allclose(np.abs(points[:, 1]).max(), body.width / 2)
    assert points[:, 2].min() == pytest.approx(0)
    assert points[:, 2].max() == pytest.approx(body.height)
    assert {face.label for face in faces} == {Label.CAR}


@pytest.mark.parametrize("seed", range(4))
def test_nobody_crosses_in_front_of_the_moving_car(seed: int) -> None:
    settings = StreetSettings(duration_s=6.0)
    ego = trajectory(settings, seed)
    layout = build_layout(seed, ego.travel_m)
    layout.crossings.append(20.0)
    actors = Actors(layout, ego, seed, 1.0, 4.0)
    for time_s in np.arange(0, 6, 0.1):
        x, _, _ = ego.at(time_s)
        for walker in actors.walkers:
            wx, wy = walker.at(time_s)
            if walker.label == Label.PEDESTRIAN:
                assert abs(wx - x) > 2 or abs(wy - actors.lane_y) > 1.2


def test_car_density_counts() -> None:
    ego = trajectory(StreetSettings(), 1)
    layout = build_layout(1, ego.travel_m)
    counts = [len(Actors(layout, ego, 1, density, 0.0).cars) for density in (0.0, 1.0, 3.0)]
    assert counts[0] == 0
    assert counts[0] < counts[1] < counts[2]


_MAKERS: list[Callable[[np.random.Generator], Sheet]] = [
    surfaces.asphalt,
    surfaces.paving,
    surfaces.kerb_stone,
    surfaces.grass,
    surfaces.arrow,
    surfaces.manhole,
    surfaces.sky,
    trees.leafy_tree,
    trees.bare_tree,
    trees.conifer,
    trees.hedge,
    signs.traffic_sign,
    signs.traffic_light,
    signs.board,
    signs.pole,
    signs.railing,
    signs.boards_fence,
    facades.roof,
    facades.garden_wall,
    lambda rng: facades.facade(rng, 9, 8, shop=True),
    lambda rng: facades.facade(rng, 9, 8, shop=False),
    lambda rng: facades.side_wall(rng, 10, 9),
]


@pytest.mark.parametrize("make", _MAKERS)
def test_every_sheet_varies_with_its_seed_only(
    make: Callable[[np.random.Generator], Sheet],
) -> None:
    for seed in range(3):
        first, again, other = make(rng_for(seed)), make(rng_for(seed)), make(rng_for(seed + 50))
        np.testing.assert_array_equal(first.rgba, again.rgba)
        assert first.rgba.shape != other.rgba.shape or (first.rgba != other.rgba).any()
        shown = first.rgba[first.rgba[..., 3] > 127]
        assert len(shown) > 50
        assert shown[:, :3].std() > 1


@pytest.mark.parametrize("side_view", [False, True])
@pytest.mark.parametrize("make", [people.pedestrian, people.bicyclist])
def test_figures_move_their_legs_and_touch_the_ground(
    make: Callable[[np.random.Generator, bool], list[Sheet]], side_view: bool
) -> None:
    phases = make(rng_for(1), side_view)
    assert len(phases) == people.PHASES
    assert (phases[0].rgba[..., 3] != phases[1].rgba[..., 3]).any()
    for sheet in phases:
        high = sheet.height
        assert sheet.rgba[int(0.97 * high) :, :, 3].max() > 127
        assert sheet.rgba[: int(0.1 * high), :, 3].max() > 127


def test_noise_is_a_window_of_unit_deviation() -> None:
    for kind in ("coarse", "cloud", "grain", "leaf", "sensor"):
        field = noise(rng_for(2), kind, 300, 1400)
        assert field.shape == (300, 1400)
        assert 0.5 < field.std() < 1.6
    with pytest.raises(ValueError, match="unknown noise 'pink'"):
        noise(rng_for(2), "pink", 8, 8)


def test_exposure_meets_its_brightness_and_haze_veils_the_distance() -> None:
    look = draw_look(7)
    flat = np.full((60, 80, 3), 40, np.uint8)
    camera = ImageSensor(look, flat, 80, 60, 7)
    no_road = np.zeros((60, 80), np.bool_)
    near = camera.record(flat, np.full((60, 80), 0.1, np.float32), no_road, 0)
    assert abs(float(near.mean()) - look.brightness) < 0.35 * look.brightness
    far = camera.record(flat, np.full((60, 80), 2000, np.float32), no_road, 0)
    assert far.mean() > near.mean() + 5
