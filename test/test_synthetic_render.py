"""The rasteriser against hand-worked pictures and cv2.projectPoints."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dcfm_ros.synthetic.faces import (
    Face,
    Kind,
    Label,
    Upright,
    UprightArray,
    Vector,
    face_array,
    ground_quad,
    quad,
    vec,
)
from dcfm_ros.synthetic.render import Raster, render
from dcfm_ros.synthetic.sheet import Sheet
from dcfm_ros.synthetic.view import View

WHITE = Sheet(np.full((16, 16, 3), 255, np.uint8))
GREY = Sheet(np.full((16, 16, 3), 128, np.uint8))
K = np.array([[100.0, 0, 50], [0, 100, 40], [0, 0, 1]])
FORWARD = np.array([[0, -1.0, 0], [0, 0, -1], [1, 0, 0]])  # optical axes from x forward, z up


def looking_forward(x: float = 0, y: float = 0, z: float = 1.5) -> View:
    """A camera of 101 × 81 px that looks along world x."""
    pose = np.eye(4)
    pose[:3, :3] = FORWARD
    pose[:3, 3] = -FORWARD @ [x, y, z]
    return View(K, pose, 101, 81)


def looking_down(height: float) -> View:
    """A camera above the origin; image up is world x, image left is world y."""
    rotation = np.array([[0, -1.0, 0], [-1, 0, 0], [0, 0, -1]])
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = -rotation @ [0, 0, height]
    return View(K, pose, 101, 81)


def facing_wall(x: float, half: float, label: Label, sheet: Sheet = WHITE) -> Face:
    """A square of side 2 half around the axis at distance x, at camera height 1.5."""
    return quad(
        vec(x, half, 1.5 + half),
        vec(x, -half, 1.5 + half),
        vec(x, half, 1.5 - half),
        sheet,
        label,
    )


def draw(view: View, *faces: Face) -> Raster:
    """Render a few faces."""
    return render(view, face_array(list(faces)))


def test_wall_covers_the_pixels_worked_out_by_hand() -> None:
    """A half side of 1.05 m at 10 m is 10.5 px around the middle (50, 40)."""
    raster = draw(looking_forward(), facing_wall(10, 1.05, Label.BUILDING))
    rows, columns = np.nonzero(raster.labels() == Label.BUILDING)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 50, 40, 60)
    depth = raster.depth_m()
    np.testing.assert_allclose(depth[30:51, 40:61], 10.0, rtol=1e-6)
    assert np.isinf(depth[29, 50])
    assert raster.labels()[29, 50] == Label.UNLABELLED


def test_the_nearer_wall_hides_the_farther_in_either_order() -> None:
    near, far = facing_wall(5, 0.2, Label.CAR), facing_wall(10, 2, Label.BUILDING)
    for faces in ((near, far), (far, near)):
        raster = draw(looking_forward(), *faces)
        assert raster.labels()[40, 50] == Label.CAR
        assert raster.labels()[40, 60] == Label.BUILDING
        assert raster.depth_m()[40, 50] == pytest.approx(5)


def test_crossing_walls_meet_where_their_planes_do() -> None:
    """A wall along x at y = 0.55 ends at a wall across x = 10: at u = 50 - 100 * 0.55 / 10."""
    along = quad(vec(2, 0.55, 3), vec(20, 0.55, 3), vec(2, 0.55, 0), WHITE, Label.FENCE)
    raster = draw(looking_forward(), along, facing_wall(10, 1.4, Label.BUILDING))
    row = raster.labels()[40]
    assert (row[36:45] == Label.FENCE).all()
    assert (row[45:60] == Label.BUILDING).all()
    u = np.arange(36, 45)
    np.testing.assert_allclose(raster.depth_m()[40, u], 0.55 * 100 / (50 - u), rtol=1e-5)


def test_camera_looking_down_sees_the_ground_below() -> None:
    """At 2 m height and f = 100 px, 50 px is 1 m: the rectangle x 0..0.4, y 0.2..0.6 m."""
    raster = draw(looking_down(2), ground_quad(0.01, 0.19, 0.41, 0.61, GREY, Label.ROAD))
    rows, columns = np.nonzero(raster.labels() == Label.ROAD)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 39, 20, 40)
    np.testing.assert_allclose(raster.depth_m()[20:40, 20:41], 2, rtol=1e-6)


def test_ground_under_the_camera_is_cut_at_the_near_plane() -> None:
    """Depth of the ground is f * height / (v - 40), also where the face goes behind the camera."""
    raster = draw(looking_forward(), ground_quad(-20, -20, 60, 20, GREY, Label.ROAD))
    v = np.arange(43, 81)
    np.testing.assert_allclose(raster.depth_m()[v, 50], 150.0 / (v - 40), rtol=1e-5)
    assert (raster.labels()[43:, 50] == Label.ROAD).all()
    assert (raster.labels()[:40] == Label.UNLABELLED).all()


def test_a_face_wholly_behind_the_camera_is_not_drawn() -> None:
    raster = draw(looking_forward(), facing_wall(-5, 2, Label.CAR))
    assert (raster.labels() == Label.UNLABELLED).all()


@pytest.mark.parametrize("seed", range(8))
def test_random_quads_agree_with_project_points(seed: int) -> None:
    """Outline by cv2.projectPoints, depth by intersecting the pixel's ray with the plane."""
    rng = np.random.default_rng(seed)
    origin = vec(6, 0, 1.5) + rng.uniform(-1, 1, 3)
    along, down = rng.uniform(-2, 2, 3), rng.uniform(-2, 2, 3)
    face = Face(origin, along, down, WHITE, Label.CAR)
    axis = rng.uniform(-0.15, 0.15, 3)
    view = looking_forward()
    turn = np.eye(4)
    turn[:3, :3] = cv2.Rodrigues(axis)[0]
    view = View(K, turn @ view.camera_from_world, 101, 81)
    raster = draw(view, face)
    corners = np.array([origin, origin + along, origin + along + down, origin + down])
    pose = view.camera_from_world
    uv = cv2.projectPoints(corners, cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3], K, None)[0]
    outline = uv.reshape(-1, 1, 2).astype(np.float32)
    drawn = raster.labels() == Label.CAR
    depth = raster.depth_m()
    normal = np.cross(along, down)
    centre = view.position
    for v in range(81):
        for u in range(101):
            distance = cv2.pointPolygonTest(outline, (float(u), float(v)), True)
            if abs(distance) > 0.01:
                assert drawn[v, u] == (distance > 0), (u, v)
            if drawn[v, u]:
                ray = pose[:3, :3].T @ [(u - 50) / 100, (v - 40) / 100, 1]
                expected = normal @ (origin - centre) / (normal @ ray)
                assert depth[v, u] == pytest.approx(expected, rel=2e-5)
    assert drawn.sum() > 20


