"""The shipped configuration files: topics are the node's, classes the checkpoint's."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_harness import CHECKOUT, running_peer, write_checkpoint

from dcfm_ros.costmap import Kind, read_classes
from dcfm_ros.ros.node import SegmenterNode
from dcfm_ros.ros.settings import NodeSettings

SETTINGS = NodeSettings().costmap
CLASSES = read_classes(CHECKOUT / "config/classes/camvid.yaml")


def shipped(name: str):
    return yaml.safe_load((CHECKOUT / "config" / name).read_text(encoding="utf-8"))


def local_costmap(name: str):
    return shipped(name)["local_costmap"]["local_costmap"]["ros__parameters"]


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> dict[str, str]:
    """Type by name of the topics that a node with its defaults publishes."""
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")
    given = {"autostart": False, "engine.checkpoint": str(checkpoint)}
    with running_peer("configs") as peer:
        node = SegmenterNode(
            context=peer.context,
            parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
        )
        executor = SingleThreadedExecutor(context=peer.context)
        executor.add_node(node)
        assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
        names = node.get_publisher_names_and_types_by_node("segmenter", "/")
        node.finish()
        executor.shutdown()
        node.destroy_node()
    return {name: types[0] for name, types in names}


def test_the_static_layer_reads_the_costmap_of_the_node(published):
    parameters = local_costmap("nav2_costmap.yaml")
    layer = parameters["segmentation_layer"]
    assert published[layer["map_topic"]] == "nav_msgs/msg/OccupancyGrid"
    assert layer["map_subscribe_transient_local"]
    assert not layer["subscribe_to_updates"]
    assert layer["map_topic"] + "_updates" not in published
    cloud = parameters["obstacle_layer"]["segmentation"]["topic"]
    assert published[cloud] == "sensor_msgs/msg/PointCloud2"


def test_the_obstacle_layer_takes_all_points_and_paints_nothing_free():
    layer = local_costmap("nav2_costmap.yaml")["obstacle_layer"]
    assert layer["footprint_clearing_enabled"] is False
    source = layer[layer["observation_sources"]]
    # points of obstacles measured by depth lie up to some cm below the ground
    assert source["min_obstacle_height"] == -0.3
    assert source["max_obstacle_height"] == SETTINGS.projection.max_obstacle_height_m
    assert source["obstacle_max_range"] == SETTINGS.projection.max_range_m


def test_the_collision_monitor_stops_when_obstacles_cease(published):
    monitor = shipped("nav2_collision_monitor.yaml")["collision_monitor"]["ros__parameters"]
    [name] = monitor["observation_sources"]
    source = monitor[name]
    assert source["type"] == "pointcloud"
    assert published[source["topic"]] == "sensor_msgs/msg/PointCloud2"
    # 0.0 switches the stop off; the node's own grid must not outlive it
    assert 0 < source["source_timeout"] <= SETTINGS.clear_after_s
    assert source["min_height"] == -0.3
    assert source["max_height"] == SETTINGS.projection.max_obstacle_height_m
    assert monitor["base_frame_id"] == SETTINGS.robot_base_frame
    assert monitor["odom_frame_id"] == SETTINGS.global_frame
    [zone] = monitor["polygons"]
    assert monitor[zone]["action_type"] == "stop"
    corners = np.array(yaml.safe_load(monitor[zone]["points"]))
    assert corners.shape == (4, 2)


@pytest.mark.parametrize("document", ["README.md", "config/nav2_semantic_layer.yaml"])
def test_nothing_says_that_the_semantic_layer_forgets(document):
    """It purges votes by time; a marked cell keeps its cost until it is seen anew or rolls out."""
    text = " ".join((CHECKOUT / document).read_text(encoding="utf-8").replace("#", "").split())
    assert "forgets by time" not in text
    assert "forgotten by time" not in text
    assert "Neither layer forgets" in text


@pytest.mark.parametrize("name", ["nav2_costmap.yaml", "nav2_semantic_layer.yaml"])
def test_the_costmaps_have_the_frames_and_the_range_of_the_node(name):
    parameters = local_costmap(name)
    assert parameters["global_frame"] == SETTINGS.global_frame
    assert parameters["robot_base_frame"] == SETTINGS.robot_base_frame
    assert parameters["rolling_window"]
    grid = SETTINGS.grid
    assert parameters["resolution"] == grid.resolution_m
    assert parameters["update_frequency"] > SETTINGS.rate_hz
    # the node's grid lags behind by up to a step, and must still cover the window
    assert parameters["width"] / 2 <= grid.width_m / 2 - grid.step_m
    assert parameters["height"] / 2 <= grid.height_m / 2 - grid.step_m
    plugins = parameters["plugins"]
    assert plugins[-1] == "inflation_layer"
    assert all(parameters[plugin]["plugin"].count("::") == 1 for plugin in plugins)


def test_the_costmap_updates_more_often_than_grids_come_at_once():
    assert local_costmap("nav2_costmap.yaml")["update_frequency"] > SETTINGS.max_rate_hz


def test_graded_costs_stay_graded_and_unknown_stays_unknown():
    parameters = local_costmap("nav2_costmap.yaml")
    assert parameters["trinary_costmap"] is False
    assert parameters["lethal_cost_threshold"] == 100
    assert parameters["unknown_cost_value"] == int(np.int8(-1).view(np.uint8))
    assert parameters["track_unknown_space"]
    assert parameters["plugins"][0] == "segmentation_layer", "its unknown cells overwrite"


def test_the_semantic_layer_reads_the_reduced_images_of_the_node(published):
    layer = local_costmap("nav2_semantic_layer.yaml")["semantic_layer"]
    source = layer[layer["observation_sources"]]
    types = {
        "segmentation_topic": "sensor_msgs/msg/Image",
        "confidence_topic": "sensor_msgs/msg/Image",
        "labels_topic": "vision_msgs/msg/LabelInfo",
        "pointcloud_topic": "sensor_msgs/msg/PointCloud2",
    }
    assert {key: published[source[key]] for key in types} == types
    assert source["max_obstacle_distance"] == SETTINGS.projection.max_range_m
    assert source["min_obstacle_distance"] == SETTINGS.projection.min_range_m


def test_the_classes_of_the_semantic_layer_cost_what_they_cost_in_the_grid():
    layer = local_costmap("nav2_semantic_layer.yaml")["semantic_layer"]
    source = layer[layer["observation_sources"]]
    cost_of = {
        name: source[kind]["max_cost"]
        for kind in source["class_types"]
        for name in source[kind]["classes"]
    }
    placed = {Kind.GROUND, Kind.OBSTACLE}
    expected = {
        rule.name: 254 if rule.cost == 100 else int(rule.cost * 254 / 100)
        for rule in CLASSES.rules
        if rule.kind in placed
    }
    assert cost_of == expected


def test_rviz_shows_what_the_node_publishes(published):
    content = shipped("segment.rviz")["Visualization Manager"]
    assert content["Global Options"]["Fixed Frame"] == SETTINGS.global_frame
    types = {
        "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
        "rviz_default_plugins/Map": "nav_msgs/msg/OccupancyGrid",
        "rviz_default_plugins/PointCloud2": "sensor_msgs/msg/PointCloud2",
    }
    shown = {d["Class"]: d for d in content["Displays"] if "Topic" in d}
    assert set(shown) == set(types)
    for kind, display in shown.items():
        topic = display["Topic"]
        assert published[topic["Value"]] == types[kind]
        latched = kind.endswith("Map")
        assert topic["Durability Policy"] == ("Transient Local" if latched else "Volatile")
