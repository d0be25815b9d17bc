"""How well the depth images of a camera fit its colour images in time."""

from __future__ import annotations

import math
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
    _nearest_ms: float = field(default=math.inf, repr=False)
    _tolerance_ms: float = field(default=0.0, repr=False)

    def match(self) -> None:
        """An image has its depth."""
        self.matched, self._in_a_row = self.matched + 1, 0

    def miss(self, nearest_ns: int | None, tolerance_ns: int) -> None:
        """An image has none; None where no depth has come at all."""
        self.missed, self._in_a_row = self.missed + 1, self._in_a_row + 1
        self._nearest_ms = math.inf if nearest_ns is None else nearest_ns / 1e6
        self._tolerance_ms = tolerance_ns / 1e6

    @property
    def problem(self) -> str:
        """What is wrong now; empty while depth is found."""
        if self._in_a_row < _OFTEN:
            return ""
        if math.isinf(self._nearest_ms):
            return "no depth image with a stamp has come; the ground is taken as flat"
        return (
            f"depth comes, none matches: nearest is {self._nearest_ms:.1f} ms off, expected at "
            f"most {self._tolerance_ms:.1f} ms, so that the ground is taken as flat; let the "
            "camera synchronise both, or raise projection.depth_tolerance_s"
        )

    @property
    def summary(self) -> str:
        """How many images had none; empty if all had one."""
        if not self.missed:
            return ""
        last = (
            "no depth image with a stamp had come"
            if math.isinf(self._nearest_ms)
            else f"at the last of them the nearest was {self._nearest_ms:.1f} ms off, expected at "
            f"most {self._tolerance_ms:.1f} ms"
        )
        return (
            f"{self.missed} of {self.missed + self.matched} images had no depth and were projected "
            f"on flat ground: {last}"
        )
