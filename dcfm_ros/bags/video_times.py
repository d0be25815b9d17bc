"""When the frames of a video file were taken: the times that its container gives to each.

Phones, screen recorders and stream recorders write frames as they come; their rate says little.
"""

from __future__ import annotations

import math
from pathlib import Path

_NS_PER_MS = 1e6
_BARE = {
    b"\xff\xd8\xff": "Motion-JPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b"\x00\x00\x01\xb0": "MPEG-4",
    b"\x00\x00\x00\x01": "H.264 or H.265",
}
"""How streams without a container begin: they hold no times, whatever OpenCV makes up for them."""


class FrameTimes:
    """Offsets of the frames of a video from its first, as OpenCV names their times one by one.

    OpenCV before 4.7 names none for the last frames, and some containers none at all. Such a frame
    is put one frame period after the one before it. Where the clock jumps back (videos that were
    joined, a stream that was started anew) it goes on from there.

    Args:
        period_ns: of frames whose time is not known.

    Attributes:
        unknown: how many frames had no usable time.
    """

    def __init__(self, period_ns: int) -> None:
        self.unknown = 0
        self._period_ns = period_ns
        self._last_ns = -period_ns
        self._zero_ms: float | None = None
        """What the container's clock shows less the offset."""

    def offset_ns(self, time_ms: float) -> int:
        """Nanoseconds from the first frame to this one; greater than those of the frame before."""
        follows_ns = self._last_ns + self._period_ns
        zero_ms = time_ms - follows_ns / _NS_PER_MS
        if self._zero_ms is None and math.isfinite(time_ms):
            self._zero_ms = zero_ms
        offset_ns = -math.inf
        if self._zero_ms is not None:
            offset_ns = (time_ms - self._zero_ms) * _NS_PER_MS
        if not offset_ns > self._last_ns:
            self.unknown += 1
            offset_ns = follows_ns
            self._zero_ms = zero_ms if math.isfinite(time_ms) else self._zero_ms
        self._last_ns = round(offset_ns)
        return self._last_ns


def bare_stream(path: Path) -> str | None:
    """What a video file without container holds; None where it has one."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for magic, name in _BARE.items() if start.startswith(magic)), None)
