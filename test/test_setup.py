"""What pip's build decides before it runs cmake; test_build.py runs all of it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
from offline_project import CHECKOUT
from setuptools.errors import SetupError


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("dcfm_setup", CHECKOUT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def add_interfaces(prefix, package, *, ours):
    """What an installed interface package leaves in its prefix, as far as the build looks."""
    marker = prefix / "share/ament_index/resource_index/rosidl_interfaces" / package
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    (prefix / "share" / package).mkdir(parents=True)
    if ours:
        (prefix / "share" / package / "generated_by_dcfm_ros").touch()


def names(folders):
    return [folder.name for folder in folders]


def test_interfaces_that_the_environment_lacks_are_generated(build, tmp_path):
    assert names(build.missing_interfaces([str(tmp_path)])) == ["bond", "tf2_msgs", "vision_msgs"]


def test_interfaces_of_the_environment_are_left_alone(build, tmp_path):
    add_interfaces(tmp_path / "ros", "vision_msgs", ours=False)
    prefixes = [str(tmp_path / "venv"), str(tmp_path / "ros")]
    assert names(build.missing_interfaces(prefixes)) == ["bond", "tf2_msgs"]


def test_interfaces_that_an_earlier_build_generated_are_generated_again(build, tmp_path):
    """With the earlier installation, pip removes the earlier ones."""
    add_interfaces(tmp_path, "bond", ours=True)
    add_interfaces(tmp_path, "tf2_msgs", ours=True)
    add_interfaces(tmp_path, "vision_msgs", ours=True)
    assert names(build.missing_interfaces([str(tmp_path)])) == ["bond", "tf2_msgs", "vision_msgs"]


def test_cmake_sees_this_python_first_and_no_build_isolation(build):
    given = {
        "AMENT_PREFIX_PATH": "/opt/ros/jazzy",
        "CMAKE_GENERATOR": "Ninja",
        "PYTHONPATH": f"/tmp/pip-build-env-x/site{os.pathsep}/opt/ros/jazzy/site",
    }
    expected = {
        "AMENT_PREFIX_PATH": f"{sys.prefix}{os.pathsep}/opt/ros/jazzy",
        "CMAKE_PREFIX_PATH": sys.prefix,
        "PYTHONPATH": "/opt/ros/jazzy/site",
    }
    assert build.cmake_environment(given) == expected


def test_without_ros_the_ways_to_get_it_are_named(build, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    with pytest.raises(SetupError, match=r"no ROS 2 .*ros-jazzy\.txt.*setup\.bash"):
        build.stage(tmp_path)


def test_a_failing_cmake_is_named_after_one_fresh_try(build, tmp_path, capfd):
    (tmp_path / "CMakeLists.txt").write_text('message(FATAL_ERROR "on purpose")\n')
    with pytest.raises(SetupError, match=r"cmake failed on .*messages stand above"):
        build.run_cmake(tmp_path, tmp_path / "work", tmp_path / "prefix", dict(os.environ))
    assert "on purpose" in capfd.readouterr().err


def test_a_stale_build_folder_is_made_anew(build, tmp_path):
    """For instance after the virtual environment was replaced."""
    source, work, prefix = tmp_path / "source", tmp_path / "work", tmp_path / "prefix"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(p NONE)\n"
        "install(FILES CMakeLists.txt DESTINATION share)\n"
    )
    work.mkdir()
    (work / "configured").touch()
    build.run_cmake(source, work, prefix, dict(os.environ))
    assert (prefix / "share/CMakeLists.txt").is_file()


@pytest.mark.parametrize("folder", ["plain", "with a blank", "long" * 30])
def test_an_executable_runs_on_the_python_of_the_build(build, tmp_path, folder):
    """The kernel takes no blank in the first line, and not more than 127 characters."""
    python = tmp_path / folder / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    source = tmp_path / "source"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(dcfm_ros NONE)\n"
        f"set(Python3_EXECUTABLE [[{python}]])\n"
        f"include([[{CHECKOUT}/cmake/python_executable.cmake]])\n"
        "install_python_executable(tell said)\n"
    )
    build.run_cmake(source, tmp_path / "work", tmp_path / "prefix", dict(os.environ))
    (tmp_path / "said.py").write_text(
        "import sys\n"
        "def main():\n"
        "    print(sys.orig_argv[0], *sys.argv[1:], sep='|')\n"
        "    return 3\n"
    )
    script = tmp_path / "prefix/lib/dcfm_ros/tell"
    variables = {"PYTHONPATH": str(tmp_path), "_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1"}
    ran = subprocess.run(
        [script, "a b", "c"], env=variables, capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == (f"{python}|a b|c\n", 3)
