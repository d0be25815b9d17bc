"""`dcfm doctor`: what is installed, on which device it runs, what is missing and how to get it.

It imports nothing but the standard library at the start: it has to work where the rest does not.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import dcfm_ros
from dcfm_ros.cli.packages import Tried, how_to_get, probe, probe_all
from dcfm_ros.errors import DcfmError

# Name for import -> oldest version that `make test-oldest` passes with; as in requirements/run.txt.
_PYTHON_PACKAGES = {
    "numpy": "1.21.5",
    "cv2": "4.5.4",
    "safetensors": "0.4",
    "rosbags": "0.11.9",
    "yaml": "5.4",
    "tqdm": "4.57",
    "scipy": "1.8",
    "matplotlib": "3.5.1",
    "PIL": "9.0.1",
    "jinja2": "3.0.3",
}
_TORCH_AT_LEAST = "2.1"
_MESSAGE_PACKAGES = (
    "bond",
    "sensor_msgs",
    "nav_msgs",
    "std_srvs",
    "diagnostic_msgs",
    "lifecycle_msgs",
    "rosgraph_msgs",
    "tf2_msgs",
    "vision_msgs",
    "dcfm_ros",
)
_TORCH = (
    "import torch; print(torch.__version__, "
    "torch.cuda.get_device_name() if torch.cuda.is_available() else 'on CPU, no CUDA device', "
    "f'{torch.get_num_threads()} threads', sep=', ')"
)
_CHECKPOINT = (
    "from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT; "
    "from dcfm_ros.resources import resource; from dcfm_ros.network import read_info; "
    "path = resource(SHIPPED_CHECKPOINT); labels = read_info(path).labels; "
    "print(path.name, f'{len(labels.classes)} classes ({labels.name})', sep=', ')"
)
_OPTIONAL = {
    "launch": "only `ros2 launch` needs it; `dcfm demo` and `segment_node` do without",
    "launch_ros": "only `ros2 launch` needs it",
    "ros2cli": "only the `ros2` command needs it",
    "tf2_ros": "dcfm_ros reads /tf by itself",
    "cv_bridge": "dcfm_ros converts images by itself",
    "rosbag2_py": "dcfm_ros reads and writes bags by itself; `dcfm play` publishes them",
}
_SHM_MIB = 64  # three participants with the 16 MiB segments of config/fastdds.xml


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    state: Literal["ok", "note", "absent", "MISSING"]
    """MISSING keeps the main job from running, absent does not, a note is worth knowing."""
    what: str
    detail: str
    advice: str = ""


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="what is installed, which device, what is missing and how to get it",
        description="Say what is installed, which device is used, what is missing and how to get "
        "it. The exit code is 1 where a bag could not be replayed into the live node.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report.

    Returns:
        0, or 1 where the main job could not run here.
    """
    where = Path(dcfm_ros.__file__).parent
    print(f"dcfm_ros {dcfm_ros.__version__} in {where}, Python {platform.python_version()}")
    print(f"{platform.system()} {platform.machine()}, {len(os.sched_getaffinity(0))} CPU cores")
    missing = 0
    for finding in findings():
        missing += finding.state == "MISSING"
        print(f"  {finding.state:8} {finding.what:19} {finding.detail}")
        if finding.advice:
            print(f"  {'':8} {'':19} -> {finding.advice}")
    if missing:
        print(
            f"not ready: {missing} of the above is MISSING for replaying a bag into the live node"
        )
        return 1
    print("ready: a bag can be replayed into the live node with `dcfm demo`")
    return 0


def findings() -> Iterator[Finding]:
    """Look at one thing after the other."""
    yield from _python_packages()
    yield _ros()
    yield from _messages()
    yield fast_dds_profile()
    yield shared_memory()
    yield from optional_packages()


def _python_packages() -> Iterator[Finding]:
    version = (
        "import {0} as m; from importlib.metadata import version; "
        "print(getattr(m, '__version__', '') or version('{0}'))"
    )
    codes = {name: version.format(name) for name in _PYTHON_PACKAGES}
    tried = probe_all({**codes, "torch": _TORCH, "checkpoint": _CHECKPOINT})
    for name, oldest in {**_PYTHON_PACKAGES, "torch": _TORCH_AT_LEAST}.items():
        yield not_too_old(_required(name, tried[name], how_to_get(name)), oldest)
    advice = (
        "name one with --checkpoint or the parameter `engine.checkpoint`, or reinstall dcfm_ros"
    )
    if "ModuleNotFoundError" in tried["checkpoint"].text:
        advice = "get what is MISSING above first"
    yield _required("checkpoint", tried["checkpoint"], advice)


