"""Which code a checkpoint came from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dcfm_ros


def code_version() -> str:
    """The package's version; in a git checkout with the commit, marked where files were changed."""
    root = Path(dcfm_ros.__file__).resolve().parent.parent
    if not ((root / ".git").exists() and (root / "package.xml").is_file()):
        return dcfm_ros.__version__
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return dcfm_ros.__version__
    return f"{dcfm_ros.__version__}+{done.stdout.strip()}"
