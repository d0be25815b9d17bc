"""How well the depth images of a camera fit its colour images in time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

_USUAL_PERIOD_NS = 33_333_333
_MOST_TOLERANCE_NS = 50_000_000
_LOOKED_AT = 9
_OFTEN = 3


class FramePeriod:
    """The period of a camera's images, by the stamps of the last few."""

    def __init__(self) -> None:
        self._stamps: deque[int] = deque(maxlen=_LOOKED_AT)

    def half_ns(self, stamp_ns: int) -> int:
        """Half of it once an image of this stamp has come, at most 50 ms; at 30 Hz at first."""
        if stamp_ns:
            self._stamps.append(stamp_ns)
        steps = [after - before for before, after in pairwise(self._stamps) if after > before]
        return min(_MOST_TOLERANCE_NS, round((median(steps) if steps else _USUAL_PERIOD_NS) / 2))


def none_came() -> str:
    """Why an image has no depth: there is none."""
    return "no depth image with a stamp has come"


def none_matches(distance_ns: int, tolerance_ns: int) -> str:
    """Why an image has no depth: the nearest is too far away."""
    return (
        f"depth comes, none matches: nearest is {distance_ns / 1e6:.1f} ms off, expected at most "
        f"{tolerance_ns / 1e6:.1f} ms; let the camera synchronise both, or raise "
        "projection.depth_tolerance_s"
    )


def not_aligned(found: str, expected: str) -> str:
    """Why an image has no depth: it is another camera's."""
    return (
        f"depth comes in frame {found!r}, expected {expected!r}, that of the image, whose pixels "
        "it must be aligned to; give the topic of the driver's aligned depth, or the topic of its "
        "own camera_info, by which it is registered, or, if it is aligned, set "
        "projection.depth_frame_any"
    )


def not_registered(frame: str, reason: str) -> str:
    """Why an image has no depth: it cannot be moved to the image's camera."""
    return f"depth in frame {frame!r} cannot be registered to the image: {reason}"


def other_aspect(found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Why an image has no depth: its pixels are not the image's."""
    return (
        f"depth comes with {found[1]}x{found[0]} px for labels of {expected[1]}x{expected[0]} px, "
        "another aspect ratio; give the topic of the driver's aligned depth, or of the depth "
        "camera's own camera_info, by which it is registered"
    )


@dataclass
class DepthMatches:
    """What became of the search for the depth image of each image.

    Attributes:
        matched: images that have one.
        missed: images without one; they are projected on the ground plane.
    """

    matched: int = 0
    missed: int = 0
    _in_a_row: int = field(default=0, repr=False)
    _before: int = field(default=0, repr=False)
    _reason: str = field(default="", repr=False)

    def match(self) -> None:
        """An image has its depth."""
        self.matched, self._before, self._in_a_row = self.matched + 1, self._in_a_row, 0

    def miss(self, reason: str) -> None:
        """An image has none."""
        self.missed, self._in_a_row, self._reason = self.missed + 1, self._in_a_row + 1, reason

    def spoil(self, reason: str) -> None:
        """The depth that was matched last turns out to be of no use."""
        self.matched, self._in_a_row = self.matched - 1, self._before
        self.miss(reason)

    @property
    def problem(self) -> str:
        """What is wrong now; empty while depth is found."""
        return f"the ground is taken as flat: {self._reason}" if self._in_a_row >= _OFTEN else ""

    @property
    def summary(self) -> str:
        """How many images had none, and why the last had none; empty if all had one."""
        if not self.missed:
            return ""
        return (
            f"{self.missed} of {self.missed + self.matched} images had no depth and were projected "
            f"on flat ground: {self._reason}"
        )
