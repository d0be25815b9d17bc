"""One camera of the node: a frame goes in, label image and status go out, every fate is counted."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from std_msgs.msg import Header

from dcfm_ros.errors import DcfmError, ImageError
from dcfm_ros.images import overlay
from dcfm_ros.msg import FrameStatus
from dcfm_ros.network.labels import LabelSet
from dcfm_ros.pipeline import CameraPipeline, DecodedImage
from dcfm_ros.ros.counts import Drop, FrameCounter, RecentFrames
from dcfm_ros.ros.messages import Timing, frame_status, stamp_ns
from dcfm_ros.ros.publishers import CameraPublishers
from dcfm_ros.streaming import FrameResult, Segmenter

_NS_PER_MS = 1e6

HandOn = Callable[[Header, FrameResult], None]


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Arrival:
    """An image message and when it came, in ns on the steady clock."""

    message: Any
    arrived_ns: int


class CameraStage:
    """Processes the frames of one camera, always from the same worker thread.

    Args:
        warn: called with (kind, text) for problems; expected to throttle.
        publish_status: where the status of each published frame goes.
    """

    def __init__(
        self,
        name: str,
        pipeline: CameraPipeline,
        publishers: CameraPublishers,
        labels: LabelSet,
        overlay_alpha: float,
        warn: Callable[[str, str], None],
        publish_status: Callable[[FrameStatus], None],
    ) -> None:
        self.name = name
        self.counter = FrameCounter()
        self.recent = RecentFrames()
        self.last_problem = ""
        self.overlay_alpha = overlay_alpha
        self._pipeline = pipeline
        self._publishers = publishers
        self._palette = labels.palette()
        self._warn = warn
        self._publish_status = publish_status
        self._requests: deque[Callable[[Segmenter], object]] = deque()
        self._last_stamp_ns: int | None = None
        self._hand_on: HandOn | None = None
        self._wants_confidence = _never
        self._open = False
        self._publishing = threading.Lock()

    def start(
        self, hand_on: HandOn | None = None, wants_confidence: Callable[[], bool] = _never
    ) -> None:
        """Begin a new sequence: counts from zero, the first frame becomes a key frame.

        Args:
            hand_on: called with header and result of each published frame; must return at once.
            wants_confidence: whether `hand_on` needs the confidence of the next frame.
        """
        self._hand_on, self._wants_confidence = hand_on, wants_confidence
        self.counter.reset()
        self._requests.clear()
        self._pipeline.segmenter.reset()
        self._last_stamp_ns = None
        self._open = True

    def stop(self) -> None:
        """Publish nothing from the moment this returns; a frame in work counts as dropped."""
        with self._publishing:
            self._open = False

    def before_next_frame(self, request: Callable[[Segmenter], object]) -> None:
        """Have the worker call `request` before the next frame; callable from any thread."""
        self._requests.append(request)

    @property
    def key_frame_policy(self) -> str:
        """The policy in use."""
        return self._pipeline.segmenter.policy_name

    @property
    def estimate_factor(self) -> float:
        """What corrects the estimated label change."""
        return self._pipeline.segmenter.estimate_factor

    def process(self, arrival: Arrival) -> None:
        """Take one frame to its end: published, or dropped with a reason. Raises nothing."""
        started_ns = time.monotonic_ns()
        try:
            while self._requests:
                self._requests.popleft()(self._pipeline.segmenter)
            image, result = self._segment(arrival.message)
            self._publish(image, result, arrival, started_ns)
        except ImageError as error:
            self._drop(Drop.UNREADABLE, str(error))
        except DcfmError as error:
            self._drop(Drop.FAILED, str(error))
        except Exception as error:  # a bad frame must not end the node
            self._pipeline.segmenter.reset()
            self._drop(Drop.FAILED, f"unexpected {type(error).__name__}: {error}")

    def close(self) -> None:
        """Remove the topics and free the common feature."""
        self._publishers.close()
        self._pipeline.segmenter.reset()

    def _segment(self, message: Any) -> tuple[DecodedImage, FrameResult]:
        stamp = stamp_ns(message.header.stamp)
        self._warn_of_stamp(stamp)
        self._last_stamp_ns = stamp
        confidence = self._publishers.wants_confidence or self._wants_confidence()
        image = self._pipeline.decode(message)
        if self._pipeline.decoder.hint:
            self._warn(f"{self.name} image bits", f"{self._label}{self._pipeline.decoder.hint}")
        return image, self._pipeline.segment(image.rgb, stamp, confidence=confidence)

    def _publish(
        self, image: DecodedImage, result: FrameResult, arrival: Arrival, started_ns: int
    ) -> None:
        header = arrival.message.header
        color = None
        if self._publishers.wants_color:
            color = overlay(image.rgb, result.labels, self._palette, self.overlay_alpha)
        with self._publishing:
            if not self._open:
                self.counter.drop(Drop.STOPPED)
                return
            self._publishers.publish_labels(header, result.labels)
            published_ns = time.monotonic_ns()
            if result.confidence is not None and self._publishers.wants_confidence:
                self._publishers.publish_confidence(header, result.confidence)
            if color is not None:
                self._publishers.publish_color(header, color)
            timing = Timing(
                queue_ms=(started_ns - arrival.arrived_ns) / _NS_PER_MS,
                decode_ms=image.decode_ms,
                total_ms=(published_ns - arrival.arrived_ns) / _NS_PER_MS,
            )
            counts = self.counter.publish()
            self._publish_status(frame_status(header, self.name, result, timing, counts))
            if self._hand_on is not None:
                self._hand_on(header, result)
        self.recent.add(timing.total_ms, result.is_key_frame)

    def _drop(self, cause: Drop, problem: str) -> None:
        self.counter.drop(cause)
        self.last_problem = problem
        kind = f"{self.name} {cause.name} {re.sub(r'[0-9]+', '#', problem)}"
        self._warn(kind, f"{self._label}frame dropped, {cause.value}: {problem}")

    def _warn_of_stamp(self, stamp: int) -> None:
        last = self._last_stamp_ns
        if stamp == 0:
            self._warn(
                f"{self.name} stamp zero",
                f"{self._label}image stamp is zero, expected the capture time: the frame is "
                "processed, but consumers cannot match its labels; let its driver fill the stamp",
            )
        elif last is not None and stamp < last:
            self._warn(
                f"{self.name} stamp back",
                f"{self._label}image stamp went back by {(last - stamp) / 1e9:.3f} s: a key frame "
                "starts afresh; unless a bag loops, look for two publishers of one topic",
            )

    @property
    def _label(self) -> str:
        return f"camera {self.name}: " if self.name else ""
