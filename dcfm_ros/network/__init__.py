"""The DCFM network and its checkpoints. Knows nothing of video or ROS."""

from __future__ import annotations

from dcfm_ros.network.checkpoint import CheckpointInfo, calibrated, load, read_info, save
from dcfm_ros.network.config import CONFIGS, NetworkConfig, named_config
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.labels import LABEL_SETS, UNLABELLED, LabelSet, label_set

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
