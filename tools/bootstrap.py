"""Sets up .venv and runs commands in it; `make` calls this. Standard library only.

    bootstrap.py install --torch REQUIREMENT [--torch-index URL] [--own-torch] [--test]
    bootstrap.py install --oldest
    bootstrap.py run COMMAND [ARGUMENT ...]

DCFM_VENV names another folder than .venv, below the checkout.

Each step leaves a stamp with what it was made from, and is done again when that changed. A second
run with nothing changed prints one line and needs no network.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from checks import (
    ask,
    base_python,
    check_build_tools,
    check_machine,
    check_venv_support,
    find_torch,
)
from clean_environment import clean_environment, enter_venv
from pip_runner import Pip, SetupError, say

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / (os.environ.get("DCFM_VENV") or ".venv")
PYTHON = VENV / "bin" / "python"
# what the installed copy is made from
SOURCES = (
    "CMakeLists.txt",
    "cmake",
    "config",
    "dcfm_ros",
    "interfaces",
    "launch",
    "models",
    "msg",
    "package.xml",
    "pyproject.toml",
    "requirements",
    "setup.py",
)
# torch 2.13.0 for Python 3.12 with what it depends on, where the index has no CPU build
CUDA_BUILD = "with its CUDA libraries about 2.7 GB to download, 5 GB on disk"


@dataclass(frozen=True)
class Step:
    """One part of the set-up: `make` is run when the stamp does not hold `made_from`."""

    name: str
    title: str
    made_from: str
    make: Callable[[], None]

    @property
    def stamp(self) -> Path:
        """File that holds what the step was last made from."""
        return VENV / "stamps" / self.name

    def is_done(self) -> bool:
        """Whether the step was made from the same before."""
        return self.stamp.is_file() and self.stamp.read_text() == self.made_from


def install(options: argparse.Namespace) -> None:
    """Bring .venv up to date.

    Raises:
        SetupError: something is missing; says what, and how to get it.
    """
    check_machine(platform.system(), platform.machine())
    with _alone():
        if not venv_works(explicit_python=options.python):
            create_venv(own_torch=options.own_torch)
        steps = _steps(options)
        todo = [step for step in steps if not step.is_done()]
        if any(step.name == "package" for step in todo):
            check_build_tools(PYTHON)
        for step in todo:
            say(f"[{steps.index(step) + 1}/{len(steps)}] {step.title}")
            started = time.monotonic()
            step.stamp.unlink(missing_ok=True)
            step.make()
            step.stamp.parent.mkdir(exist_ok=True)
            step.stamp.write_text(step.made_from)
            say(f"      done in {time.monotonic() - started:.0f} s")
    if not todo:
        say(f"{VENV.name} is up to date")


def _steps(options: argparse.Namespace) -> list[Step]:
    pip = Pip(PYTHON, enter_venv(os.environ, VENV), VENV / "setup.log")

    def requirements(name: str, title: str, file: str) -> Step:
        path = ROOT / "requirements" / file
        return Step(name, title, path.read_text(), lambda: pip.install(["-r", str(path)]))

    package = Step(
        name="package",
        title="dcfm_ros: messages compiled, package installed (first time: a minute or two)",
        made_from=fingerprint(SOURCES),
        make=lambda: pip.install(["--no-index", "--no-build-isolation", "--no-deps", str(ROOT)]),
    )
    if options.oldest:
        return [
            requirements("ros", "ROS 2 wheels", "ros-jazzy.txt"),
            requirements("oldest", "the oldest supported packages, without torch", "oldest.txt"),
            package,
        ]
    return [
        requirements("ros", "ROS 2 wheels", "ros-jazzy.txt"),
        _torch_step(pip, options),
        requirements("run", "Python packages", "run.txt"),
        *([requirements("test", "test tools", "test.txt")] if options.test else []),
        package,
    ]


def _torch_step(pip: Pip, options: argparse.Namespace) -> Step:
    kept = None if options.own_torch else _shared_torch()
    if kept:
        title = f"torch {kept} of this machine's Python is kept"
        return Step("torch", title, f"kept {kept}", lambda: None)
    index = ["--index-url", options.torch_index] if options.torch_index else []

    def make() -> None:
        file = pip.announce(options.torch, index)
        cuda_build = not (options.own_torch or options.torch_index or "+cpu" in file)
        if file:
            say(f"      {file}{', ' + CUDA_BUILD if cuda_build else ''}")
        pip.install([*index, options.torch])

    return Step("torch", options.torch, f"{options.torch} {options.torch_index}", make)


def _shared_torch() -> str | None:
    shared = "include-system-site-packages = true" in (VENV / "pyvenv.cfg").read_text()
    return find_torch(PYTHON, not_below=VENV) if shared else None


def create_venv(*, own_torch: bool) -> None:
    """Make .venv anew, on top of this Python's packages if torch is one of them.

    Raises:
        SetupError: this Python has no venv support, making one fails, or .venv is not ours.
    """
    check_venv_support()
    if VENV.exists() and not _mark().exists():
        raise SetupError(f"{VENV} was not made by make, which would replace it: move it away first")
    base = base_python()  # what is activated in the user's shell would not be shared
    shared = not own_torch and find_torch(base) is not None
    note = ", sharing the packages of that Python, for its torch" if shared else ""
    say(f"[0] virtual environment {VENV.name}, Python {platform.python_version()}{note}")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    _mark().touch()
    share = ["--system-site-packages"] if shared else []
    made = subprocess.run(
        [str(base), "-Es", "-m", "venv", *share, str(VENV)],
        env=clean_environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        lines = (made.stderr or made.stdout).strip().splitlines() or ["no message"]
        raise SetupError(f"python -m venv {VENV.name} failed: {lines[-1]}")
    _home().write_text(str(VENV))


def venv_works(explicit_python: str) -> bool:
    """Whether .venv is complete, where it was made, runs, and is of the Python asked for, if any.

    Without `explicit_python` any works: another Python on today's PATH is no reason to start anew.
    """
    if not _home().is_file() or _home().read_text() != str(VENV):
        return False
    version = ask(PYTHON, "import platform; print(platform.python_version())")
    return bool(version) and (not explicit_python or version == platform.python_version())


def _mark() -> Path:
    return VENV / "made_by_make"  # written first, so that the rest of a broken set-up is known


def _home() -> Path:
    return VENV / "home"  # written last; holds the path, since a moved environment does not run


def fingerprint(sources: Sequence[str]) -> str:
    """Return a digest of the names, modes and contents of all files under these paths of ROOT."""
    digest = hashlib.sha256(str(ROOT).encode())
    for source in sources:
        path = ROOT / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(ROOT)}\0{file.stat().st_mode}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the checkout, so that two `make` at once do not write the same .venv."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another make sets up this checkout; waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def run(command: Sequence[str]) -> None:
    """Replace this process by a command of .venv, with the clean variables."""
    environment = enter_venv(os.environ, VENV)
    os.execvpe(command[0], list(command), environment)


def main() -> int:
    """Read the command line; errors of the set-up end in one line."""
    parser = argparse.ArgumentParser(description="Set up .venv and run commands in it.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("install", help="bring .venv up to date")
    verb.add_argument("--python", default="", help="the Python that the user named, if any")
    verb.add_argument("--torch", default="torch", help="requirement to install torch from")
    verb.add_argument("--torch-index", default="", help="package index for torch only")
    verb.add_argument("--own-torch", action="store_true", help="do not share an existing torch")
    verb.add_argument("--test", action="store_true", help="with what the tests need")
    verb.add_argument(
        "--oldest", action="store_true", help="the oldest supported packages, tests, no torch"
    )
    verb = verbs.add_parser("run", help="run a command in .venv")
    verb.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        if options.verb == "run":
            run(options.command)
        install(options)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
