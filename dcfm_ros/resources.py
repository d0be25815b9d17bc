"""Finds the files that are installed beside the code: checkpoints, configuration, launch files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from dcfm_ros.errors import ResourceError

PACKAGE = "dcfm_ros"


def resource(relative: str) -> Path:
    """Locate an installed file.

    Args:
        relative: path below the package's share folder, e.g. `models/street.safetensors`.

    Raises:
        ResourceError: no such file in the checkout nor in an installed share folder.
    """
    roots = list(_roots())
    for root in roots:
        candidate = root / relative
        if candidate.exists():
            return candidate
    looked = ", ".join(str(root) for root in roots)
    raise ResourceError(f"no {relative} found in {looked}; reinstall {PACKAGE} or give a full path")


def _roots() -> Iterator[Path]:
    package = Path(__file__).resolve().parent
    if (package.parent / "package.xml").is_file() and (package.parent / "models").is_dir():
        yield package.parent  # a source checkout
    # .../lib/pythonX.Y/site-packages/dcfm_ros -> .../share/dcfm_ros, in a venv and under colcon
    for parent in package.parents:
        if parent.name in ("lib", "local"):
            yield parent.parent / "share" / PACKAGE
    yield Path(sys.prefix) / "share" / PACKAGE
