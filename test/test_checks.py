"""What the set-up needs of the machine; one clear line where it is not there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from checks import (
    ask,
    base_python,
    check_build_tools,
    check_machine,
    check_venv_support,
    find_torch,
    major_minor,
)
from pip_runner import SetupError


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A PATH with a compiler and a cmake, to take things out of or to change."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script(folder / "cc", "true")
    script(folder / "c++", "true")
    script(folder / "cmake", "echo cmake version 3.22.1")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def script(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("system", "machine"), [("Linux", "aarch64"), ("Darwin", "x86_64"), ("Darwin", "arm64")]
)
def test_a_machine_without_wheels_is_pointed_at_the_distribution(system, machine):
    with pytest.raises(SetupError, match=rf"{system} on {machine}.*ROS 2 distribution.*colcon"):
        check_machine(system, machine)


def test_linux_on_x86_64_is_fine():
    check_machine("Linux", "x86_64")


def test_without_venv_support_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # how Debian ships it
    with pytest.raises(SetupError, match=r"no venv support: sudo apt install python3\.\d+-venv"):
        check_venv_support()


def test_this_python_has_venv_support():
    check_venv_support()


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ("cc", r"^a C compiler not found: sudo apt install build-essential"),
        ("c++", r"^a C\+\+ compiler not found"),
        ("cmake", r"^cmake not found"),
    ],
)
def test_a_missing_tool_is_named(tools, absent, message):
    (tools / absent).unlink()
    with pytest.raises(SetupError, match=message):
        check_build_tools(Path(sys.executable))


def test_an_old_cmake_is_refused_with_both_versions(tools):
    script(tools / "cmake", "echo cmake version 3.18.4")
    with pytest.raises(SetupError, match=r"cmake is 3\.18, expected 3\.22 or newer"):
        check_build_tools(Path(sys.executable))


def test_missing_headers_name_the_package(tools, tmp_path):
    python = tmp_path / "python"
    script(python, 'case "$*" in *get_path*) echo /nowhere;; *) echo 3.12.1;; esac')
    with pytest.raises(SetupError, match=r"Python.h not found in /nowhere.*python3\.12-dev"):
        check_build_tools(python)


def test_all_tools_there(tools):
    check_build_tools(Path(sys.executable))


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("2.0.1 /usr/lib/torch/__init__.py", None),
        ("2.1.0+cu121 /usr/lib/torch/__init__.py", "2.1.0+cu121"),
        ("", None),
    ],
)
def test_only_a_torch_from_2_1_on_counts(tmp_path, printed, expected):
    script(tmp_path / "python", f"echo {printed}")
    assert find_torch(tmp_path / "python") == expected


def test_a_torch_of_the_environment_itself_is_not_a_shared_one(tmp_path):
    script(tmp_path / "python", f"echo 2.13.0 {tmp_path}/.venv/torch/__init__.py")
    assert find_torch(tmp_path / "python", not_below=tmp_path) is None
    assert find_torch(tmp_path / "python", not_below=tmp_path / "x") == "2.13.0"


def test_the_base_python_is_below_every_virtual_environment():
    code = "import sys; print(sys.prefix == sys.base_prefix, sys.version)"
    assert ask(base_python(), code) == f"True {sys.version}"


def test_a_python_that_does_not_exist_has_no_torch(tmp_path):
    assert find_torch(tmp_path / "none") is None


@pytest.mark.parametrize(("text", "expected"), [("cmake version 3.25.1", (3, 25)), ("none", None)])
def test_a_version_is_found_in_a_text(text, expected):
    assert major_minor(text) == expected
