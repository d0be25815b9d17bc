"""Keeps the network's OpenMP threads from burning the cores that ROS callbacks need.

Import before torch: OpenMP reads its environment once, when the library loads.
"""

from __future__ import annotations

import os


def keep_threads_from_spinning() -> None:
    """Let idle OpenMP threads sleep; a setting that the user made is kept."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # GNU and LLVM OpenMP
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # LLVM and Intel OpenMP


keep_threads_from_spinning()
