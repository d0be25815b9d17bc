"""Whether a package works here, and how to get one that does not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

DEADLINE_S = 120.0
_TOGETHER = """
import contextlib, io
found = {{}}
for name, code in json.loads({codes!r}).items():
    said = io.StringIO()
    with contextlib.suppress(Exception), contextlib.redirect_stdout(said):
        exec(code, {{}})
        found[name] = said.getvalue().strip()
print(json.dumps(found))
"""

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


@dataclass(frozen=True)
class Tried:
    """How a line of Python went."""

    worked: bool
    text: str
    """What it printed, or in one line why it failed."""


def probe(code: str, deadline_s: float = DEADLINE_S) -> Tried:
    """Run a line of Python in a child with this process's import path and variables.

    A broken ROS or CUDA may abort or hang on import.
    """
    set_path = f"import json, sys; sys.path[:] = json.loads({json.dumps(sys.path)!r}); "
    command = [sys.executable, "-c", set_path + code]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=deadline_s
        )
    except subprocess.TimeoutExpired:
        return Tried(False, f"did not answer in {deadline_s:g} s")
    if child.returncode == 0:
        return Tried(True, child.stdout.strip())
    return Tried(False, _reason(child.stderr, child.returncode))


def probe_all(codes: Mapping[str, str]) -> dict[str, Tried]:
    """Run several, by name, in one child; those that fail there again, each in its own."""
    together = probe(_TOGETHER.format(codes=json.dumps(codes)))
    found = json.loads(together.text.splitlines()[-1]) if together.worked else {}
    return {
        name: Tried(True, found[name]) if name in found else probe(code)
        for name, code in codes.items()
    }


def _reason(stderr: str, code: int) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = lines[-1].removeprefix("dcfm_ros.errors.") if lines else "no message"
    return f"died of signal {-code}: {last}" if code < 0 else last


def how_to_get(module: str) -> str:
    """What to do about a module that cannot be imported; empty for this package's own sources."""
    root = module.partition(".")[0]
    if module == "dcfm_ros.msg" or root in ("bond", "tf2_msgs", "vision_msgs"):
        return _BUILD
    if root in _ROS_PACKAGES or root.endswith("_msgs") or root == "std_srvs":
        return _ROS
    return f"pip install {_PIP_NAMES[root]}" if root in _PIP_NAMES else ""