def not_too_old(found: Finding, oldest: str) -> Finding:
    """The finding, or a note where the version it starts with is below `oldest`."""
    if found.state != "ok" or _numbers(found.detail) >= _numbers(oldest):
        return found
    requirement = f"'{how_to_get(found.what).removeprefix('pip install ')}>={oldest}'"
    detail = f"{found.detail}, older than {oldest}, the oldest that is tested"
    return Finding("note", found.what, detail, f"pip install {requirement}")


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _ros() -> Finding:
    tried = probe(
        "import rclpy; rclpy.init(); print(rclpy.get_rmw_implementation_identifier()); "
        "rclpy.shutdown()"
    )
    advice = how_to_get("rclpy")
    for name in ("PYTHONPATH", "RMW_IMPLEMENTATION", "LD_LIBRARY_PATH"):
        if not tried.worked and os.environ.get(name):
            advice = f"{name} is set: try a shell where no other ROS is sourced; else {advice}"
            break
    return _required("rclpy", tried, advice, os.environ.get("ROS_DISTRO", ""))


def _messages() -> Iterator[Finding]:
    # the type support, too, which needs the compiled libraries
    support = (
        "import inspect, {} as m; "
        "[type(c).__import_type_support__() for _, c in inspect.getmembers(m, inspect.isclass)]"
    )
    names = {f"{name}.{'srv' if name == 'std_srvs' else 'msg'}": name for name in _MESSAGE_PACKAGES}
    for module, tried in probe_all({module: support.format(module) for module in names}).items():
        yield _required(module, tried, how_to_get(module), _origin(names[module]))


def _origin(package: str) -> str:
    marker = Path(sys.prefix) / "share" / package / "generated_by_dcfm_ros"
    return "generated by dcfm_ros, the environment had none" if marker.exists() else ""


def fast_dds_profile() -> Finding:
    """Whether what is started from this shell has room for images in shared memory."""
    from dcfm_ros.resources import resource
    from dcfm_ros.ros.environment import PROFILE_VARIABLES

    try:
        shipped = str(resource("config/fastdds.xml"))
    except DcfmError as error:
        return Finding("MISSING", "Fast DDS profile", str(error), "reinstall dcfm_ros")
    values = {name: os.environ.get(name, "") for name in PROFILE_VARIABLES}
    for name, value in values.items():
        if value and not Path(value).is_file():
            detail = f"{name} names {value}, which is not a file"
            return Finding("note", "Fast DDS profile", detail, f"export {name}={shipped}")
    unset = [name for name, value in values.items() if not value]
    if not unset:
        return Finding("ok", "Fast DDS profile", next(iter(values.values())))
    return Finding(
        "note",
        "Fast DDS profile",
        "not set here; what dcfm_ros starts sets it, camera drivers lose large images without it",
        f"for those: export {' '.join(f'{name}={shipped}' for name in unset)}",
    )


def shared_memory() -> Finding:
    """Whether /dev/shm takes the segments of a camera driver, the node and a viewer."""
    try:
        total_mib = shutil.disk_usage("/dev/shm").total / 2**20
    except OSError as error:
        return Finding("note", "shared memory", str(error), "mount a tmpfs at /dev/shm")
    if total_mib < _SHM_MIB:
        advice = f"in a container: --shm-size={_SHM_MIB}m or more, or --ipc=host"
        detail = f"/dev/shm has {total_mib:.0f} MiB, expected {_SHM_MIB}: images may go by UDP"
        return Finding("note", "shared memory", detail, advice)
    return Finding("ok", "shared memory", f"/dev/shm has {total_mib:.0f} MiB")


def optional_packages() -> Iterator[Finding]:
    """What a ROS distribution has beyond the wheels, and that dcfm_ros does without."""
    for name, meaning in _OPTIONAL.items():
        spec = find_spec(name)
        found = spec is not None and spec.origin is not None  # not just a folder of that name
        yield Finding("ok" if found else "absent", name, "" if found else meaning)


def _required(what: str, tried: Tried, advice: str, note: str = "") -> Finding:
    if tried.worked:
        return Finding("ok", what, ", ".join(part for part in (tried.text, note) if part))
    return Finding("MISSING", what, tried.text, advice)
