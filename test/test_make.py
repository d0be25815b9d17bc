"""The make targets, run for real: what they start, with which variables, and what stops them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from offline_project import CHECKOUT, OfflineProject

NONSENSE = dict.fromkeys(
    (
        "AMENT_CURRENT_PREFIX",
        "AMENT_PREFIX_PATH",
        "CMAKE_PREFIX_PATH",
        "COLCON_PREFIX_PATH",
        "CYCLONEDDS_URI",
        "FASTDDS_DEFAULT_PROFILES_FILE",
        "FASTRTPS_DEFAULT_PROFILES_FILE",
        "PIP_PREFIX",
        "PIP_TARGET",
        "PYTHONHOME",
        "PYTHONPATH",
        "RCUTILS_COLORIZED_OUTPUT",
        "RMW_FASTRTPS_PUBLICATION_MODE",
        "RMW_IMPLEMENTATION",
        "ROS_AUTOMATIC_DISCOVERY_RANGE",
        "ROS_DISTRO",
        "ROS_DOMAIN_ID",
        "ROS_PYTHON_VERSION",
        "ROS_VERSION",
        "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
    ),
    "/nonsense/of/another/shell",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A checkout that was set up, and whose demo ran, in a shell full of nonsense."""
    project = OfflineProject(tmp_path_factory.mktemp("make"))
    ran = project.make("demo", **NONSENSE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return project


@pytest.fixture
def empty(tmp_path):
    return OfflineProject(tmp_path / "empty")


def test_the_demo_sees_no_variable_of_another_ros_or_python(project):
    arguments, variables = project.called()
    assert arguments == ["demo"]
    assert not set(NONSENSE) & set(variables)
    assert variables["HOME"] == str(project.root)


def test_the_demo_runs_again_without_a_set_up(project):
    ran = project.make("demo", **NONSENSE)
    assert (ran.returncode, ran.stdout) == (0, ".venv is up to date\n")


@pytest.mark.parametrize("bag", ["/a/bag.mcap", "a bag with blanks", "sketchy-$$HOME.bag"])
def test_the_demo_takes_the_users_bag(project, bag):
    assert project.make("demo", f"BAG={bag}").returncode == 0
    assert project.called()[0] == ["demo", bag.replace("$$HOME", str(project.root))]


def test_library_folders_of_another_ros_are_left_out_and_others_kept(project, tmp_path):
    ros, cuda = tmp_path / "ros/lib", tmp_path / "cuda/lib"
    ros.mkdir(parents=True)
    cuda.mkdir(parents=True)
    (ros / "librcutils.so").touch()
    assert project.make("doctor", LD_LIBRARY_PATH=f"{ros}:{cuda}").returncode == 0
    assert project.called()[1]["LD_LIBRARY_PATH"] == str(cuda)


def test_the_exit_code_of_what_is_started_is_passed_on(project):
    """There is no pytest in this environment."""
    ran = project.make("test")
    assert ran.returncode == 2
    assert "No module named pytest" in ran.stderr


def test_help_lists_every_target(project):
    targets = re.search(r"^\.PHONY: (.*)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    shown = project.make().stdout
    assert all(f"make {target} " in shown for target in targets[1].split())


def test_clean_leaves_nothing_behind(empty):
    before = sorted(empty.root.rglob("*"))
    for folder in (".venv/bin", "build/x", "dcfm_ros/__pycache__"):
        (empty.root / folder).mkdir(parents=True)
    assert empty.make("clean").returncode == 0
    assert sorted(empty.root.rglob("*")) == before


def test_an_unsuitable_python_is_one_line(empty, tmp_path):
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\ncase "$*" in *sys.exit*) exit 1;; *) echo 3.8.10;; esac\n')
    old.chmod(0o755)
    ran = empty.make("demo", PYTHON=str(old))
    assert ran.returncode == 2
    first, *rest = ran.stderr.splitlines()
    assert first == (
        f"error: {old} is 3.8.10, expected Python 3.10 to 3.13: install one, or name it with "
        "PYTHON=/path/to/python"
    )
    assert [line.partition(":")[0] for line in rest] == ["make"]


@pytest.mark.skipif(
    Path(sys.prefix) != CHECKOUT / ".venv", reason="not in the .venv that make set up"
)
def test_the_real_environment_is_ready_in_a_shell_full_of_nonsense():
    """Real rclpy and Fast DDS; `dcfm doctor` would say MISSING."""
    environment = {**NONSENSE, "HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        ["make", "doctor"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "rmw_fastrtps_cpp" in ran.stdout
