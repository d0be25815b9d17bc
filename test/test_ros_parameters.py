"""Settings as ROS parameters: declared with descriptors, refused with reasons, written as YAML."""

from __future__ import annotations

import pytest
import yaml
from rcl_interfaces.msg import ParameterType
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_harness import CHECKOUT, running_peer

from dcfm_ros.errors import SettingsError
from dcfm_ros.ros import parameters
from dcfm_ros.ros.parameter_file import yaml_text
from dcfm_ros.ros.settings import NodeSettings
from dcfm_ros.settings import flatten, from_flat


@pytest.fixture(scope="module")
def context():
    with running_peer("parameters_peer") as peer:
        yield peer.context


@pytest.fixture
def make_node(context):
    nodes = []

    def make(**given) -> Node:
        overrides = [
            Parameter(name.replace("__", "."), value=value) for name, value in given.items()
        ]
        node = Node(f"parameters_{len(nodes)}", context=context, parameter_overrides=overrides)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.destroy_node()


def test_shipped_yaml_is_what_the_dataclasses_say():
    shipped = (CHECKOUT / "config" / "segment.yaml").read_text(encoding="utf-8")
    assert shipped == yaml_text(), (
        "run python3 -m dcfm_ros.ros.parameter_file > config/segment.yaml"
    )


def test_shipped_yaml_reads_back_as_the_defaults():
    flat = dotted(yaml.safe_load(yaml_text())["/**"]["ros__parameters"])
    assert from_flat(NodeSettings, flat) == NodeSettings()
    assert set(flat) == set(flatten(NodeSettings())) - {"cameras", "costmap.costs"}


def dotted(parsed: dict, prefix: str = "") -> dict:
    flat = {}
    for name, value in parsed.items():
        inner = dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else None
        flat.update({prefix + name: value} if inner is None else inner)
    return flat


def test_every_setting_is_a_described_parameter(make_node):
    node = make_node()
    assert parameters.declare(node) == NodeSettings()
    for name, option in flatten(NodeSettings()).items():
        assert node.describe_parameter(name).description == option.doc
    interval = node.describe_parameter("key_frames.interval")
    assert interval.type == ParameterType.PARAMETER_INTEGER
    assert (interval.integer_range[0].from_value, interval.integer_range[0].to_value) == (1, 1000)
    assert (
        "one of raw, compressed"
        in node.describe_parameter("image_transport").additional_constraints
    )
    assert node.describe_parameter("autostart").read_only
    alpha = node.describe_parameter("overlay_alpha").floating_point_range[0]
    assert (alpha.from_value, alpha.to_value) == (0.0, 1.0)


def test_given_values_arrive(make_node):
    node = make_node(key_frames__interval=7, cameras=["front", "rear"], overlay_alpha=1)
    settings = parameters.declare(node)
    assert settings.key_frames.interval == 7
    assert settings.cameras == ("front", "rear")
    assert settings.overlay_alpha == 1.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key_frames__interval": 0}, r"key_frames\.interval: found 0, expected 1 to 1000"),
        ({"key_frames__interval": "x"}, r"key_frames\.interval: found 'x', expected .* int"),
        ({"key_frames__max_gap_s": "x"}, r"key_frames\.max_gap_s: found 'x', expected .* float"),
        ({"overlay_alpha": 1.5}, r"overlay_alpha: found 1\.5, expected 0\.0 to 1\.0"),
        (
            {"image_transport": "compresed"},
            r"image_transport: found 'compresed'.*did you mean 'compressed'",
        ),
        ({"cameras": ["a", "a"]}, "cameras: .*expected different names"),
        ({"cameras": "front"}, "cameras: found 'front', expected .* list of strings"),
        ({"costmap__rate_hz": 0}, r"costmap\.rate_hz: found 0\.0, expected 0\.05 to 50\.0"),
        (
            {"costmap__projection__min_range_m": 20.0},
            r"costmap\.projection\.min_range_m: found 20\.0, expected less than max_range_m",
        ),
    ],
)
def test_an_invalid_value_at_start_is_refused_with_its_reason(make_node, given, message):
    with pytest.raises(SettingsError, match="^parameter " + message):
        parameters.declare(make_node(**given))


def test_a_grid_that_would_not_fit_is_refused_with_its_size(make_node):
    with pytest.raises(
        SettingsError, match=r"^a grid of 10000 x 24 m at 0\.01 m has 1000000 x 2400"
    ):
        parameters.declare(
            make_node(costmap__grid__width_m=10000.0, costmap__grid__resolution_m=0.01)
        )


def test_parameters_that_do_not_exist_are_named_with_the_nearest(make_node):
    node = make_node(key_frames__intervall=3, xyzzy=1, use_sim_time=False)
    parameters.declare(node)
    unknown = parameters.unknown_overrides(node)
    assert "key_frames.intervall (did you mean key_frames.interval?)" in unknown
    assert "xyzzy" in unknown
    assert len(unknown) == 2


def change(state: str, **values):
    wanted = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
    return parameters.changed(NodeSettings(), wanted, state)


def test_run_time_settings_change_in_any_state():
    for state in ("unconfigured", "inactive", "active"):
        settings, answer = change(state, key_frames__interval=3)
        assert answer.successful
        assert settings.key_frames.interval == 3


def test_settings_of_configure_and_activate_change_only_before():
    assert change("unconfigured", engine__device="cpu")[1].successful
    for state in ("inactive", "active"):
        settings, answer = change(state, engine__device="cpu")
        assert not answer.successful
        assert "takes effect at configure" in answer.reason
        assert state in answer.reason
        assert settings == NodeSettings()
    assert change("inactive", image_transport="compressed")[1].successful
    answer = change("active", image_transport="compressed")[1]
    assert "takes effect at activate" in answer.reason


def test_costs_and_rate_of_the_costmap_change_at_once_and_its_shape_before_activate():
    settings, answer = change("active", costmap__costs=["road: 20"], costmap__rate_hz=5)
    assert answer.successful
    assert (settings.costmap.costs, settings.costmap.rate_hz) == (("road: 20",), 5.0)
    assert change("inactive", costmap__grid__resolution_m=0.2)[1].successful
    assert "takes effect at activate" in change("active", costmap__global_frame="map")[1].reason
    assert "takes effect at configure" in change("inactive", costmap__enabled=False)[1].reason


def test_setting_the_same_value_is_no_change():
    assert change("active", engine__device="auto")[1].successful


def test_an_invalid_change_is_refused_whole_with_its_reason():
    settings, answer = change("unconfigured", key_frames__interval=3, image_transport="smoke")
    assert not answer.successful
    assert answer.reason.startswith("image_transport: found 'smoke', expected one of raw")
    assert settings == NodeSettings()


def test_parameters_that_are_not_settings_are_let_through():
    settings, answer = change("active", use_sim_time=True)
    assert answer.successful
    assert settings == NodeSettings()
