"""What can be asked of a synthetic street; all else is drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass

from dcfm_ros.settings import check, option

MOTIONS = ("drive", "stop_and_go", "traffic_lights", "slow", "fast", "cut")


@dataclass(frozen=True)
class StreetSettings:
    """One synthetic video."""

    seed: int = option(1, "draws the street, its looks and its traffic", low=0)
    width: int = option(480, "image width in px", low=32, high=4096)
    height: int = option(360, "image height in px", low=32, high=4096)
    rate_hz: float = option(10.0, "frames per second", low=0.1, high=120.0)
    duration_s: float = option(10.0, "length of the video", low=0.0, high=600.0)
    motion: str = option("drive", "how the camera car moves", choices=MOTIONS)
    cars: float = option(1.0, "density of cars, 1 = usual", low=0.0, high=4.0)
    people: float = option(1.0, "density of people and bicyclists, 1 = usual", low=0.0, high=4.0)
    focal_px: float = option(0.0, "focal length; 0 = drawn from the seed", low=0.0)
    camera_height_m: float = option(
        0.0, "height of the camera; 0 = drawn from the seed", low=0.0, high=4.0
    )
    swerve: float = option(
        0.0,
        "how far the car turns off the street's direction, 1 = up to 40 degrees",
        low=0.0,
        high=1.0,
    )
    bonnet: bool = option(False, "show the car's own bonnet at the lower edge, unlabelled")
    start_ns: int = option(1_700_000_000_000_000_000, "stamp of the first frame", low=0)

    def __post_init__(self) -> None:
        check(self)

    @property
    def frame_count(self) -> int:
        """Number of frames, at least one."""
        return max(1, round(self.duration_s * self.rate_hz))
