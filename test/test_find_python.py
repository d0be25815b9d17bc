"""Which Python of the PATH carries the environment."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from offline_project import BASE_PYTHON, CHECKOUT

FIND = str(CHECKOUT / "tools/find_python")


@pytest.fixture
def path(tmp_path):
    """A PATH with nothing but what the script itself needs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "printf"):
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def add(path, name, version, *, venv=True):
    """A Python of some version, with or without venv support, as far as the script asks."""
    suitable = (3, 10) <= tuple(map(int, version.split(".")[:2])) <= (3, 13)
    script = path / name
    script.write_text(
        f"""#!/bin/sh
case "$*" in
    *ensurepip*) exit {int(not venv)} ;;
    *sys.exit*) exit {int(not suitable)} ;;
    *) echo {version} ;;
esac
"""
    )
    script.chmod(0o755)


def find(path, choice=""):
    return subprocess.run(
        [FIND, choice], env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )


def test_the_usual_python_comes_first(path):
    add(path, "python3", "3.11.2")
    add(path, "python3.12", "3.12.1")
    assert find(path).stdout == "python3\n"


def test_a_suitable_one_beside_an_old_or_too_new_one_is_found(path):
    add(path, "python3", "3.14.0")
    add(path, "python3.10", "3.10.13")
    assert find(path).stdout == "python3.10\n"


def test_one_with_venv_is_preferred(path):
    add(path, "python3", "3.11.2", venv=False)
    add(path, "python3.13", "3.13.0")
    assert find(path).stdout == "python3.13\n"


def test_one_without_venv_is_given_when_there_is_no_other(path):
    """The set-up then says which package brings it."""
    add(path, "python3", "3.11.2", venv=False)
    assert find(path).stdout == "python3\n"


def test_the_users_choice_is_the_only_candidate(path):
    add(path, "python3", "3.11.2")
    add(path, "my python", "3.9.1")
    chosen = find(path, "my python")
    assert chosen.returncode == 1
    assert "my python is 3.9.1, expected Python 3.10 to 3.13" in chosen.stderr


def test_no_python_at_all_is_one_line(path):
    none = find(path)
    assert none.returncode == 1
    assert none.stderr.startswith("error: python3 is not a Python that runs, expected")
    assert none.stderr.count("\n") == 1


def test_the_real_python_is_suitable(path):
    assert find(path, BASE_PYTHON).stdout == f"{BASE_PYTHON}\n"
