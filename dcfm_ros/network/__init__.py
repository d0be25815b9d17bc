"""The DCFM network and its checkpoints. Knows nothing of video or ROS.

What needs torch loads on first use: reports read label sets and costs without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dcfm_ros.network.config import CONFIGS, NetworkConfig, named_config
from dcfm_ros.network.labels import LABEL_SETS, UNLABELLED, LabelSet, label_set

if TYPE_CHECKING:
    from dcfm_ros.network.checkpoint import CheckpointInfo, calibrated, load, read_info, save
    from dcfm_ros.network.dcfm import Dcfm

__all__ = [
    "CONFIGS",
    "LABEL_SETS",
    "UNLABELLED",
    "CheckpointInfo",
    "Dcfm",
    "LabelSet",
    "NetworkConfig",
    "calibrated",
    "label_set",
    "load",
    "named_config",
    "read_info",
    "save",
]

_HOMES = {
    "CheckpointInfo": "checkpoint",
    "Dcfm": "dcfm",
    "calibrated": "checkpoint",
    "load": "checkpoint",
    "read_info": "checkpoint",
    "save": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"dcfm_ros.network.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
