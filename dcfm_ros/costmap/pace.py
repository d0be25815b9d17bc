"""When a grid is due: by the stamps of frames, so that live and recorded runs agree."""

from __future__ import annotations

from collections.abc import Callable

_BACK_NS = 2_000_000_000
_BACK_FRAMES = 2
_SLACK_NS = 2_000_000  # frames do not come to the nanosecond


class GridPace:
    """Grids are due with the first frame of each period, and at once when something has changed.

    The periods are counted from stamp zero: which frames that are does not depend on when the run
    began, nor on any clock. Prompt grids keep the time of `max_rate_hz` from each other, not from
    the regular ones, so that one which comes after a while is never held back; a regular one that
    is due within that time after a prompt one is left out. A stamp more than 2 s before the newest
    starts anew, and so does a camera's second frame in a row before its newest: a short recording
    plays again. One frame a little before is late, or another camera's.
    """

    def __init__(self, rate_hz: float, max_rate_hz: float) -> None:
        self.rate_hz, self.max_rate_hz = rate_hz, max_rate_hz
        self.newest_ns: int | None = None
        self._prompt_ns: int | None = None
        self._newest_of: dict[str, int] = {}
        self._behind: dict[str, int] = {}

    def due(self, stamp_ns: int, changed: Callable[[], bool], camera: str = "") -> bool:
        """Whether to publish a grid, for `newest_ns`, now that a frame of this stamp was added.

        Args:
            stamp_ns: of the frame.
            changed: whether a prompt grid is wanted; asked only where one may be.
            camera: that took it.
        """
        newest = self.newest_ns
        if newest is None or stamp_ns < newest - _BACK_NS or self._is_back(stamp_ns, camera):
            self.newest_ns, self._prompt_ns = stamp_ns, None
            self._newest_of, self._behind = {camera: stamp_ns}, {}
            return True
        self.newest_ns = at = max(stamp_ns, newest)
        least_ns = 1e9 / max(self.rate_hz, self.max_rate_hz) - _SLACK_NS
        if self._prompt_ns is not None and at - self._prompt_ns < least_ns:
            return False
        period_ns = 1e9 / self.rate_hz
        if at // period_ns > newest // period_ns:
            return True
        if not changed():
            return False
        self._prompt_ns = at
        return True

    def _is_back(self, stamp_ns: int, camera: str) -> bool:
        newest = self._newest_of.get(camera, stamp_ns)
        self._newest_of[camera] = max(newest, stamp_ns)
        self._behind[camera] = self._behind.get(camera, 0) + 1 if stamp_ns < newest else 0
        return self._behind[camera] >= _BACK_FRAMES
