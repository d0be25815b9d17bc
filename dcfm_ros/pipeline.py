"""One camera frame through everything: what the live node and the bag harness share."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.images import CompressedImage, RawImage, to_rgb
from dcfm_ros.streaming import FrameResult, Segmenter


@dataclass(frozen=True)
class ProcessedFrame:
    """A camera frame and what became of it."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""
    stamp_ns: int
    result: FrameResult
    decode_ms: float


class CameraPipeline:
    """Message → image → labels, for one camera.

    The live node and the harness differ only in where messages come from and where results go.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter

    def process(
        self,
        message: RawImage | CompressedImage,
        stamp_ns: int,
        *,
        confidence: bool = False,
    ) -> ProcessedFrame:
        """Segment the camera's next message.

        Args:
            message: sensor_msgs/Image or CompressedImage, of rclpy or of a bag.
            stamp_ns: the header's stamp.
            confidence: compute the confidence map, too.

        Raises:
            ImageError: the message is no image. Nothing of the camera's state is lost.
        """
        started = time.perf_counter()
        rgb = to_rgb(message)
        decode_ms = 1e3 * (time.perf_counter() - started)
        result = self.segmenter.step(rgb, stamp_ns, confidence=confidence)
        return ProcessedFrame(rgb, stamp_ns, result, decode_ms)
