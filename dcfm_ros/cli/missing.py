"""How to get a Python package that a command needs and this environment lacks."""

from __future__ import annotations

_ROS = (
    "source the setup.bash of a ROS 2 distribution, or run `make install` in the checkout of "
    "dcfm_ros and use its .venv"
)
_BUILD = "build the package with `colcon build` or `pip install .`: its messages are generated then"
_ROS_PACKAGES = ("rclpy", "rcl_interfaces", "rosgraph_msgs", "builtin_interfaces", "lifecycle_msgs")
_PIP_NAMES = {
    "cv2": "opencv-python-headless",
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "PIL": "pillow",
    "rosbags": "rosbags",
    "ruamel": "ruamel.yaml",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "torch": "torch",
    "tqdm": "tqdm",
    "yaml": "PyYAML",
}


def how_to_get(module: str) -> str:
    """What to do about a module that cannot be imported; empty for this package's own sources."""
    root = module.partition(".")[0]
    if module == "dcfm_ros.msg" or root in ("tf2_msgs", "vision_msgs"):
        return _BUILD
    if root in _ROS_PACKAGES or root.endswith("_msgs") or root == "std_srvs":
        return _ROS
    return f"pip install {_PIP_NAMES[root]}" if root in _PIP_NAMES else ""
