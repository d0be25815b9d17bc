"""The set-up script, run for real on a checkout that needs no network."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys

import bootstrap
import pytest
from offline_project import BASE_PYTHON, OfflineProject, wheel_of_torch


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A checkout that is set up; the tests leave it so."""
    project = OfflineProject(tmp_path_factory.mktemp("set up") / "check out")
    first = install(project)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "[1/4] ROS 2 wheels\n" in first.stdout
    assert "torch-2.13.0+cpu-py3-none-any.whl, a local file\n" in first.stdout
    assert "[4/4] dcfm_ros" in first.stdout
    assert len(first.stdout.splitlines()) <= 10
    return project


@pytest.fixture
def empty(tmp_path):
    return OfflineProject(tmp_path / "empty")


def install(project, *arguments, torch=None, **variables):
    return project.bootstrap(
        "install", "--torch", str(torch or project.torch), *arguments, **variables
    )


def assert_one_line(run, *parts):
    """Nothing but `error: ...` on stderr, with these parts."""
    assert run.returncode == 1, run.stdout + run.stderr
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    for part in parts:
        assert part in run.stderr


def test_a_second_run_does_nothing_and_says_so(project):
    assert install(project).stdout == ".venv is up to date\n"


def test_a_changed_source_refreshes_the_installed_copy_and_nothing_else(project):
    (project.root / "dcfm_ros/__init__.py").write_text("answer = 2\n")
    again = install(project)
    assert "[4/4] dcfm_ros" in again.stdout
    assert "[3/4]" not in again.stdout
    assert project.python("import dcfm_ros; print(dcfm_ros.answer)") == "2"


def test_a_touched_source_with_the_same_content_refreshes_nothing(project):
    os.utime(project.root / "dcfm_ros/__init__.py")
    assert install(project).stdout == ".venv is up to date\n"


def test_test_tools_are_a_step_of_their_own(project):
    assert "[4/5] test tools\n" in install(project, "--test").stdout
    assert install(project, "--test").stdout == ".venv is up to date\n"
    assert install(project).stdout == ".venv is up to date\n"


def test_another_torch_replaces_the_first(project):
    other = wheel_of_torch(project.root / "wheels", "2.14.0")
    ran = install(project, torch=other)
    assert "torch-2.14.0-py3-none-any.whl, a local file, with its CUDA libraries" in ran.stdout
    assert project.python("import torch; print(torch.__version__)") == "2.14.0"
    assert install(project).returncode == 0


def test_another_python_on_the_path_is_no_reason_to_start_anew(project):
    before = (project.root / ".venv/pyvenv.cfg").stat().st_ctime_ns
    assert install(project).returncode == 0
    assert (project.root / ".venv/pyvenv.cfg").stat().st_ctime_ns == before


def test_pip_s_output_is_in_the_log(project):
    assert "Successfully installed dcfm_ros-0.1" in (project.root / ".venv/setup.log").read_text()


def test_run_enters_the_environment(project):
    code = "import os, sys; print(sys.prefix, os.environ['VIRTUAL_ENV'], sep='|')"
    ran = project.bootstrap("run", "python", "-c", code)
    assert ran.stdout == "|".join([str(project.root / ".venv")] * 2) + "\n"


def test_run_passes_the_exit_code_on(project):
    assert project.bootstrap("run", "python", "-c", "raise SystemExit(7)").returncode == 7


@pytest.fixture
def venv(project, tmp_path, monkeypatch):
    """The module's idea of .venv, here a look-alike of the one that was set up."""
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").symlink_to(project.root / ".venv/bin/python")
    (venv / "home").write_text(str(venv))
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin/python")
    return venv


def test_a_whole_environment_is_kept(venv):
    assert bootstrap.venv_works(explicit_python="")
    assert bootstrap.venv_works(explicit_python="python3")


@pytest.mark.parametrize("harm", ["no python", "elsewhere", "interrupted"])
def test_a_broken_environment_is_not_kept(venv, harm):
    if harm == "no python":
        (venv / "bin/python").unlink()
    elif harm == "elsewhere":
        (venv / "home").write_text("/somewhere/else/.venv")
    else:
        (venv / "home").unlink()  # written when all else is there
    assert not bootstrap.venv_works(explicit_python="")