@pytest.mark.parametrize("edge_px", [40.0, 40.3, 40.5, 40.8])
def test_colour_and_label_edges_lie_within_half_a_pixel(edge_px: float) -> None:
    """A white wall from u = edge to 80: half of the brightness is reached at the edge."""
    left = (50 - edge_px) / 10
    wall = quad(vec(10, left, 4), vec(10, -3, 4), vec(10, left, -1), WHITE, Label.SIGN)
    raster = draw(looking_forward(), wall)
    row = raster.image()[40, :, 0].astype(float)
    above = int(np.argmax(row >= 127.5))
    middle = above - (row[above] - 127.5) / (row[above] - row[above - 1])
    first_label = int(np.argmax(raster.labels()[40] == Label.SIGN))
    assert first_label == int(np.ceil(edge_px))
    assert abs(middle - edge_px) <= 0.5


def test_texture_lies_where_its_corners_say() -> None:
    """A sheet with one red quarter, top left, on a wall whose texture left is world +y."""
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:32, :32, 0] = 255
    raster = draw(looking_forward(), facing_wall(10, 2, Label.SIGN, Sheet(rgb)))
    image = raster.image()
    assert image[30, 40, 0] > 250
    assert image[30, 60, 0] < 5
    assert image[50, 40, 0] < 5


def test_transparent_texels_show_what_is_behind() -> None:
    alpha = np.zeros((32, 32), np.uint8)
    alpha[:, 16:] = 255
    sheet = Sheet(np.full((32, 32, 3), 255, np.uint8), alpha)
    raster = draw(
        looking_forward(),
        facing_wall(5, 1, Label.PEDESTRIAN, sheet),
        facing_wall(10, 3, Label.BUILDING, GREY),
    )
    assert raster.labels()[40, 40] == Label.BUILDING
    assert raster.labels()[40, 60] == Label.PEDESTRIAN
    assert raster.depth_m()[40, 40] == pytest.approx(10)


