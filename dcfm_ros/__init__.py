"""DCFM video semantic segmentation for ROS 2.

The names below load on first use: what needs no torch (bags, images, set-up checks) stays light.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

# The generated messages (dcfm_ros.msg) are installed beside, not inside, a source checkout.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"

if TYPE_CHECKING:
    from dcfm_ros.errors import DcfmError
    from dcfm_ros.streaming import Engine, FrameResult, Segmenter

__all__ = ["DcfmError", "Engine", "FrameResult", "Segmenter", "__version__"]

_HOMES = {
    "DcfmError": "dcfm_ros.errors",
    "Engine": "dcfm_ros.streaming",
    "FrameResult": "dcfm_ros.streaming",
    "Segmenter": "dcfm_ros.streaming",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
