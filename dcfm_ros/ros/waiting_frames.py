"""Segmented frames that wait for their transforms, in the order in which they were segmented."""

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
    """The image's; where that names no frame, with the frame of its calibration."""
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

    Args:
        is_ready: whether a frame need not wait; called from `take` only, without any lock.
    """

    def __init__(self, is_ready: Callable[[LabelledFrame], bool]) -> None:
        self._is_ready = is_ready
        self._frames: deque[LabelledFrame] = deque()
        self._changed = threading.Condition()
        self._news = 0
        self._closed = False

    def put(self, frame: LabelledFrame) -> LabelledFrame | None:
        """Append a frame; returns at once.

        Returns:
            The frame that nobody will take: the oldest where too many wait, this one once closed.
        """
        with self._changed:
            if self._closed:
                return frame
            self._frames.append(frame)
            self._changed.notify_all()
            return self._frames.popleft() if len(self._frames) > _MOST else None

    def take(self) -> LabelledFrame | None:
        """Wait for the next frame; None once closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._frames)
                if self._closed:
                    return None
                frame, news = self._frames[0], self._news
            is_over = time.monotonic() >= frame.until_s
            is_due = is_over or self._is_ready(frame)
            with self._changed:
                if self._closed:
                    return None
                if self._frames[0] is not frame:  # too many came meanwhile
                    continue
                if is_due:
                    return self._frames.popleft()
                left_s = max(0.0, frame.until_s - time.monotonic())
                if self._news == news:
                    self._changed.wait(left_s)

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
