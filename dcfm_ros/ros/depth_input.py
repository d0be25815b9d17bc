"""One camera's aligned depth images, found by the stamp of the image that they belong to."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node

from dcfm_ros.images.depth import image_to_depth
from dcfm_ros.ros.image_input import ImageInput, InputState
from dcfm_ros.ros.messages import stamp_ns

_KEPT = 16
_SAME_NS = 1_000_000  # some drivers round stamps
_GONE_S = 1.0


class DepthInput:
    """Subscribes one camera's depth; where nobody publishes it, nothing waits for it.

    Args:
        relative_topic: `depth`, or `front/depth` for the camera `front`, before remapping.
        reliability: auto, reliable or best_effort.
        changed: called after each image.
        warn: called with (kind, text) for problems; expected to throttle.
    """

    def __init__(
        self,
        node: Node,
        relative_topic: str,
        reliability: str,
        changed: Callable[[], None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._messages: deque[tuple[int, Any]] = deque(maxlen=_KEPT)
        self._heard_s = time.monotonic()
        self._input = ImageInput(node, relative_topic, "raw", reliability, self._receive, warn)
        self._publishers = self._input.state().publishers

    def refresh(self) -> None:
        """Look at the publishers again."""
        self._input.refresh()
        self._publishers = self._input.state().publishers

    def state(self) -> InputState:
        """What diagnostics report."""
        return self._input.state()

    def may_come(self, stamp: int) -> bool:
        """Whether the depth of an image, in ns, is not there yet but worth waiting for."""
        with self._lock:
            if not self._messages:
                return self._publishers > 0
            newest = self._messages[-1][0]
            heard_lately = time.monotonic() - self._heard_s < _GONE_S
        return heard_lately and newest < stamp - _SAME_NS

    def find(self, stamp: int) -> NDArray[np.uint16] | NDArray[np.float32] | None:
        """The depth of the image with a stamp in ns; None where there is none.

        Raises:
            ImageError: it is not a depth image.
        """
        with self._lock:
            found = [m for s, m in self._messages if abs(s - stamp) <= _SAME_NS]
        return image_to_depth(found[-1]) if found else None

    def close(self) -> None:
        """Unsubscribe."""
        self._input.close()

    def _receive(self, message: Any) -> None:
        with self._lock:
            self._messages.append((stamp_ns(message.header.stamp), message))
            self._heard_s = time.monotonic()
        self._changed()
