"""Installed files are found, and a missing one is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dcfm_ros
from dcfm_ros.errors import DcfmError
from dcfm_ros.resources import resource


def test_a_shipped_file_is_found() -> None:
    assert resource("config/fastdds.xml").is_file()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(DcfmError, match=r"no models/none\.safetensors found in .*; reinstall"):
        resource("models/none.safetensors")


def test_the_public_names_load_on_first_use() -> None:
    """Importing the package alone loads neither torch nor ROS."""
    code = (
        "import sys, dcfm_ros; assert 'torch' not in sys.modules and 'rclpy' not in sys.modules; "
        "dcfm_ros.Segmenter; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert issubclass(dcfm_ros.DcfmError, Exception)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = dcfm_ros.Nothing
