"""Segmented frames that wait for what places them, in the order in which they were segmented."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Header

from dcfm_ros.ros.messages import stamp_ns

_MOST = 16


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A segmented frame on its way into the grid."""

    camera: str
    header: Header
    """The image's, unchanged."""
    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    common_age_s: float
    until_s: float
    """How long it may wait, on the steady clock."""

    @property
    def stamp_ns(self) -> int:
        """Of the image."""
        return stamp_ns(self.header.stamp)


class WaitingFrames:
    """A queue whose first frame comes out when it is ready, or when its time is over.

    Where the taker does not keep up, frames whose time is over make way for newer ones of their
    camera, so that the queue never grows stale.

    Args:
        is_ready: whether a frame need not wait; called from `take` only, without any lock.
        leave_out: called with each frame that makes way.
    """

    def __init__(
        self,
        is_ready: Callable[[LabelledFrame], bool],
        leave_out: Callable[[LabelledFrame], None],
    ) -> None:
        self._is_ready = is_ready
        self._leave_out = leave_out
        self._frames: deque[LabelledFrame] = deque()
        self._changed = threading.Condition()
        self._news = 0
        self._closed = False

    def put(self, frame: LabelledFrame) -> None:
        """Append a frame, unless closed; returns at once."""
        with self._changed:
            if not self._closed:
                self._frames.append(frame)
                self._changed.notify_all()
            oldest = self._frames.popleft() if len(self._frames) > _MOST else None
        if oldest is not None:
            self._leave_out(oldest)

    def take(self) -> LabelledFrame | None:
        """Wait for the next frame; None once closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._frames)
                if self._closed:
                    return None
                frame, news = self._frames[0], self._news
            is_ready, is_over = self._is_ready(frame), time.monotonic() >= frame.until_s
            with self._changed:
                if self._closed:
                    return None
                if self._frames[0] is not frame:  # it made way meanwhile
                    continue
                if not (is_ready or is_over):
                    if self._news == news:
                        self._changed.wait(max(0.0, frame.until_s - time.monotonic()))
                    continue
                self._frames.popleft()
                is_late = is_ready and is_over
                if not (is_late and any(f.camera == frame.camera for f in self._frames)):
                    return frame
            self._leave_out(frame)

    def wake(self) -> None:
        """Look again whether the first frame is ready."""
        with self._changed:
            self._news += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let `take` return None from now on; what waits is dropped."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()
