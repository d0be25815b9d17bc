"""Imports go one way, and only one room knows ROS."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "dcfm_ros"

# room -> the rooms that it may import; everyone may import the base
BASE = {"child_process", "errors", "openmp", "progress", "resources", "settings"}
ALLOWED: dict[str, set[str]] = {
    "network": set(),
    "streaming": {"network"},
    "images": set(),
    "geometry": set(),
    "costmap": {"geometry", "images"},
    "pipeline": {"costmap", "geometry", "images", "streaming"},
    "bags": {"images"},
    "calibration": {"network", "streaming"},
    "processes": {"streaming"},
    "synthetic": {"bags", "images", "network"},  # not geometry and costmap, which it checks
    "datasets": {"bags", "images", "network", "synthetic"},
    "evaluation": {
        "bags",
        "calibration",
        "costmap",
        "datasets",
        "geometry",
        "images",
        "network",
        "pipeline",
        "processes",
        "streaming",
    },
    "training": {
        "bags",
        "datasets",
        "evaluation",
        "images",
        "network",
        "processes",
        "streaming",
    },
    "ros": {"bags", "costmap", "geometry", "images", "network", "pipeline", "streaming"},
    "replay": {
        "bags",
        "costmap",
        "datasets",
        "evaluation",
        "network",
        "ros",
        "streaming",
        "synthetic",
    },
}
ALLOWED["cli"] = set(ALLOWED)
ALLOWED |= {name: set() for name in BASE}

# the parts of the room of evaluation, low to high
EVALUATION = ("measure", "run", "report", "evaluate", "compare", "fleet")

ROS_MODULES = {
    "ament_index_python",
    "bond",
    "builtin_interfaces",
    "cv_bridge",
    "launch",
    "launch_ros",
    "message_filters",
    "rcl_interfaces",
    "rclpy",
    "std_srvs",
    "tf2_ros",
}


def imported_modules(source: str) -> set[str]:
    """Full names of what a module imports, at any depth of its code."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they go"
            modules.add(node.module or "")
            if node.module == "dcfm_ros":
                modules.update(f"dcfm_ros.{alias.name}" for alias in node.names)
    return modules


def files() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 50
    return found


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_rooms_below_its_own(file):
    room = room_of(file)
    if room == "__init__":
        return  # gives the main names of the package, on first use
    assert room in ALLOWED, f"{room} is a new room: say here what it may import"
    rooms = {
        name.split(".")[1]
        for name in imported_modules(file.read_text())
        if name.startswith("dcfm_ros.")
    }
    known = rooms & set(ALLOWED)
    assert known <= ALLOWED[room] | BASE | {room}


@pytest.mark.parametrize("part", EVALUATION)
def test_a_part_of_evaluation_imports_only_parts_below_its_own(part):
    room = PACKAGE / "evaluation"
    own = [*room.glob(f"{part}/*.py"), *room.glob(f"{part}.py")]
    assert own
    parts = {
        name.split(".")[2]
        for file in own
        for name in imported_modules(file.read_text())
        if name.startswith("dcfm_ros.evaluation.")
    }
    assert parts <= set(EVALUATION[: EVALUATION.index(part) + 1])


def test_evaluation_has_no_other_parts():
    found = {path.stem for path in (PACKAGE / "evaluation").iterdir()}
    assert found - {"__init__", "__pycache__"} == set(EVALUATION)


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_only_the_ros_room_imports_ros(file):
    if room_of(file) == "ros":
        return
    names = imported_modules(file.read_text())
    roots = {name.split(".")[0] for name in names}
    assert not roots & ROS_MODULES
    assert not {root for root in roots if root.endswith("_msgs")}
    assert not {name for name in names if name.startswith("dcfm_ros.msg")}


def test_the_walk_finds_an_import_inside_a_function():
    source = "def f():\n    from dcfm_ros.ros import qos\n    import rclpy.node\n"
    assert imported_modules(source) == {"dcfm_ros.ros", "rclpy.node"}


def test_the_table_goes_one_way():
    """Following the arrows never comes back: the rooms can be put in an order."""
    left = {room: set(may) for room, may in ALLOWED.items() if room != "cli"}
    while left:
        free = [room for room, may in left.items() if not may & set(left)]
        assert free, f"a circle among {sorted(left)}"
        for room in free:
            del left[room]