def test_only_a_python_that_was_named_replaces_one_of_another_version(venv):
    (venv / "bin/python").unlink()
    (venv / "bin/python").write_text("#!/bin/sh\necho 3.10.1\n")
    (venv / "bin/python").chmod(0o755)
    assert bootstrap.venv_works(explicit_python="")
    assert not bootstrap.venv_works(explicit_python="python3.11")


def test_a_moved_checkout_is_set_up_anew(project, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(project.root, moved, symlinks=True)
    command = [BASE_PYTHON, "-Es", "tools/bootstrap.py", "install", "--torch", str(project.torch)]
    ran = subprocess.run(
        command, cwd=moved, env=project.variables, capture_output=True, text=True, check=True
    )
    assert "virtual environment .venv" in ran.stdout
    assert (moved / ".venv/bin/dcfm").read_text().startswith(f"#!{moved}/.venv/bin/python")


def test_a_second_make_waits_for_the_first(project):
    folder = os.open(project.root, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    command = [BASE_PYTHON, "-Es", "tools/bootstrap.py", "install", "--torch", str(project.torch)]
    with subprocess.Popen(
        command, cwd=project.root, env=project.variables, stdout=subprocess.PIPE, text=True
    ) as second:
        assert second.stdout.readline() == "another make sets up this checkout; waiting for it\n"
        assert second.poll() is None
        os.close(folder)
        assert second.communicate(timeout=60)[0] == ".venv is up to date\n"


def test_an_environment_of_the_user_s_own_is_not_touched(empty):
    own = empty.root / ".venv/lib/precious.py"
    own.parent.mkdir(parents=True)
    own.touch()
    assert_one_line(install(empty), ".venv was not made by make", "move it away first")
    assert own.exists()


def test_each_failure_is_one_line_and_the_next_run_goes_on(empty, tmp_path):
    (tmp_path / "bin").mkdir()
    ran = install(empty, PATH=str(tmp_path / "bin"))
    assert_one_line(ran, "a C compiler and a C++ compiler and cmake not found", "build-essential")

    requirements = empty.root / "requirements/run.txt"
    requirements.write_text("surely-not-there==1\n")
    ran = install(empty, PIP_NO_INDEX="", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert_one_line(ran, "index cannot be reached", "PIP_INDEX_URL", "setup.log")
    ran = install(empty)
    assert_one_line(ran, "the package index has no surely-not-there==1", "setup.log")

    requirements.write_text("")
    ran = install(empty)
    assert ran.returncode == 0
    assert "[2/4]" not in ran.stdout
    assert "[3/4] Python packages\n" in ran.stdout


def test_a_torch_that_the_python_has_is_kept_unless_another_is_asked_for(empty):
    """It lies in the user's own packages, which the environment shares."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    site = empty.root / f".local/lib/python{version}/site-packages"
    (site / "torch").mkdir(parents=True)
    (site / "torch/__init__.py").write_text('__version__ = "2.7.1+mine"\n')
    ran = install(empty)
    assert "sharing the packages of that Python" in ran.stdout
    assert "[2/4] torch 2.7.1+mine of this machine's Python is kept\n" in ran.stdout
    assert empty.python("import torch; print(torch.__version__)") == "2.7.1+mine"
    assert install(empty).stdout == ".venv is up to date\n"
    assert install(empty, "--own-torch").returncode == 0
    assert empty.python("import torch; print(torch.__version__)") == "2.13.0+cpu"


@pytest.mark.skipif(not shutil.which("setarch"), reason="no setarch to pretend another machine")
def test_another_machine_is_pointed_at_the_distribution(empty):
    ran = empty.call(
        "setarch", "i686", BASE_PYTHON, "-Es", "tools/bootstrap.py", "install", "--torch", "x"
    )
    assert_one_line(ran, "Linux on i686", "colcon", "README.md")
    assert not (empty.root / ".venv").exists()