def test_lacy_faces_blend_colour_and_keep_label_and_depth_of_their_mask() -> None:
    """Half-transparent white over grey 128 is about 192; label and depth are the tree's."""
    alpha = np.full((16, 16), 128, np.uint8)
    mask = np.zeros((16, 16), np.uint8)
    mask[:, :8] = 255
    crown = Face(
        vec(5, 1, 2.5),
        vec(0, -2, 0),
        vec(0, 0, -2),
        Sheet(np.full((16, 16, 3), 255, np.uint8), alpha, mask),
        Label.TREE,
        kind=Kind.LACY,
    )
    raster = draw(looking_forward(), crown, facing_wall(10, 3, Label.BUILDING, GREY))
    assert abs(int(raster.image()[40, 40, 0]) - 192) <= 2
    assert raster.labels()[40, 40] == Label.TREE
    assert raster.depth_m()[40, 40] == pytest.approx(5)
    assert raster.labels()[40, 60] == Label.BUILDING
    assert raster.depth_m()[40, 60] == pytest.approx(10)


def test_decals_change_the_colour_of_the_ground_only() -> None:
    ground = ground_quad(0.5, -5, 50, 5, GREY, Label.ROAD)
    paint = ground_quad(3, -2, 10, 2, WHITE, Label.UNLABELLED, kind=Kind.DECAL)
    wall = facing_wall(4, 0.4, Label.CAR, GREY)
    bare, painted = (
        draw(looking_forward(), ground, wall),
        draw(looking_forward(), ground, paint, wall),
    )
    np.testing.assert_array_equal(bare.labels(), painted.labels())
    np.testing.assert_array_equal(bare.depth_m(), painted.depth_m())
    assert painted.image()[70, 50, 0] > 250  # ground at 5 m
    assert painted.image()[45, 50, 0] == 128  # the wall before it


def test_base_fills_gaps_of_the_ground_and_sky_the_rest() -> None:
    """One strip of road on an endless base: nothing but sky is left above the horizon."""
    road = ground_quad(2, -1, 30, 1, GREY, Label.ROAD)
    base = ground_quad(-900, -900, 900, 900, GREY, Label.UNLABELLED, kind=Kind.BASE)
    far = 1000.0
    sky = quad(
        vec(far, far, far),
        vec(far, -far, far),
        vec(far, far, -far),
        WHITE,
        Label.SKY,
        kind=Kind.SKY,
    )
    raster = draw(looking_forward(), sky, base, road)
    labels, depth = raster.labels(), raster.depth_m()
    assert (labels[:40] == Label.SKY).all()
    assert np.isinf(depth[:40]).all()
    assert np.isfinite(depth[41:]).all()
    assert labels[70, 50] == Label.ROAD
    assert labels[70, 5] == Label.UNLABELLED


def test_uprights_face_the_camera_or_keep_their_direction() -> None:
    tree = Upright(10, 10, 2, 4, WHITE, Label.TREE)
    bicycle = Upright(10, 0, 2, 1.8, WHITE, Label.BICYCLIST, yaw=np.pi / 2)
    frames = UprightArray([tree, bicycle]).facing(vec(0, 0, 1.5)).frames
    along: Vector = frames[0, :, 0]
    np.testing.assert_allclose(along, [np.sqrt(2), -np.sqrt(2), 0], atol=1e-12)
    np.testing.assert_allclose(frames[0, :, 2] + along / 2, [10, 10, 4])
    np.testing.assert_allclose(frames[1, :, 0], [0, 2, 0], atol=1e-12)


def test_a_face_of_five_corners_is_refused() -> None:
    polygon = np.array([[0, 0], [1, 0], [1, 1], [0.5, 1.2], [0, 1]])
    face = Face(vec(0, 0, 0), vec(1, 0, 0), vec(0, 1, 0), WHITE, Label.CAR, polygon=polygon)
    with pytest.raises(ValueError, match="found a face of 5 corners, expected at most 4"):
        face_array([face])


def test_reduced_sheets_keep_their_mean() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (64, 128, 3), np.uint8)
    mask = np.full((64, 128), 255, np.uint8)
    sheet = Sheet(rgb, mask, mask)
    for density, size in (((0.5, 0.7), (64, 128)), ((2.0, 1.0), (64, 64)), ((4.1, 8.0), (8, 32))):
        reduced, reduced_mask = sheet.level(*density)
        assert reduced.shape[:2] == size
        assert reduced_mask is not None
        assert reduced_mask.shape == size
        np.testing.assert_allclose(reduced[..., :3].mean((0, 1)), rgb.mean((0, 1)), atol=1.5)
    tiny, _ = sheet.level(1e6, 1e6)
    assert tiny.shape[:2] == (1, 1)
