"""A video through the network: key-frame policies, per-camera state, execution."""

from __future__ import annotations

import dcfm_ros.openmp  # noqa: F401  (before torch)
from dcfm_ros.streaming.engine import Engine
from dcfm_ros.streaming.keyframes import KeyFrameReason
from dcfm_ros.streaming.result import FrameResult
from dcfm_ros.streaming.segmenter import Segmenter
from dcfm_ros.streaming.settings import EngineSettings, KeyFrameSettings

__all__ = [
    "Engine",
    "EngineSettings",
    "FrameResult",
    "KeyFrameReason",
    "KeyFrameSettings",
    "Segmenter",
]
