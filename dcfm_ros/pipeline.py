"""One camera frame through everything: what the live node and the bag harness share."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dcfm_ros.images import CompressedImage, PictureDecoder, Pixels, RawImage
from dcfm_ros.streaming import FrameResult, Segmenter


@dataclass(frozen=True)
class DecodedImage:
    """The picture of an image message."""

    rgb: Pixels
    """(H, W, 3)."""
    decode_ms: float


def decode(message: RawImage | CompressedImage, decoder: PictureDecoder) -> DecodedImage:
    """Decode a sensor_msgs/Image or CompressedImage, of rclpy or of a bag; in any thread.

    Raises:
        ImageError: the message is no image.
    """
    started = time.perf_counter()
    rgb = decoder.rgb(message)
    return DecodedImage(rgb, 1e3 * (time.perf_counter() - started))


class CameraPipeline:
    """Message → image → labels, for one camera.

    The live node and the harness differ only in where messages come from and where results go.
    """

    def __init__(self, segmenter: Segmenter, decoder: PictureDecoder | None = None) -> None:
        self.segmenter = segmenter
        self.decoder = decoder or PictureDecoder()

    def decode(self, message: RawImage | CompressedImage) -> DecodedImage:
        """Decode the camera's next message; see `decode`."""
        return decode(message, self.decoder)

    def segment(self, rgb: Pixels, stamp_ns: int, *, confidence: bool = False) -> FrameResult:
        """Segment the camera's next picture, (H, W, 3).

        Args:
            stamp_ns: of the message's header.
            confidence: compute the confidence map, too.
        """
        return self.segmenter.step(rgb, stamp_ns, confidence=confidence)
