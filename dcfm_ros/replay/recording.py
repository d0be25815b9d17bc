"""The bag to play: a recording as it is, or made of a video, pictures or the synthetic street."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

from dcfm_ros.bags.convert import frames_to_bag
from dcfm_ros.bags.video import is_video, open_video
from dcfm_ros.datasets.source import Source
from dcfm_ros.progress import progress
from dcfm_ros.synthetic import StreetSettings
from dcfm_ros.synthetic.bag import write_street_bag

_RATE_FRAMES = 100


def as_bag(recording: Path, picture_rate_hz: float | None, folder: Path) -> Path:
    """The bag to play; a video or a folder of pictures becomes one in `folder` first."""
    if not is_video(recording):
        return recording
    video = open_video(recording, picture_rate_hz)
    bag = folder / recording.stem
    say(f"turning {recording} into a bag")
    frames_to_bag(progress(video.frames(), "converting", "frames", video.count), bag)
    return bag


def street_bag(settings: StreetSettings, folder: Path) -> Path:
    """A rendered street as a bag in `folder`."""
    say(
        f"rendering a street: {settings.duration_s:g} s at {settings.rate_hz:g} Hz, "
        f"{settings.width}x{settings.height}"
    )
    bag = folder / "street"
    write_street_bag(bag, settings, depth="none", progress=sys.stderr.isatty())
    return bag


def camera_hz(source: Source) -> float | None:
    """Frames per second by the stamps of the first frames; None if unknown."""
    stamps_ns = [frame.frame.stamp_ns for frame in itertools.islice(source.frames(), _RATE_FRAMES)]
    steps_ns = np.diff(stamps_ns)
    median_ns = float(np.median(steps_ns)) if steps_ns.size else 0.0
    return 1e9 / median_ns if median_ns > 0 else None


def say(step: str) -> None:
    """What happens now, for people who wait."""
    print(step, file=sys.stderr, flush=True)
