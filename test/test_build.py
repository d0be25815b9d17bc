"""The package built from scratch, by pip and by colcon, on the wheels of the package index."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from offline_project import BASE_PYTHON, CHECKOUT
from test_make import NONSENSE

import dcfm_ros

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KEPT = ("HOME", "PATH", "PIP_CERT", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
MESSAGE = (
    "from dcfm_ros.msg import FrameStatus as F; type(F).__import_type_support__(); print(F.REUSE)"
)
IMPORTS = """
from dcfm_ros.msg import ClassGrid, FrameStatus
from tf2_msgs.action import LookupTransform
from tf2_msgs.msg import TF2Error, TFMessage
from tf2_msgs.srv import FrameGraph
from vision_msgs.msg import Detection3DArray, LabelInfo
found = (ClassGrid, FrameStatus, LabelInfo, Detection3DArray, TFMessage, TF2Error, FrameGraph)
for message in (*found, LookupTransform):
    type(message).__import_type_support__()
from dcfm_ros.resources import resource
print(resource("config/segment.yaml"))
"""


def run(*command, cwd="/", **variables):
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    ran = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    return ran.stdout


def sources(target):
    """A copy of what would be committed, near enough."""
    ignored = (
        ".git",
        ".venv",
        "build",
        "install",
        "log",
        "out",
        "__pycache__",
        "*.egg-info",
        ".*_cache",
    )
    shutil.copytree(CHECKOUT, target, ignore=shutil.ignore_patterns(*ignored))
    return target


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """A plain environment with the ROS 2 wheels."""
    venv = tmp_path_factory.mktemp("environment") / "venv"
    run(BASE_PYTHON, "-m", "venv", venv)
    pip(venv, "-r", CHECKOUT / "requirements/ros-jazzy.txt")
    return venv


def pip(venv, *arguments):
    run(venv / "bin/python", "-m", "pip", "install", "--quiet", *arguments)


def test_pip_install_gives_package_messages_and_executables(venv, tmp_path):
    project = sources(tmp_path / "project")
    for _ in range(2):  # again: the generated interfaces must outlive the removal of the first ones
        pip(venv, "--no-deps", project)
        found = run(venv / "bin/python", "-c", IMPORTS).strip()
        assert found == str(venv / "share/dcfm_ros/config/segment.yaml")
    assert (venv / "share/ament_index/resource_index/packages/dcfm_ros").is_file()
    assert run(venv / "bin/dcfm", "--version").startswith("dcfm_ros ")
    assert run(venv / "lib/dcfm_ros/dcfm", "--version").startswith("dcfm_ros ")
    assert f"{venv}/bin/python" in (venv / "lib/dcfm_ros/segment_node").read_text()

    run(venv / "bin/python", "-m", "pip", "uninstall", "--yes", "dcfm_ros")
    left = [path for path in venv.rglob("*dcfm_ros*") if path.is_file()]
    assert left == []
    assert not list(venv.rglob("share/vision_msgs/msg"))


@pytest.mark.parametrize("options", [[], ["--symlink-install"]], ids=["copied", "linked"])
def test_colcon_builds_the_package_and_only_that(venv, tmp_path, options):
    """tf2_msgs and vision_msgs are a distribution's; the stand-ins must not shadow them."""
    pip(venv, "colcon-common-extensions")
    sources(tmp_path / "src/dcfm_ros")
    ros = {"AMENT_PREFIX_PATH": str(venv), "CMAKE_PREFIX_PATH": str(venv)}
    path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    built = run(venv / "bin/colcon", "build", *options, cwd=tmp_path, PATH=path, **ros)
    assert "Summary: 1 package finished" in built

    installed = tmp_path / "install/dcfm_ros"
    assert names(path for path in (tmp_path / "install").iterdir() if path.is_dir()) == ["dcfm_ros"]
    assert names((installed / "lib/dcfm_ros").iterdir()) == ["dcfm", "segment_node"]
    assert f"{venv}/bin/python" in (installed / "lib/dcfm_ros/segment_node").read_text()
    for folder in ("config", "launch", "models"):
        assert any((installed / "share/dcfm_ros" / folder).iterdir())
    use = f"python -c '{MESSAGE}' && install/dcfm_ros/lib/dcfm_ros/dcfm --version"
    printed = run("sh", "-c", f". install/setup.sh && {use}", cwd=tmp_path, PATH=path, **ros)
    assert printed.splitlines() == ["9", f"dcfm_ros {dcfm_ros.__version__}"]


def names(paths):
    return sorted(path.name for path in paths)


def test_make_on_a_fresh_clone_twice_in_a_shell_full_of_nonsense(tmp_path):
    """The two commands of the README, as a stranger types them."""
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", CHECKOUT, clone)
    for _ in range(2):
        run("make", "demo", cwd=clone, **NONSENSE)
        run("make", "test", "PYTEST_ARGS=test/test_messages_dds.py", cwd=clone, **NONSENSE)
    assert Path(clone / ".venv/bin/dcfm").is_file()
