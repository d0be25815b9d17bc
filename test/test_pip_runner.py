"""What of pip's output the user sees."""

from __future__ import annotations

import pytest
from pip_runner import large_download, reason

REFUSED = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...): "
    "Failed to establish a new connection: [Errno 111] Connection refused': /simple/rclpy/\n"
)
NO_MATCH = "ERROR: No matching distribution found for rclpy==7.1.6\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "  Downloading torch-2.13.0-cp312-x86_64.whl (526.6 MB)\n",
            "torch-2.13.0-cp312-x86_64.whl, 526.6 MB",
        ),
        (
            "Using cached torch-2.13.0-cp312-x86_64.whl (1.2 GB)\n",
            "torch-2.13.0-cp312-x86_64.whl, 1.2 GB",
        ),
        (
            "  Downloading http://there/a/scipy-1.17-x86_64.whl (35.3 MB)\n",
            "scipy-1.17-x86_64.whl, 35.3 MB",
        ),
        ("  Downloading tqdm-4.70-none-any.whl (78 kB)\n", None),
        ("  Downloading torch-2.13.0-cp312-x86_64.whl.metadata (30 kB)\n", None),
        ("Collecting torch==2.13.0\n", None),
    ],
)
def test_only_large_downloads_are_announced(line, expected):
    assert large_download(line) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([REFUSED, NO_MATCH], "the package index cannot be reached"),
        ([NO_MATCH], r"the package index has no rclpy==7\.1\.6 for Python 3\.\d+"),
        (["ERROR: Could not install: [Errno 28] No space left on device\n"], "the disk is full"),
        (
            ["  error: cmake failed on tf2_msgs\n", "note: a note\n"],
            "pip failed: error: cmake failed on tf2",
        ),
        ([], "^pip failed$"),
    ],
)
def test_a_failure_has_one_reason(lines, expected):
    import re

    assert re.search(expected, reason(lines))
