"""Frames of any source as a bag, so that a video can be played and evaluated as a camera is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dcfm_ros.bags.records import COMPRESSED_IMAGE, ImageFrame, split_stamp
from dcfm_ros.bags.types import message_class
from dcfm_ros.bags.writer import write_bag
from dcfm_ros.images import is_compressed, rgb_to_jpeg, to_rgb


def header(stamp_ns: int, frame_id: str) -> Any:
    """A std_msgs/Header as bags hold it."""
    time = message_class("builtin_interfaces/msg/Time")(*split_stamp(stamp_ns))
    return message_class("std_msgs/msg/Header")(time, frame_id)


def compressed_image(stamp_ns: int, frame_id: str, kind: str, data: bytes) -> Any:
    """A sensor_msgs/CompressedImage as bags hold it; `kind` is its format, e.g. "png"."""
    return message_class(COMPRESSED_IMAGE)(
        header(stamp_ns, frame_id), kind, np.frombuffer(data, np.uint8)
    )


def frames_to_bag(
    frames: Iterable[ImageFrame],
    path: Path | str,
    *,
    topic: str = "/camera/image_raw/compressed",
    jpeg_quality: int = 92,
    storage: str = "mcap",
) -> int:
    """Write frames as a bag of compressed images.

    Args:
        frames: of a bag, a video or a folder of pictures; compressed ones are taken as they are.
        path: the bag folder to create.
        topic: of the images in the bag.
        jpeg_quality: 1..100, for frames that are not compressed yet.
        storage: "mcap" or "sqlite3".

    Returns:
        How many frames were written.

    Raises:
        BagError: a source that cannot be read, a path that cannot be written.
        ImageError: a frame that cannot be read as a picture.
    """
    written = 0
    with write_bag(path, storage) as writer:
        for frame in frames:
            message = frame.message
            if is_compressed(message):
                kind, data = message.format, bytes(message.data)
            else:
                kind, data = (
                    "bgr8; jpeg compressed bgr8",
                    rgb_to_jpeg(to_rgb(message), jpeg_quality),
                )
            image = compressed_image(frame.stamp_ns, frame.frame_id, kind, data)
            writer.write(topic, image, frame.log_ns)
            written += 1
    return written
