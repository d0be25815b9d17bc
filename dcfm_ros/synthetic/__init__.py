"""A small rendered street: labelled video with exact depth and pose, deterministic by seed."""

from __future__ import annotations

from dcfm_ros.synthetic.bag import write_street_bag
from dcfm_ros.synthetic.settings import StreetSettings
from dcfm_ros.synthetic.street import Street, SyntheticFrame

__all__ = [
    "Street",
    "StreetSettings",
    "SyntheticFrame",
    "write_street_bag",
]
