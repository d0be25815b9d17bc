"""What Nav2 requires, on messages of the live node received over DDS with Nav2's own QoS.

The node runs in a process of its own with the shipped checkpoint; a car drives past it on the
synthetic street. Rows of the contract, and where they are tested:

| row | test |
|---|---|
| semantic layer: mask mono8, step == width, cloud's size | `test_reduced_images_are_mono8_...` |
| semantic layer: organised float32 cloud, NaN, own frame | `test_the_cloud_is_organised_...` |
| semantic layer: confidence as large as the mask | `test_reduced_images_are_mono8_...` |
| semantic layer: best-effort volatile; LabelInfo reliable, transient-local | fixture `seen` |
| semantic layer: stamps unchanged; waits for LabelInfo; sizes | `test_the_semantic_layer_...` |
| semantic layer: ids fit uint8, 255 left out, names as in its YAML | `test_class_names_...` |
| semantic layer: reduced mask with matching camera_info | `test_the_calibration_matches_...` |
| StaticLayer: reliable + transient-local | `seen`, `test_the_grid_reaches_who_comes_late` |
| StaticLayer: valid, row-major from the corner, axis-aligned | `test_every_grid_is_valid_...` |
| StaticLayer: -1, 0 to 98, 100 | `test_every_grid_is_valid_...` |
| StaticLayer: rolling window, trinary off, global frame | `test_the_static_layer_ends_with_...` |
| StaticLayer: unknown overwrites; unknown_value | `test_ros_costmap_stage.py` |
| StaticLayer: full grids at the rate, origin in steps of 1 m | `test_grids_keep_their_place_...` |
| StaticLayer: nothing expires: cleared on deactivation and stale | `test_ros_costmap_stage.py` |
| StaticLayer: a node that ended | `test_the_last_grid_of_a_node_that_is_ended_clears` |
| StaticLayer: a node that was killed | `test_every_grid_...`: its successor's first grid clears |
| KeepoutFilter: no stream of masks | `test_no_filter_mask_is_published` |
| Obstacle layer: PointCloud2 at sensor-data QoS | `test_the_obstacle_layer_marks_...` |
| viewers: colour on rgb8, ids on mono8; Map display | `test_ros_node.py`, `test_ros_configs.py` |
| elevation_mapping: reliable, K and size of the mask | `test_the_calibration_matches_...` |
| ROS conventions: optical frame kept, grids in odom, private names | here, `test_ros_configs.py` |
| launch arguments, lifecycle, autostart | `test_launch.py`, `test_ros_lifecycle.py` |
| image QoS, drops, stamps, encodings | `test_ros_node.py`, `test_ros_image_input.py` |
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from costmap_harness import SENSOR_DATA, Car, small_street, stamp, transform
from diagnostic_msgs.msg import DiagnosticArray
from nav2_consumer import (
    LETHAL,
    UNKNOWN,
    Master,
    ObstacleLayer,
    SemanticLayer,
    StaticLayer,
    field,
    map_faults,
    xyz,
)
from nav_msgs.msg import OccupancyGrid
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from ros_harness import CHECKOUT, running_node, running_peer, wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from vision_msgs.msg import LabelInfo

from dcfm_ros.costmap import CostmapBuilder, Kind, read_classes, reduce_nearest
from dcfm_ros.costmap.shipped import classes_of
from dcfm_ros.geometry import TransformBuffer, camera_from_info
from dcfm_ros.msg import ClassGrid, FrameStatus
from dcfm_ros.network.labels import CAMVID11
from dcfm_ros.ros.costmap_messages import reduced_size
from dcfm_ros.ros.settings import LiveCostmapSettings
from dcfm_ros.synthetic import Street

NODE = "/street/segmenter"
FRAMES = 8
SETTINGS = LiveCostmapSettings(rate_hz=10.0, tf_timeout_s=10.0, clear_after_s=3600.0, nav_scale=0.5)
STATIC_LAYER_QOS = QoSProfile(
    depth=3,
    reliability=QoSReliabilityPolicy.RELIABLE,
    durability=QoSDurabilityPolicy.TRANSIENT_LOCAL,
)
RELIABLE = QoSProfile(depth=10, reliability=QoSReliabilityPolicy.RELIABLE)
TOPICS = {
    "costmap": (OccupancyGrid, STATIC_LAYER_QOS),
    "class_grid": (ClassGrid, STATIC_LAYER_QOS),
    "label_info": (LabelInfo, STATIC_LAYER_QOS),
    "label_image": (Image, RELIABLE),
    "confidence": (Image, RELIABLE),
    "status": (FrameStatus, RELIABLE),
    "obstacles": (PointCloud2, SENSOR_DATA),
    "nav/label_image": (Image, SENSOR_DATA),
    "nav/confidence": (Image, SENSOR_DATA),
    "nav/points": (PointCloud2, SENSOR_DATA),
    "nav/camera_info": (CameraInfo, RELIABLE),
}


@pytest.fixture(scope="module")
def peer():
    with running_peer("nav2") as peer:
        yield peer


@pytest.fixture(scope="module")
def street() -> Street:
    return small_street(duration_s=4.0, motion="drive")


@pytest.fixture(scope="module")
def seen(peer, street, tmp_path_factory):
    """All that came while the car drove: messages by topic and stamp."""
    parameters = {
        "diagnostics_period_s": 0.2,
        "costmap.rate_hz": SETTINGS.rate_hz,
        "costmap.tf_timeout_s": SETTINGS.tf_timeout_s,
        "costmap.clear_after_s": SETTINGS.clear_after_s,
        "costmap.nav_scale": SETTINGS.nav_scale,
    }
    log = tmp_path_factory.mktemp("street") / "log"
    with running_node(log, "street", parameters) as process:
        process.wait_for_log("active; waiting for images on /street/image", 90)
        lists = {
            topic: peer.collect(kind, f"{NODE}/{topic}", qos)
            for topic, (kind, qos) in TOPICS.items()
        }
        for topic in TOPICS:
            wait_until(lambda t=topic: peer.node.count_publishers(f"{NODE}/{t}"), topic)
        for topic in ("costmap", "class_grid", "label_info"):
            wait_until(lambda t=topic: lists[t], f"the latched {topic}")
        car = Car(peer, "street")
        car.connect()
        drive(peer, car, street, lists)
        yield SimpleNamespace(
            process=process,
            first={name: lists[name][0] for name in ("costmap", "class_grid")},
            labels=lists["label_info"][0],
            **{name.replace("/", "_"): by_stamp(messages) for name, messages in lists.items()},
        )
        car.close()


def drive(peer, car: Car, street: Street, lists) -> None:
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    frame = street.frame(0)

    def is_ready() -> bool:
        car.mount(frame)
        car.calibrate(frame)
        statuses = [s for r in reports for s in r.status if s.name == "street/segmenter: costmap"]
        values = {v.key: v.value for s in statuses[-1:] for v in s.values}
        return "received" in values.get("camera_info", "") and "base_link" in values["tf frames"]

    wait_until(is_ready, "calibration at the node")
    for index in range(FRAMES):
        frame = street.frame(index)
        car.stand(frame)
        car.see(frame)
        for name in TOPICS:
            if name != "label_info":
                wait_until(lambda n=name, f=frame: has(lists[n], f.stamp_ns), f"{name} {index}", 60)


def has(messages, stamp_ns: int) -> bool:
    return any(stamp(message) == stamp_ns for message in messages)


def by_stamp(messages) -> dict[int, object]:
    return {stamp(message): message for message in messages}


@pytest.fixture(scope="module")
def tree(street) -> TransformBuffer:
    """The transforms that the node got."""
    buffer = TransformBuffer()
    mount = transform("base_link", "camera_optical_frame", street.frame(0).base_from_camera, 0)
    buffer.feed(mount, static=True)
    for index in range(FRAMES):
        frame = street.frame(index)
        buffer.feed(transform("odom", "base_link", frame.world_from_base, frame.stamp_ns))
    return buffer


@pytest.fixture(scope="module")
def stamps(street) -> list[int]:
    return [street.stamp_ns(index) for index in range(FRAMES)]


@pytest.fixture(scope="module")
def costmap_yaml():
    return shipped("nav2_costmap.yaml")


@pytest.fixture(scope="module")
def semantic_yaml():
    return shipped("nav2_semantic_layer.yaml")


def shipped(name: str):
    content = yaml.safe_load((CHECKOUT / "config" / name).read_text(encoding="utf-8"))
    return content["local_costmap"]["local_costmap"]["ros__parameters"]


@pytest.fixture(scope="module")
def master(costmap_yaml, street):
    """A rolling costmap around the robot, where it was last."""
    master = Master.of(costmap_yaml)
    for index in range(FRAMES):
        master.roll_to(*street.frame(index).world_from_base[:2, 3])
    return master


def test_every_grid_is_valid_and_its_classes_lie_in_the_same_cells(seen, stamps):
    grids = {0: seen.first["costmap"], **{s: seen.costmap[s] for s in stamps}}
    classes = {0: seen.first["class_grid"], **{s: seen.class_grid[s] for s in stamps}}
    for key, grid in grids.items():
        assert map_faults(grid) == []
        assert grid.header.frame_id == "odom"
        turn = grid.info.origin.orientation
        assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.0, 0.0, 1.0)
        costs = np.asarray(grid.data)
        assert set(np.unique(costs)) <= {-1, *range(99), 100}
        other = classes[key]
        assert (other.header, other.info) == (grid.header, grid.info)
        assert len(other.class_id) == len(other.confidence) == len(grid.data)
        ids = np.asarray(other.class_id)
        np.testing.assert_array_equal(costs == -1, ids == ClassGrid.UNKNOWN)
        np.testing.assert_array_equal(np.asarray(other.confidence) == 0, ids == ClassGrid.UNKNOWN)
    assert (np.asarray(grids[0].data) == -1).all(), "before the first image nothing is known"
    last = np.asarray(grids[stamps[-1]].data)
    assert {0, 50, 100} <= set(np.unique(last)), "road, pavement and obstacles are in view"


def test_the_live_grid_is_that_of_its_labels_and_transforms(seen, stamps, street, tree):
    """Built again from what was received: cell by cell the same, at every stamp."""
    classes = classes_of(SETTINGS, CAMVID11.name, CAMVID11.classes)
    builder = CostmapBuilder(SETTINGS, classes, tree)
    height, width = street.frame(0).labels.shape
    k = street.frame(0).k
    info = SimpleNamespace(
        width=width, height=height, k=k, p=np.eye(3, 4), d=[], distortion_model="plumb_bob",
        binning_x=0, binning_y=0, roi=SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    )  # fmt: skip
    camera = camera_from_info(info, width, height)
    for at in stamps:
        labels, confidence = pixels(seen.label_image[at]), pixels(seen.confidence[at])
        age = seen.status[at].common_age
        found = builder.add(
            "", camera, "camera_optical_frame", labels, confidence, at, age.sec + age.nanosec / 1e9
        )
        grid = builder.grid(at)
        place = seen.costmap[at].info.origin.position
        assert (place.x, place.y) == pytest.approx(grid.origin_m, abs=1e-9)
        received = np.asarray(seen.costmap[at].data, np.int8).reshape(grid.costs.shape)
        np.testing.assert_array_equal(received, grid.costs)
        ids = np.asarray(seen.class_grid[at].class_id, np.uint8).reshape(grid.costs.shape)
        np.testing.assert_array_equal(ids, grid.class_ids)
        sure = np.asarray(seen.class_grid[at].confidence, np.uint8).reshape(grid.costs.shape)
        np.testing.assert_array_equal(sure, grid.confidence)
        cloud = seen.obstacles[at]
        np.testing.assert_array_equal(xyz(cloud)[0], found.points)
        np.testing.assert_array_equal(field(cloud, "class_id")[0], found.class_ids)
        np.testing.assert_array_equal(field(cloud, "confidence")[0], found.confidence)
        assert cloud.header.frame_id == "base_link"
        reduced = reduce_nearest(labels, *reduced_size(height, width, SETTINGS.nav_scale))
        np.testing.assert_array_equal(pixels(seen.nav_label_image[at]), reduced)
        points = builder.nav_points("", reduced, at)
        np.testing.assert_array_equal(xyz(seen.nav_points[at]), points)


def pixels(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)


def test_the_static_layer_ends_with_the_costs_of_the_classes(
    seen, stamps, costmap_yaml, master, street, tree
):
    """A rolling master costmap: graded costs scaled, lethal, and unknown where nothing was seen."""
    layer = StaticLayer(costmap_yaml)
    for at in stamps:
        layer.incoming_map(seen.costmap[at])
    last = street.frame(FRAMES - 1)
    master.roll_to(*last.world_from_base[:2, 3])
    layer.update(master, tree.lookup(layer.frame_id, costmap_yaml["global_frame"], stamps[-1]))

    classes = read_classes(CHECKOUT / "config/classes/camvid.yaml")
    expected_of = np.full(256, UNKNOWN, np.uint8)
    for rule in classes.rules:
        expected_of[rule.id] = LETHAL if rule.cost == 100 else int(rule.cost * 254 / 100)
    grid = seen.class_grid[stamps[-1]]
    ids = np.asarray(grid.class_id, np.uint8).reshape(grid.info.height, grid.info.width)
    place = grid.info.origin.position
    centres = master.centres()
    column = np.floor((centres[..., 0] - place.x) / grid.info.resolution).astype(int)
    row = np.floor((centres[..., 1] - place.y) / grid.info.resolution).astype(int)
    inside = (column >= 0) & (row >= 0) & (column < ids.shape[1]) & (row < ids.shape[0])
    assert inside.all(), "the window is not larger than the node's grid"
    np.testing.assert_array_equal(master.costs, expected_of[ids[row, column]])
    assert {0, 127, LETHAL, UNKNOWN} <= set(np.unique(master.costs))

    x, y = last.world_from_base[:2, :2] @ np.array([6.0, 0.0]) + last.world_from_base[:2, 3]
    truth = street.ground_truth_grid(FRAMES - 1, centres)
    ahead = np.hypot(centres[..., 0] - x, centres[..., 1] - y) < 2
    ground = (classes.kinds()[truth] == Kind.GROUND) & (master.costs != UNKNOWN) & ahead
    assert ground.sum() > 100
    agree = master.costs[ground] == expected_of[truth[ground]]
    assert agree.mean() > 0.7, "costs are where the street has their classes"


def test_grids_keep_their_place_and_move_in_whole_steps(seen, stamps):
    """One grid a frame at this rate; the origin stays on the cells and moves by 1 m or more."""
    places = [seen.costmap[at].info.origin.position for at in stamps]
    size = seen.costmap[stamps[0]].info.resolution
    for before, after in itertools.pairwise(places):
        for moved in (after.x - before.x, after.y - before.y):
            assert moved == pytest.approx(0, abs=1e-6) or abs(moved) >= 1 - 1e-6
            assert moved / size == pytest.approx(round(moved / size), abs=1e-4)
    assert places[0].x != places[-1].x, "the car drove on"


def test_the_grid_reaches_who_comes_late(seen, peer, stamps):
    late = peer.collect(OccupancyGrid, f"{NODE}/costmap", STATIC_LAYER_QOS)
    wait_until(lambda: late, "the latched grid")
    assert stamp(late[0]) == stamps[-1]


def test_reduced_images_are_mono8_without_padding_and_as_large_as_the_cloud(seen, stamps):
    for at in stamps:
        mask, sure, cloud = seen.nav_label_image[at], seen.nav_confidence[at], seen.nav_points[at]
        for message in (mask, sure):
            assert message.encoding == "mono8"
            assert message.step == message.width
            assert len(message.data) == message.width * message.height
            assert (message.width, message.height) == (cloud.width, cloud.height) == (80, 60)
            assert message.header.frame_id == "camera_optical_frame"
        assert pixels(mask).max() < len(CAMVID11.classes)


def test_the_cloud_is_organised_and_lies_where_the_camera_looks(seen, stamps, street, tree):
    ground_points = 0
    for index, at in enumerate(stamps):
        cloud = seen.nav_points[at]
        assert [f.name for f in cloud.fields][:3] == ["x", "y", "z"]
        assert cloud.header.frame_id == "camera_optical_frame"
        points = xyz(cloud)
        known = np.isfinite(points[..., 2])
        assert 0 < known.sum() < known.size, "the sky has no place"
        base_from_camera = tree.lookup("base_link", "camera_optical_frame", at)
        heights = points[known] @ base_from_camera[2, :3] + base_from_camera[2, 3]
        ids = pixels(seen.nav_label_image[at])[known]
        is_ground = np.isin(ids, [CAMVID11.classes.index(n) for n in ("road", "pavement")])
        np.testing.assert_allclose(heights[is_ground], 0, atol=1e-3)
        ground_points += is_ground.sum()
        k = street.frame(index).k
        u = points[..., 0] / points[..., 2] * k[0, 0] + k[0, 2]
        columns = np.broadcast_to(2 * np.arange(80) + 1, u.shape)
        np.testing.assert_allclose(u[known], columns[known], atol=0.01)
    assert ground_points > 1000


def test_the_calibration_matches_the_reduced_image(seen, stamps, street):
    k = street.frame(0).k
    for at in stamps:
        info, mask = seen.nav_camera_info[at], seen.nav_label_image[at]
        assert (info.width, info.height) == (mask.width, mask.height)
        assert info.header == mask.header
        found = np.asarray(info.k).reshape(3, 3)
        np.testing.assert_allclose(found[[0, 1], [0, 1]], k[[0, 1], [0, 1]] / 2)
        np.testing.assert_allclose(found[:2, 2], (k[:2, 2] + 0.5) / 2 - 0.5)


def test_class_names_are_those_of_the_shipped_yaml(seen, semantic_yaml):
    layer = semantic_layer(semantic_yaml)
    layer.label_info(seen.labels)
    names = {entry.class_name for entry in seen.labels.class_map}
    assert set(layer.rules) <= names, "every class of the YAML is one of the node's"
    assert sorted(layer.ignored) == ["sign", "sky"]
    assert 255 not in {entry.class_id for entry in seen.labels.class_map}


def semantic_layer(parameters) -> SemanticLayer:
    layer = parameters["semantic_layer"]
    return SemanticLayer(layer, layer[layer["observation_sources"]])


def test_the_semantic_layer_takes_what_belongs_together_once_it_knows_the_classes(
    seen, stamps, semantic_yaml, tree, street
):
    layer = semantic_layer(semantic_yaml)
    master = Master.of(semantic_yaml)
    master.roll_to(*street.frame(FRAMES - 1).world_from_base[:2, 3])

    def take(mask_at: int, cloud_at: int) -> str:
        cloud = seen.nav_points[cloud_at]
        pose = tree.lookup("odom", cloud.header.frame_id, stamp(cloud))
        messages = seen.nav_label_image[mask_at], seen.nav_confidence[mask_at], cloud
        return layer.synchronised(*messages, pose, master)

    assert take(stamps[0], stamps[0]) == "no label info"
    layer.label_info(seen.labels)
    assert take(stamps[0], stamps[1]) == "stamps"
    assert [take(at, at) for at in stamps] == [""] * FRAMES
    layer.update(master)
    assert set(np.unique(master.costs)) == {0, 127, LETHAL, UNKNOWN}

    truth = street.ground_truth_grid(FRAMES - 1, master.centres())
    road, pavement = (CAMVID11.classes.index(n) for n in ("road", "pavement"))
    assert (truth[master.costs == 0] == road).mean() > 0.7
    assert (truth[master.costs == 127] == pavement).mean() > 0.4


def test_the_obstacle_layer_marks_the_cells_of_obstacles(
    seen, stamps, costmap_yaml, master, street, tree
):
    layer = ObstacleLayer(costmap_yaml["obstacle_layer"]["segmentation"])
    at = stamps[-1]
    cloud = seen.obstacles[at]
    assert cloud.width > 0
    assert cloud.is_dense
    assert set(np.unique(field(cloud, "class_id"))) <= set(range(11))
    master.roll_to(*street.frame(FRAMES - 1).world_from_base[:2, 3])
    layer.mark(master, cloud, tree.lookup("odom", cloud.header.frame_id, at))
    marked = master.costs == LETHAL
    assert marked.sum() > 5
    costs = np.asarray(seen.costmap[at].data).reshape(240, 240)
    place = seen.costmap[at].info.origin.position
    rows, columns = np.nonzero(marked)
    centres = master.centres()[rows, columns]
    column = np.floor((centres[:, 0] - place.x) / 0.1).astype(int)
    row = np.floor((centres[:, 1] - place.y) / 0.1).astype(int)
    assert (costs[row, column] == 100).mean() > 0.8, "most of what is marked is lethal in the grid"


def test_no_filter_mask_is_published(seen, peer):
    published = peer.node.get_publisher_names_and_types_by_node("segmenter", "/street")
    assert not [name for name, _ in published if "filter" in name or name.endswith("_updates")]
    assert all(
        name.startswith(f"{NODE}/") or name in ("/diagnostics", "/rosout", "/parameter_events")
        for name, _ in published
    ), "private names only"


def test_grids_and_label_info_are_latched_and_the_rest_is_volatile(seen, peer):
    for topic in TOPICS:
        (endpoint,) = peer.node.get_publishers_info_by_topic(f"{NODE}/{topic}")
        latched = topic in {"costmap", "class_grid", "label_info"}
        profile = endpoint.qos_profile
        assert profile.reliability == QoSReliabilityPolicy.RELIABLE
        durability = QoSDurabilityPolicy
        expected = durability.TRANSIENT_LOCAL if latched else durability.VOLATILE
        assert profile.durability == expected


def test_the_last_grid_of_a_node_that_is_ended_clears(seen, peer, stamps):
    """The last test of this file: the process is gone afterwards."""
    grids = peer.collect(OccupancyGrid, f"{NODE}/costmap", STATIC_LAYER_QOS)
    wait_until(lambda: grids, "the latched grid")
    assert (np.asarray(grids[0].data) != -1).any()
    assert seen.process.end() == 0
    wait_until(lambda: len(grids) > 1, "the grid that clears")
    assert (np.asarray(grids[-1].data) == -1).all()
    assert map_faults(grids[-1]) == []
    assert grids[-1].info.origin == grids[0].info.origin
    assert stamp(grids[-1]) >= stamps[-1]
    assert "Traceback" not in seen.process.log, seen.process.log
