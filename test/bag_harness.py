"""The messages and bags that tests write, and what they do to bags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dcfm_ros.bags import message_class, split_stamp, write_bag

START_NS = 1_700_000_000_000_000_000


def header(stamp_ns: int, frame_id: str = "camera") -> Any:
    """A std_msgs/Header."""
    time = message_class("builtin_interfaces/msg/Time")(*split_stamp(stamp_ns))
    return message_class("std_msgs/msg/Header")(time, frame_id)


def image(stamp_ns: int, encoding: str = "rgb8", bytes_per_pixel: int = 3) -> Any:
    """A 2 x 4 px image whose bytes follow from its stamp."""
    data = (np.arange(8 * bytes_per_pixel) + stamp_ns) % 256
    return message_class("sensor_msgs/msg/Image")(
        header(stamp_ns), 2, 4, encoding, 0, 4 * bytes_per_pixel, data.astype(np.uint8)
    )


def compressed(stamp_ns: int, kind: str = "jpeg") -> Any:
    """A CompressedImage, never decoded here."""
    data = np.zeros(3, np.uint8)
    return message_class("sensor_msgs/msg/CompressedImage")(header(stamp_ns), kind, data)


def text(value: str) -> Any:
    """A std_msgs/String."""
    return message_class("std_msgs/msg/String")(value)


def write_images(path: Path, topics: list[str], count: int = 3, **options: Any) -> Path:
    """A bag with `count` images on each topic, one every 0.1 s, stamped 5 ms before logged."""
    with write_bag(path, **options) as writer:
        for number in range(count):
            for topic in topics:
                log_ns = START_NS + number * 100_000_000
                writer.write(topic, image(log_ns - 5_000_000), log_ns)
    return path


def list_missing_split(bag: Path) -> None:
    """Let the metadata of a bag name one more file, `gone.mcap`, which is not there."""
    metadata = bag / "metadata.yaml"
    content = yaml.safe_load(metadata.read_text())
    content["rosbag2_bagfile_information"]["relative_file_paths"].append("gone.mcap")
    metadata.write_text(yaml.safe_dump(content))
