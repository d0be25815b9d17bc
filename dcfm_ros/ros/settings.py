"""Everything that the node `segmenter` can be told, as one frozen dataclass. Free of ROS."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from dcfm_ros.costmap import CostmapSettings
from dcfm_ros.errors import SettingsError
from dcfm_ros.images.decoder import FEWEST_BITS
from dcfm_ros.images.raw import FULL_BITS
from dcfm_ros.settings import check, option
from dcfm_ros.streaming.selector import NO_ORACLE
from dcfm_ros.streaming.settings import ORACLE, EngineSettings, KeyFrameSettings

_CAMERA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


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
        "All cells turn unknown when nothing has been added for this long, in s; with use_sim_time "
        "by the simulated clock, so that a pause keeps them.",
        low=0.1,
        high=3600.0,
    )
    nav_scale: float = option(
        0.0,
        "Size of ~/nav/* as a share of the image's: consumers visit every pixel of every frame. 0: "
        "by the calibration, so that neighbouring pixels are half a cell apart at max_range_m.",
        low=0.0,
        high=1.0,
    )


@dataclass(frozen=True)
class NodeSettings:
    """The node's parameters: its own, and those of engine, key-frame selection and costmap."""

    autostart: bool = option(
        True, "Go to active without a lifecycle manager, after every start and respawn."
    )
    cameras: tuple[str, ...] = option(
        (),
        "Camera names, each with its own topics and key frames, e.g. [front, rear] for front/image "
        "and rear/image; empty: one camera on image.",
    )
    image_transport: str = option(
        "raw",
        "raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage on the resolved image "
        "topic + /compressed.",
        choices=("raw", "compressed"),
    )
    image_reliability: str = option(
        "auto",
        "Reliability asked of image publishers; auto: reliable while every publisher offers it.",
        choices=("auto", "reliable", "best_effort"),
    )
    image_bits: int = option(
        FULL_BITS,
        "Significant bits of 16-bit images, such as 12 where a camera leaves the top bits at zero.",
        low=FEWEST_BITS,
        high=FULL_BITS,
    )
    overlay_alpha: float = option(
        0.5, "Weight of the class colours in ~/color_image.", low=0.0, high=1.0
    )
    stale_after_s: float = option(
        5.0, "Warn when no image has come for this long, in s.", low=0.1, high=3600.0
    )
    diagnostics_period_s: float = option(
        1.0, "Time from one message on /diagnostics to the next, in s.", low=0.1, high=60.0
    )
    engine: EngineSettings = field(default_factory=EngineSettings)
    key_frames: KeyFrameSettings = field(default_factory=KeyFrameSettings)
    costmap: LiveCostmapSettings = field(default_factory=LiveCostmapSettings)

    def __post_init__(self) -> None:
        check(self)
        if self.key_frames.policy == ORACLE:
            raise SettingsError(NO_ORACLE)
        for name in self.cameras:
            if not _CAMERA_NAME.fullmatch(name):
                raise SettingsError(
                    f"cameras: found {name!r}, expected names of letters, digits and underscores "
                    "that start with a letter"
                )
        if len(set(self.cameras)) != len(self.cameras):
            raise SettingsError(f"cameras: found {list(self.cameras)}, expected different names")

    @property
    def camera_names(self) -> tuple[str, ...]:
        """The cameras to serve; the single unnamed camera is the empty name."""
        return self.cameras or ("",)
