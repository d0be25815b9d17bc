"""What the set-up needs of the machine; each check says what is missing and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from clean_environment import clean_environment
from pip_runner import SetupError

CMAKE_AT_LEAST = (3, 22)
TORCH_AT_LEAST = (2, 1)


def check_machine(system: str, machine: str) -> None:
    """Stop on a machine for which there are no ROS 2 wheels.

    Raises:
        SetupError: with the way that is open there.
    """
    if (system, machine) != ("Linux", "x86_64"):
        raise SetupError(
            f"this is {system} on {machine}, and the ROS 2 wheels exist for Linux on x86_64 only: "
            "install a ROS 2 distribution and build with colcon (README.md, Install)"
        )


def check_venv_support() -> None:
    """Stop where this Python cannot make a virtual environment (Debian ships that apart).

    Raises:
        SetupError: names the package that brings it.
    """
    if not all(map(importlib.util.find_spec, ("ensurepip", "venv"))):
        short = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"Python {platform.python_version()} ({sys.executable}) has no venv support: "
            f"sudo apt install python{short}-venv, or name another with PYTHON=/path/to/python"
        )


def check_build_tools(python: Path) -> None:
    """Stop where the messages cannot be compiled for `python`.

    Raises:
        SetupError: names what is missing and the packages that bring it.
    """
    tools = {"a C compiler": ("cc", "gcc"), "a C++ compiler": ("c++", "g++"), "cmake": ("cmake",)}
    missing = [what for what, names in tools.items() if not any(map(shutil.which, names))]
    if missing:
        what = " and ".join(missing)
        raise SetupError(f"{what} not found: sudo apt install build-essential cmake")
    printed = subprocess.run(["cmake", "--version"], check=True, capture_output=True, text=True)
    found = major_minor(printed.stdout)
    if not found or found < CMAKE_AT_LEAST:
        raise SetupError(
            f"cmake is {_dotted(found)}, expected {_dotted(CMAKE_AT_LEAST)} or newer: "
            "pip install --user cmake"
        )
    headers = ask(python, "import sysconfig; print(sysconfig.get_path('include'))")
    if not (Path(headers) / "Python.h").is_file():
        version = _dotted(
            major_minor(ask(python, "import platform as p; print(p.python_version())"))
        )
        raise SetupError(f"Python.h not found in {headers}: sudo apt install python{version}-dev")


def base_python() -> Path:
    """Return this interpreter, or the one below it where this is a virtual environment's."""
    if sys.prefix == sys.base_prefix:
        return Path(sys.executable)
    return (
        Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    )


def find_torch(python: Path, *, not_below: Path | None = None) -> str | None:
    """Return the version of the torch that `python` imports, None if none or too old a one.

    Args:
        not_below: a torch that lies below this folder does not count.
    """
    told = ask(python, "import torch; print(torch.__version__, torch.__file__)")
    version, _, file = told.partition(" ")
    found = major_minor(version)
    if not found or found < TORCH_AT_LEAST:
        return None
    return None if not_below and Path(file).is_relative_to(not_below) else version


def ask(python: Path, code: str) -> str:
    """Run a line of Python with the clean variables; return what it prints, empty on failure."""
    try:
        asked = subprocess.run(
            [str(python), "-c", code],
            env=clean_environment(os.environ),
            cwd="/",  # the checkout is not to be imported
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def major_minor(text: str) -> tuple[int, int] | None:
    """Find the first `1.2` in a text."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _dotted(version: tuple[int, int] | None) -> str:
    return ".".join(map(str, version)) if version else "of unknown version"
