"""When a grid is due: by the stamps of frames, so that live and recorded runs agree."""

from __future__ import annotations

_BACK_NS = 2_000_000_000


class GridPace:
    """Grids are due with the first frame of each period, counted from stamp zero.

    Which frames that are does not depend on when the run began, nor on any clock. A stamp more
    than 2 s before the newest starts anew; one a little before it is another camera's.
    """

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._newest_ns: int | None = None

    def due(self, stamp_ns: int) -> bool:
        """Whether to publish a grid now that a frame of this stamp was added."""
        newest = self._newest_ns
        if newest is None or stamp_ns < newest - _BACK_NS:
            self._newest_ns = stamp_ns
            return True
        if stamp_ns <= newest:
            return False
        self._newest_ns = stamp_ns
        period_ns = 1e9 / self.rate_hz
        return stamp_ns // period_ns > newest // period_ns
