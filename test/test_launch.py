"""The launch file: run for real where launch is installed, read as source everywhere."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import sys
from pathlib import Path

import pytest
from ros_harness import CHECKOUT, Process, running_peer, wait_until, write_checkpoint
from sensor_msgs.msg import Image

from dcfm_ros.msg import FrameStatus
from dcfm_ros.ros.settings import NodeSettings
from dcfm_ros.settings import flatten
from dcfm_ros.synthetic import StreetSettings
from dcfm_ros.synthetic.bag import write_street_bag

FILE = CHECKOUT / "launch" / "segment.launch.py"
PUBLIC_MODULES = {
    "ament_index_python.packages",
    "launch",
    "launch.actions",
    "launch.substitutions",
    "launch_ros.actions",
    "launch_ros.parameter_descriptions",
    "launch_ros.substitutions",
    "pathlib",
    "shutil",
}
ARGUMENTS = {
    "namespace": "",
    "use_sim_time": "false",
    "params_file": None,
    "autostart": "true",
    "use_respawn": "false",
    "log_level": "info",
    "image_topic": "image",
    "camera_info_topic": "",
    "depth_topic": "depth",
    "depth_camera_info_topic": "",
    "tf_topic": "/tf",
    "tf_static_topic": "/tf_static",
    "image_transport": "",
    "checkpoint": "",
    "device": "",
    "bag": "",
    "rviz": "false",
}
HAS_LAUNCH = all(importlib.util.find_spec(name) for name in ("launch", "launch_ros"))
needs_launch = pytest.mark.skipif(not HAS_LAUNCH, reason="launch and launch_ros are not installed")


@pytest.fixture(scope="module")
def source() -> ast.Module:
    return ast.parse(FILE.read_text(encoding="utf-8"))


def test_it_uses_public_modules_only(source):
    imported = set()
    for node in ast.walk(source):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported <= PUBLIC_MODULES
    attributes = {node.attr for node in ast.walk(source) if isinstance(node, ast.Attribute)}
    assert not {name for name in attributes if name.startswith("_")}


def test_it_declares_the_arguments_that_nav2_users_know(source):
    declared = {}
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DeclareLaunchArgument":
            (default,) = [k.value for k in node.keywords if k.arg == "default_value"]
            value = default.value if isinstance(default, ast.Constant) else None
            declared[node.args[0].value] = value
    assert declared == ARGUMENTS


def test_the_parameters_that_it_sets_exist(source):
    known = {*flatten(NodeSettings()), "use_sim_time"}
    named = {
        node.value
        for node in ast.walk(source)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {"engine.checkpoint", "engine.device"} <= named & known
    assert {"autostart", "image_transport"} <= named & known


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("params_file", "/nowhere.yaml", "params_file: there is no file '/nowhere.yaml'"),
        ("log_level", "verbose", "log_level: found 'verbose', expected debug, info"),
        ("image_topic", "", "image_topic: found no name, expected a topic"),
        ("tf_topic", " ", "tf_topic: found no name"),
        ("autostart", "maybe", "autostart: found 'maybe', expected true or false"),
        ("use_sim_time", "", "use_sim_time: found '', expected true or false"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_node_starts(source, name, value, said):
    """The function itself, out of the file: launch need not be there."""
    (function,) = [n for n in source.body if getattr(n, "name", "") == "problem"]
    scope = {"Path": Path}
    exec(compile(ast.Module([function], []), str(FILE), "exec"), scope)  # noqa: S102
    given = {**ARGUMENTS, "params_file": str(CHECKOUT / "config/segment.yaml")}
    assert scope["problem"](given) == ""
    assert scope["problem"]({**given, "autostart": "False", "rviz": "1"}) == ""
    assert scope["problem"]({**given, name: value}).startswith(said)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> Path:
    """What an install leaves for the ament index, with this checkout behind it."""
    prefix = tmp_path_factory.mktemp("prefix")
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "dcfm_ros").touch()
    (prefix / "share" / "dcfm_ros").symlink_to(CHECKOUT)
    executables = prefix / "lib" / "dcfm_ros"
    executables.mkdir(parents=True)
    for name, module in (("segment_node", "ros.segment_node"), ("dcfm", "cli.main")):
        script = executables / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(CHECKOUT)!r})\n"
            f"from dcfm_ros.{module} import main\nsys.exit(main())\n"
        )
        script.chmod(0o755)
    return prefix


def launch(prefix: Path, log: Path, **arguments: object) -> Process:
    given = [f"{name}:={value}" for name, value in arguments.items()]
    paths = os.pathsep.join(filter(None, [str(prefix), os.environ.get("AMENT_PREFIX_PATH", "")]))
    return Process(
        [sys.executable, str(CHECKOUT / "test" / "launcher.py"), str(FILE), *given],
        log,
        AMENT_PREFIX_PATH=paths,
        ROS_LOG_DIR=str(log.parent / "ros_log"),
        # The launch file is to set them.
        FASTRTPS_DEFAULT_PROFILES_FILE="",
        FASTDDS_DEFAULT_PROFILES_FILE="",
    )


def pid_of_node(process: Process) -> int:
    return int(process.log.split("process started with pid [")[1].split("]")[0])


@needs_launch
def test_it_starts_the_node_and_plays_a_bag_to_it(prefix, tmp_path):
    bag, checkpoint = tmp_path / "street", tmp_path / "tiny.safetensors"
    write_street_bag(bag, StreetSettings(duration_s=5.0, width=96, height=64), depth="none")
    write_checkpoint(checkpoint)
    with running_peer("consumer") as peer:
        labels = peer.collect(Image, "/robot/segmenter/label_image")
        statuses = peer.collect(FrameStatus, "/robot/segmenter/status")
        process = launch(
            prefix,
            tmp_path / "log",
            namespace="robot",
            image_topic="/camera/image_raw",
            image_transport="compressed",
            checkpoint=checkpoint,
            device="cpu",
            bag=bag,
        )
        try:
            wait_until(lambda: labels and statuses, "labels")
            peer_view = peer.get("/robot/segmenter", "engine.checkpoint").string_value
            assert peer_view == str(checkpoint)
            assert process.end() == 0
        finally:
            process.kill()
    assert "active; waiting for images on /camera/image_raw/compressed" in process.log
    assert labels[0].header.frame_id == "camera_optical_frame"


@needs_launch
def test_with_no_argument_it_runs_the_shipped_checkpoint(prefix, tmp_path):
    process = launch(prefix, tmp_path / "log")
    try:
        process.wait_for_log("configured in")
        assert "models/street.safetensors on " in process.log
        process.wait_for_log("active; waiting for images on /image")
        environment = Path(f"/proc/{pid_of_node(process)}/environ").read_text().split("\0")
        profile = prefix / "share" / "dcfm_ros" / "config" / "fastdds.xml"
        assert f"FASTRTPS_DEFAULT_PROFILES_FILE={profile}" in environment
        assert f"FASTDDS_DEFAULT_PROFILES_FILE={profile}" in environment
        assert process.end() == 0
    finally:
        process.kill()


@needs_launch
def test_a_node_that_died_is_started_again_and_goes_to_active(prefix, tmp_path):
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors")
    process = launch(prefix, tmp_path / "log", use_respawn="true", checkpoint=checkpoint)
    active = "active; waiting for images on /image"
    try:
        process.wait_for_log(active)
        os.kill(pid_of_node(process), signal.SIGKILL)
        wait_until(lambda: process.log.count(active) == 2, "respawn")
        assert process.end() == 0
    finally:
        process.kill()
