"""A small rendered street: labelled video with exact depth and pose, deterministic by seed.

The names below load on first use: the settings alone, which `--help` explains, need no renderer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcfm_ros.synthetic.bag import write_street_bag
    from dcfm_ros.synthetic.settings import StreetSettings
    from dcfm_ros.synthetic.street import Street, SyntheticFrame

__all__ = [
    "Street",
    "StreetSettings",
    "SyntheticFrame",
    "write_street_bag",
]

_HOMES = {
    "Street": "street",
    "StreetSettings": "settings",
    "SyntheticFrame": "street",
    "write_street_bag": "bag",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"dcfm_ros.synthetic.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
