"""Imports go one way, and only one room knows ROS."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "dcfm_ros"

# Everyone may import the base, which imports nothing above itself.
BASE = {"child_process", "errors", "openmp", "progress", "resources", "settings"}

# room -> the rooms that it imports, from low to high: these arrows and no others
ARROWS: dict[str, set[str]] = {
    "geometry": set(),
    "images": set(),
    "network": set(),
    "bags": {"images"},
    "costmap": {"geometry", "images"},
    "streaming": {"network"},
    "calibration": {"network", "streaming"},
    "evaluation.measure": {"costmap", "images", "network", "streaming"},
    "pipeline": {"images", "streaming"},
    "processes": {"streaming"},
    "synthetic": {"bags", "images", "network"},
    "datasets": {"bags", "images", "network", "synthetic"},
    "ros": {"bags", "costmap", "geometry", "images", "network", "pipeline", "streaming"},
    "evaluation.run": {
        "bags",
        "costmap",
        "datasets",
        "evaluation.measure",
        "geometry",
        "images",
        "network",
        "pipeline",
        "streaming",
    },
    "training": {"datasets", "evaluation.measure", "images", "network", "processes", "streaming"},
    "evaluation.report": {
        "costmap",
        "datasets",
        "evaluation.measure",
        "evaluation.run",
        "images",
        "network",
    },
    "evaluation.compare": {"evaluation.measure", "evaluation.report"},
    "evaluation.evaluate": {
        "calibration",
        "costmap",
        "datasets",
        "evaluation.measure",
        "evaluation.report",
        "evaluation.run",
        "network",
        "pipeline",
        "streaming",
    },
    "evaluation.fleet": {
        "datasets",
        "evaluation.compare",
        "evaluation.evaluate",
        "evaluation.measure",
        "evaluation.report",
        "evaluation.run",
        "network",
        "processes",
        "streaming",
    },
    "replay": {
        "bags",
        "costmap",
        "datasets",
        "evaluation.evaluate",
        "evaluation.fleet",
        "evaluation.report",
        "evaluation.run",
        "network",
        "ros",
        "streaming",
        "synthetic",
    },
    "cli": {
        "bags",
        "calibration",
        "costmap",
        "datasets",
        "evaluation.compare",
        "evaluation.evaluate",
        "evaluation.fleet",
        "evaluation.measure",
        "evaluation.report",
        "evaluation.run",
        "network",
        "pipeline",
        "processes",
        "replay",
        "ros",
        "streaming",
        "synthetic",
        "training",
    },
}

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


def room_of(module: str) -> str:
    """`dcfm_ros.costmap.feed` -> `costmap`; the parts of evaluation are rooms of their own."""
    parts = [*module.split(".")[1:], ""]
    return ".".join(parts[:2]).rstrip(".") if parts[0] == "evaluation" else parts[0]


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_rooms(file: Path) -> set[str]:
    """Rooms other than the file's own that it imports, those of the base left out."""
    names = {name for name in imported_modules(file.read_text()) if name.startswith("dcfm_ros.")}
    names = {name for name in names if not name.startswith("dcfm_ros.msg")}
    own = {room_of(module_of(file))}
    return {room for room in map(room_of, names) if room in ARROWS} - own


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_rooms_below_its_own(file):
    if file == PACKAGE / "__init__.py":
        return  # gives the main names of the package, on first use
    room = room_of(module_of(file))
    if room in BASE or room == "evaluation":
        assert not imported_rooms(file)
        return
    assert room in ARROWS, f"{room} is a new room: say here what it imports"
    assert imported_rooms(file) <= ARROWS[room]


def test_no_arrow_is_permitted_that_nothing_uses():
    used: dict[str, set[str]] = {room: set() for room in ARROWS}
    for file in files():
        if file != PACKAGE / "__init__.py" and (room := room_of(module_of(file))) in used:
            used[room] |= imported_rooms(file)
    assert used == ARROWS


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_only_the_ros_room_imports_ros(file):
    if room_of(module_of(file)) == "ros":
        return
    names = imported_modules(file.read_text())
    roots = {name.split(".")[0] for name in names}
    assert not roots & ROS_MODULES
    assert not {root for root in roots if root.endswith("_msgs")}
    assert not {name for name in names if name.startswith("dcfm_ros.msg")}


def test_the_walk_finds_an_import_inside_a_function():
    source = "def f():\n    from dcfm_ros.ros import qos\n    import rclpy.node\n"
    assert imported_modules(source) == {"dcfm_ros.ros", "rclpy.node"}


def test_the_arrows_go_one_way():
    """Rooms stand in the table from low to high: each imports only such as stand before it."""
    seen: set[str] = set()
    for room, below in ARROWS.items():
        assert below <= seen, f"{room} imports {sorted(below - seen)}, which stand above it"
        seen.add(room)


def imported_of(modules: Collection[str], source: str) -> set[str]:
    """Which of `modules` a source imports; of a package it takes names or modules, not both."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & set(modules) or {node.module} & set(modules)
    return found


def test_no_modules_import_each_other_in_a_circle():
    """Imports inside functions count: a circle that hides in them is a circle all the same."""
    modules = {module_of(file): file.read_text() for file in files()}
    left = {name: imported_of(modules, source) - {name} for name, source in modules.items()}
    while left:
        free = [name for name, imports in left.items() if not imports & set(left)]
        assert free, f"a circle among {sorted(left)}"
        for name in free:
            del left[name]
