"""A checkout with this one's Makefile and tools/, whose installation needs no network and a second.

Its requirements are empty, its torch is a wheel of one line, and the command `dcfm` that it
installs tells how it was called. So the set-up runs for real: venv, pip, stamps, variables.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

from checks import base_python

CHECKOUT = Path(__file__).resolve().parent.parent
BASE_PYTHON = str(base_python())

# Tells how it was called.
DCFM = """
import json, os, pathlib, sys

def main():
    record = {"arguments": sys.argv[1:], "variables": dict(os.environ)}
    pathlib.Path("called.json").write_text(json.dumps(record))
"""
# Builds a wheel with the standard library only.
BACKEND = """
import pathlib
import zipfile

INFO = {
    "METADATA": "Metadata-Version: 2.1\\nName: dcfm_ros\\nVersion: 0.1\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "entry_points.txt": "[console_scripts]\\ndcfm = dcfm_ros.main:main\\n",
    "RECORD": "",
}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    root = pathlib.Path(__file__).parent
    name = "dcfm_ros-0.1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        for file in (root / "dcfm_ros").rglob("*.py"):
            wheel.write(file, file.relative_to(root))
        for file, text in INFO.items():
            wheel.writestr(f"dcfm_ros-0.1.dist-info/{file}", text)
    return name
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


class OfflineProject:
    """The checkout at `root`, and what it takes to run make in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(
            CHECKOUT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copy(CHECKOUT / "Makefile", root)
        (root / "requirements").mkdir()
        for name in ("ros-jazzy", "run", "test"):
            (root / "requirements" / f"{name}.txt").touch()
        (root / "dcfm_ros").mkdir()
        (root / "dcfm_ros/__init__.py").write_text("answer = 1\n")
        (root / "dcfm_ros/main.py").write_text(DCFM)
        (root / "backend.py").write_text(BACKEND)
        (root / "pyproject.toml").write_text(PYPROJECT)
        self.torch = wheel_of_torch(root / "wheels", "2.13.0+cpu")
        self.variables = {
            "HOME": str(root),
            "PATH": os.environ.get("PATH", os.defpath),
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHON": BASE_PYTHON,
            "TORCH": str(self.torch),
        }

    def make(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run make here, with the given variables on top of an otherwise empty environment."""
        return self.call("make", "--no-print-directory", *arguments, **variables)

    def bootstrap(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run tools/bootstrap.py with the Python below any virtual environment."""
        return self.call(BASE_PYTHON, "-Es", "tools/bootstrap.py", *arguments, **variables)

    def call(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout."""
        environment = {**self.variables, **variables}
        return subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def called(self) -> tuple[list[str], Mapping[str, str]]:
        """Arguments and variables of the last `dcfm`."""
        record = json.loads((self.root / "called.json").read_text())
        return record["arguments"], record["variables"]

    def python(self, code: str) -> str:
        """What a line of Python prints in the .venv."""
        python = self.root / ".venv/bin/python"
        return subprocess.run(
            [python, "-c", code],
            cwd="/",
            env=self.variables,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()


def wheel_of_torch(folder: Path, version: str) -> Path:
    """Write a wheel that is called torch and knows its version."""
    folder.mkdir(exist_ok=True)
    path = folder / f"torch-{version}-py3-none-any.whl"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("torch/__init__.py", f'__version__ = "{version}"\n')
        for name, text in files.items():
            wheel.writestr(f"torch-{version}.dist-info/{name}", text)
    return path
