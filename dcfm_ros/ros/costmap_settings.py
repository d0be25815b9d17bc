"""What the live node adds to the settings of the costmap. Free of ROS."""

from __future__ import annotations

from dataclasses import dataclass

from dcfm_ros.costmap import CostmapSettings
from dcfm_ros.settings import option


@dataclass(frozen=True)
class LiveCostmapSettings(CostmapSettings):
    """The costmap of a node that runs."""

    enabled: bool = option(
        True,
        "Publish ~/costmap, ~/class_grid, ~/obstacles and ~/nav/*; nothing is computed before "
        "camera_info has come. false: no such topics, and no subscription of tf.",
    )
    clear_after_s: float = option(
        2.0,
        "All cells turn unknown when nothing has been added for this long, by the clock, in s.",
        low=0.1,
        high=3600.0,
    )
    nav_scale: float = option(
        0.25,
        "Size of ~/nav/* as a share of the image's: consumers visit every pixel of every frame.",
        low=0.01,
        high=1.0,
    )
