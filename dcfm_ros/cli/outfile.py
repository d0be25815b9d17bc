"""Checks where a file is to go before hours of work go into it."""

from __future__ import annotations

from pathlib import Path

from dcfm_ros.errors import SettingsError


def check_out_file(path: Path) -> None:
    """Make the folder of a file to be written.

    Raises:
        SettingsError: the path is a folder, or its folder cannot be made.
    """
    if path.is_dir():
        raise SettingsError(f"{path} is a folder, expected the path of a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot write to {path}: {error.strerror}") from None
