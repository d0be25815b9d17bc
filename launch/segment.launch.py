"""Start the node `segmenter`, and on request a bag to segment and RViz to look at it.

ros2 launch dcfm_ros segment.launch.py image_topic:=/camera/image_raw

Only public API of launch and launch_ros that Humble to Lyrical share.
"""

import shutil
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import ExecutableInPackage, FindPackageShare

from launch import LaunchDescription

PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
# For the node to load and warm up: `ros2 bag play` cannot wait for subscribers.
BAG_DELAY_S = "5"


def installed(*parts):
    return PathJoinSubstitution([FindPackageShare("dcfm_ros"), *parts])


ARGUMENTS = [
    DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node."),
    DeclareLaunchArgument(
        "use_sim_time", default_value="false", description="Take the time from /clock."
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=installed("config", "segment.yaml"),
        description="Parameters of the node.",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        description="Go to active by itself; false under a lifecycle manager.",
    ),
    DeclareLaunchArgument(
        "use_respawn", default_value="false", description="Start the node again when it ends."
    ),
    DeclareLaunchArgument(
        "log_level", default_value="info", description="debug, info, warn, error."
    ),
    DeclareLaunchArgument(
        "image_topic", default_value="image", description="Topic of the raw camera images."
    ),
    DeclareLaunchArgument(
        "camera_info_topic",
        default_value="",
        description="Topic of the calibration; empty: camera_info beside image_topic.",
    ),
    DeclareLaunchArgument(
        "depth_topic",
        default_value="depth",
        description="Topic of depth images, aligned to the camera's or with a camera_info of their "
        "own, where there are any.",
    ),
    DeclareLaunchArgument(
        "depth_camera_info_topic",
        default_value="",
        description="Topic of the depth camera's own calibration; empty: beside depth_topic.",
    ),
    DeclareLaunchArgument(
        "tf_topic", default_value="/tf", description="Topic of transforms, such as /robot1/tf."
    ),
    DeclareLaunchArgument(
        "tf_static_topic", default_value="/tf_static", description="Topic of static transforms."
    ),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        description="raw, or compressed for image_topic/compressed; empty: as in params_file.",
    ),
    DeclareLaunchArgument(
        "checkpoint", default_value="", description="Checkpoint; empty: as in params_file."
    ),
    DeclareLaunchArgument(
        "device", default_value="", description="auto, cpu, cuda, ...; empty: as in params_file."
    ),
    DeclareLaunchArgument("bag", default_value="", description="A bag to play; empty: none."),
    DeclareLaunchArgument(
        "rviz", default_value="false", description="Show overlay and costmap in RViz."
    ),
]


def generate_launch_description():
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context):
    """The actions, now that the arguments are known."""
    given = {
        argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS
    }
    if found := problem(given):
        raise RuntimeError(found)
    actions = [*fast_dds_profile(context), segmenter(given)]
    if given["bag"]:
        actions.append(play(given))
    if is_true(given["rviz"]):
        actions.append(rviz(given))
    return actions


def problem(given):
    """What is wrong with the arguments, in one line; empty if nothing is."""
    for name in ("use_sim_time", "autostart", "use_respawn", "rviz"):
        if given[name].lower() not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
            return f"{name}: found {given[name]!r}, expected true or false"
    level, file = given["log_level"], given["params_file"]
    if level.lower() not in ("debug", "info", "warn", "error", "fatal"):
        return f"log_level: found {level!r}, expected debug, info, warn, error or fatal"
    for name in ("image_topic", "depth_topic", "tf_topic", "tf_static_topic"):
        if not given[name].strip():
            return f"{name}: found no name, expected a topic"
    if not Path(file).is_file():
        return f"params_file: there is no file {file!r}; give the path of a YAML file"
    return ""


def fast_dds_profile(context):
    """Give images room in shared memory, unless the user has a profile of their own."""
    environment = context.environment
    if any(environment.get(name) for name in PROFILE_VARIABLES):
        return []
    profile = installed("config", "fastdds.xml").perform(context)
    return [SetEnvironmentVariable(name, profile) for name in PROFILE_VARIABLES]


def segmenter(given):
    parameters = {
        "use_sim_time": is_true(given["use_sim_time"]),
        "autostart": is_true(given["autostart"]),
    }
    for argument, parameter in (
        ("image_transport", "image_transport"),
        ("checkpoint", "engine.checkpoint"),
        ("device", "engine.device"),
    ):
        if given[argument]:
            parameters[parameter] = ParameterValue(given[argument], value_type=str)
    remappings = [
        ("image", given["image_topic"]),
        ("depth", given["depth_topic"]),
        ("/tf", given["tf_topic"]),
        ("/tf_static", given["tf_static_topic"]),
    ]
    for name, argument in (
        ("camera_info", "camera_info_topic"),
        ("depth/camera_info", "depth_camera_info_topic"),
    ):
        if given[argument]:
            remappings.append((name, given[argument]))
    return Node(
        package="dcfm_ros",
        executable="segment_node",
        name="segmenter",
        namespace=given["namespace"],
        parameters=[given["params_file"], parameters],
        remappings=remappings,
        ros_arguments=["--log-level", given["log_level"]],
        respawn=is_true(given["use_respawn"]),
        respawn_delay=2.0,
        output="screen",
    )


def play(given):
    """Play the bag by rosbag2, or by `dcfm play` where rosbag2 is absent or cannot read it."""
    bag, sim_time = given["bag"], is_true(given["use_sim_time"])
    clock = ["--clock", "100"] if sim_time else []
    if has_rosbag2() and not bag.endswith(".bag"):
        command = ["ros2", "bag", "play", bag, "--delay", BAG_DELAY_S, *clock]
        return ExecuteProcess(cmd=command, output="screen")
    dcfm = ExecutableInPackage(executable="dcfm", package="dcfm_ros")
    return ExecuteProcess(cmd=[dcfm, "play", bag, "--wait-for", *clock], output="screen")


def has_rosbag2():
    try:
        get_package_prefix("ros2bag")
    except PackageNotFoundError:
        return False
    return shutil.which("ros2") is not None


def rviz(given):
    namespace = given["namespace"].strip("/")
    own = f"/{namespace}/segmenter" if namespace else "/segmenter"
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", installed("config", "segment.rviz")],
        remappings=[
            (f"/segmenter/{topic}", f"{own}/{topic}")
            for topic in ("color_image", "costmap", "costmap_updates", "obstacles")
        ],
        parameters=[{"use_sim_time": is_true(given["use_sim_time"])}],
        output="screen",
    )


def is_true(text):
    return text.lower() in ("true", "1", "yes", "on")
