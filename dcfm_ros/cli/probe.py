"""Tries a line of Python in a child process: a broken ROS or CUDA may abort or hang on import."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

DEADLINE_S = 120.0


@dataclass(frozen=True)
class Tried:
    """How a line of Python went."""

    worked: bool
    text: str
    """What it printed, or in one line why it failed."""


def probe(code: str, deadline_s: float = DEADLINE_S) -> Tried:
    """Run a line of Python in a child with this process's import path and variables."""
    set_path = f"import json, sys; sys.path[:] = json.loads({json.dumps(sys.path)!r}); "
    command = [sys.executable, "-c", set_path + code]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=deadline_s
        )
    except subprocess.TimeoutExpired:
        return Tried(False, f"did not answer in {deadline_s:g} s")
    if child.returncode == 0:
        return Tried(True, child.stdout.strip())
    return Tried(False, _reason(child.stderr, child.returncode))


def _reason(stderr: str, code: int) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    last = lines[-1].removeprefix("dcfm_ros.errors.") if lines else "no message"
    return f"died of signal {-code}: {last}" if code < 0 else last
