"""Options about the costmap of recordings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcfm_ros.costmap import CostmapSettings


def add_costmap_options(parser: argparse.ArgumentParser) -> None:
    """Add the group of options."""
    group = parser.add_argument_group("costmap, of bags with camera_info and tf")
    group.add_argument("--no-costmap", action="store_true", help="make none")
    group.add_argument(
        "--depth-topic",
        default="",
        metavar="TOPIC",
        help="project by aligned depth instead of the ground plane",
    )
    group.add_argument(
        "--costmap-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the node's costmap, e.g. projection.max_range_m=20; may be repeated",
    )


def costmap_settings(args: argparse.Namespace) -> CostmapSettings | None:
    """Settings of the costmap; None where none is wanted.

    Raises:
        SettingsError: an unknown name, or an invalid value.
    """
    import yaml

    from dcfm_ros.costmap import CostmapSettings
    from dcfm_ros.errors import SettingsError
    from dcfm_ros.settings import from_flat

    if args.no_costmap:
        return None
    values = {}
    for given in args.costmap_set:
        name, sign, value = given.partition("=")
        if not sign:
            raise SettingsError(f"--costmap-set: found {given!r}, expected NAME=VALUE")
        values[name.strip()] = yaml.safe_load(value)
    return from_flat(CostmapSettings, values)
