"""The package's own description, and the installed copy."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import dcfm_ros

SITE = Path(sys.prefix) / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


@pytest.fixture(scope="module")
def manifest(checkout):
    return ET.parse(checkout / "package.xml").getroot()


BY_PIP = any(SITE.glob("dcfm_ros-*.dist-info"))
only_by_pip = pytest.mark.skipif(not BY_PIP, reason="dcfm_ros is not installed by pip here")


def relative_files(folder):
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_version_is_the_same_everywhere(manifest, checkout):
    version = manifest.findtext("version")
    assert dcfm_ros.__version__ == version
    assert f"## {version}" in (checkout / "CHANGELOG.md").read_text()


def test_package_xml_is_one_that_catkin_pkg_takes(checkout):
    parser = pytest.importorskip("catkin_pkg.package")
    warnings = []
    package = parser.parse_package(checkout / "package.xml", warnings=warnings)
    package.validate(warnings=warnings)
    assert warnings == []
    assert package.get_build_type() == "ament_cmake"
    assert "rosidl_interface_packages" in [group.name for group in package.member_of_groups]


def requirements(checkout):
    lines = (checkout / "requirements/run.txt").read_text().splitlines()
    return {re.split(r"[><=]", line)[0] for line in lines if line and not line.startswith("#")}


def test_every_python_requirement_has_its_rosdep_key_or_comes_by_pip(manifest, checkout):
    keys = {node.text for node in manifest.iter("exec_depend")}
    by_pip = {"rosbags", "ruamel.yaml", "safetensors", "torch"}  # rosbags brings ruamel.yaml
    renamed = {
        "opencv-python-headless": "python3-opencv",
        "pillow": "python3-pil",
        "PyYAML": "python3-yaml",
    }
    for name in requirements(checkout) - by_pip:
        assert renamed.get(name, f"python3-{name}") in keys


def test_every_package_that_is_imported_is_a_requirement(checkout):
    renamed = {
        "cv2": "opencv-python-headless",
        "PIL": "pillow",
        "ruamel": "ruamel.yaml",
        "yaml": "PyYAML",
    }
    elsewhere = {
        "backports",  # zstd: rosbags requires it before Python 3.14, where `compression` has it
        "compression",
        "typing_extensions",  # for type checkers only
        "dcfm_ros",
        *sys.stdlib_module_names,
    }
    imported = set()
    for path in (checkout / "dcfm_ros").rglob("*.py"):
        if path.is_relative_to(checkout / "dcfm_ros/ros"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert {renamed.get(name, name) for name in imported - elsewhere} == requirements(checkout)


def test_every_ros_package_that_the_ros_room_imports_is_a_dependency(manifest, checkout):
    declared = {node.text for kind in ("depend", "exec_depend") for node in manifest.iter(kind)}
    texts = [path.read_text() for path in (checkout / "dcfm_ros/ros").rglob("*.py")]
    texts += [path.read_text() for path in (checkout / "launch").glob("*.py")]
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", "\n".join(texts), re.MULTILINE))
    ros = {
        name
        for name in imported
        if re.search(r"(_msgs|_srvs|_interfaces|^rclpy|^launch\w*)$", name)
    }
    assert ros
    assert ros <= declared


def test_the_ros_wheels_are_all_pinned(checkout):
    lines = (checkout / "requirements/ros-jazzy.txt").read_text().splitlines()
    ros = [line for line in lines if line.startswith("ros-")]
    assert len(ros) > 50
    assert [line for line in ros if not re.fullmatch(r"[\w\[\]-]+==[\d.]+", line)] == []


@only_by_pip
def test_the_installed_copy_equals_the_sources(checkout):
    for source, installed in [
        (checkout / "dcfm_ros", SITE / "dcfm_ros"),
        *(
            (checkout / name, Path(sys.prefix) / "share/dcfm_ros" / name)
            for name in ("config", "launch", "models")
        ),
    ]:
        files = relative_files(source)
        assert files, source
        changed = [f for f in files if (source / f).read_bytes() != (installed / f).read_bytes()]
        assert changed == []
    extra = relative_files(SITE / "dcfm_ros") - relative_files(checkout / "dcfm_ros")
    assert {path.parts[0] for path in extra if path.suffix == ".py"} == {"msg"}


@only_by_pip
@pytest.mark.parametrize("name", ["dcfm", "segment_node"])
def test_the_executables_carry_this_environments_python(name):
    script = Path(sys.prefix) / "lib/dcfm_ros" / name
    head = script.read_text().splitlines()[:2]
    assert any(f"{sys.prefix}/bin/python" in line for line in head)


@only_by_pip
def test_the_command_runs_from_any_folder(tmp_path):
    command = [Path(sys.prefix) / "bin/dcfm", "--version"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == f"dcfm_ros {dcfm_ros.__version__}\n"
