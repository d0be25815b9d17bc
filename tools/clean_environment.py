"""The variables for what `make` starts: those of another ROS or another Python are left out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# A sourced ROS shell sets these: another rclpy or middleware would replace, or abort, the wheels'.
PREFIXES = (
    "AMENT_",
    "COLCON_",
    "CYCLONEDDS_",
    "FASTDDS_",
    "FASTRTPS_",
    "RCL_",
    "RCUTILS_",
    "RMW_",
    "ROS_",
    "_ROS_",  # the wheels' own guard: set, it keeps them from finding their libraries
)
NAMES = (
    "CMAKE_PREFIX_PATH",
    "PIP_PREFIX",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONHOME",
    "PYTHONPATH",
)
ROS_LIBRARY = "librcutils.so"


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Copy `environment` without the variables of another ROS or another Python.

    LD_LIBRARY_PATH keeps the folders that hold no ROS.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name not in NAMES and not name.startswith(PREFIXES)
    }
    entries = kept.pop("LD_LIBRARY_PATH", "").split(os.pathsep)
    libraries = [entry for entry in entries if entry and not (Path(entry) / ROS_LIBRARY).exists()]
    if libraries:
        kept["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    return kept


def enter_venv(environment: Mapping[str, str], venv: Path) -> dict[str, str]:
    """Return the clean variables with `venv` activated."""
    entered = clean_environment(environment)
    entered["VIRTUAL_ENV"] = str(venv)
    entered["PATH"] = os.pathsep.join([str(venv / "bin"), entered.get("PATH", os.defpath)])
    return entered
