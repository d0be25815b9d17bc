"""A video through the network: key-frame policies, per-camera state, execution.

The names below load on first use: the settings alone, which `--help` explains, need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import dcfm_ros.openmp  # noqa: F401  (before torch)

if TYPE_CHECKING:
    from dcfm_ros.streaming.engine import Engine
    from dcfm_ros.streaming.frames import FrameResult
    from dcfm_ros.streaming.keyframes import KeyFrameReason
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

_HOMES = {
    "Engine": "engine",
    "EngineSettings": "settings",
    "FrameResult": "frames",
    "KeyFrameReason": "keyframes",
    "KeyFrameSettings": "settings",
    "Segmenter": "segmenter",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"dcfm_ros.streaming.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
