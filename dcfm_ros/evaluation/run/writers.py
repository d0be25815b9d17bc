"""What `dcfm segment` writes of each frame: label images, an overlay video, a bag."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from PIL import Image

from dcfm_ros.bags import message_class, split_stamp, write_bag
from dcfm_ros.bags.convert import compressed_image, header
from dcfm_ros.bags.label_info import label_info
from dcfm_ros.costmap import CostGrid
from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.run.grid_messages import grid_messages
from dcfm_ros.images import Pixels, overlay, rgb_to_jpeg
from dcfm_ros.network import LabelSet

LABEL_TOPIC = "/segmenter/label_image"
INFO_TOPIC = "/segmenter/label_info"
STATUS_TOPIC = "/segmenter/status"
OVERLAY_TOPIC = "/segmenter/color_image/compressed"
_OVERLAY_FORMAT = "rgb8; jpeg compressed bgr8"
_RATE_FRAMES = 10
"""The video's rate is taken from the stamps of this many frames."""
_DEFAULT_RATE_HZ = 10.0


class Writer(Protocol):
    """Takes the frames one by one."""

    def write(self, frame: SegmentedFrame) -> None:
        """Add a frame."""
        ...

    def close(self) -> None:
        """Finish; what was written is whole from then on."""
        ...


class LabelFolder:
    """One PNG a frame whose palette indices are class ids, so that viewers show the class colours.

    Args:
        name: gives the file name of a frame, without suffix.
    """

    def __init__(self, folder: Path, labels: LabelSet, name: Callable[[int], str]) -> None:
        self._folder = folder
        self._palette = labels.palette().tobytes()
        self._name = name
        folder.mkdir()

    def write(self, frame: SegmentedFrame) -> None:
        """Write the frame's PNG."""
        image = Image.fromarray(frame.result.labels)
        image.putpalette(self._palette)
        image.save(self._folder / f"{self._name(frame.index)}.png")

    def close(self) -> None:
        """Do nothing: every file is whole already."""


class OverlayVideo:
    """The class colours over the frames as an MP4 at the rate of their stamps."""

    def __init__(self, path: Path, labels: LabelSet, alpha: float = 0.5) -> None:
        self._path = path
        self._palette = labels.palette()
        self._alpha = alpha
        self._video: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._waiting: list[tuple[int, Pixels]] = []

    def write(self, frame: SegmentedFrame) -> None:
        """Append the frame's overlay."""
        picture = overlay(frame.rgb, frame.result.labels, self._palette, self._alpha)
        if self._video is not None:
            self._append(picture)
            return
        self._waiting.append((frame.stamp_ns, picture))
        if len(self._waiting) == _RATE_FRAMES:
            self._open()

    def close(self) -> None:
        """Write the video's index."""
        if self._video is None and self._waiting:
            self._open()
        if self._video is not None:
            self._video.release()

    def _open(self) -> None:
        steps_ns = np.diff([stamp_ns for stamp_ns, _ in self._waiting])
        steps_ns = steps_ns[steps_ns > 0]
        rate_hz = 1e9 / float(np.median(steps_ns)) if steps_ns.size else _DEFAULT_RATE_HZ
        height, width = self._waiting[0][1].shape[:2]
        self._size = (width, height)
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        self._video = cv2.VideoWriter(str(self._path), codec, rate_hz, self._size)
        if not self._video.isOpened():
            raise EvaluationError(f"cannot write {self._path}: this OpenCV has no MP4 encoder")
        for _, picture in self._waiting:
            self._append(picture)
        self._waiting.clear()

    def _append(self, picture: Pixels) -> None:
        assert self._video is not None
        if (picture.shape[1], picture.shape[0]) != self._size:  # a video has one size only
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        self._video.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


class LabelBag:
    """What the node publishes, on its topics: RViz and Foxglove show it.

    Label images, class names, statuses, and the class colours over the frames as JPEG.
    """

    def __init__(self, path: Path, labels: LabelSet) -> None:
        self._labels = labels
        self._palette = labels.palette()
        self._bag = write_bag(path, compression="chunk")
        self._count = 0

    def write(self, frame: SegmentedFrame) -> None:
        """Write what is known of the frame; class names come before the first."""
        stamp_ns, labels = frame.stamp_ns, frame.result.labels
        if not self._count:
            info = label_info(self._labels.classes, stamp_ns)
            self._bag.write(INFO_TOPIC, info, stamp_ns, latched=True)
        self._count += 1
        height, width = labels.shape
        image = message_class("sensor_msgs/msg/Image")(
            header=header(stamp_ns, frame.frame_id),
            height=height,
            width=width,
            encoding="mono8",
            is_bigendian=0,
            step=width,
            data=np.ascontiguousarray(labels).reshape(-1),
        )
        self._bag.write(LABEL_TOPIC, image, stamp_ns)
        self._bag.write(STATUS_TOPIC, self._status(frame), stamp_ns)
        jpeg = rgb_to_jpeg(overlay(frame.rgb, labels, self._palette))
        picture = compressed_image(stamp_ns, frame.frame_id, _OVERLAY_FORMAT, jpeg)
        self._bag.write(OVERLAY_TOPIC, picture, stamp_ns)

    def write_grid(self, grid: CostGrid, frame_id: str) -> None:
        """Write a grid of the costmap."""
        for topic, message in grid_messages(grid, frame_id).items():
            self._bag.write(topic, message, grid.stamp_ns, latched=True)

    def close(self) -> None:
        """Write the bag's index."""
        self._bag.close()

    def _status(self, frame: SegmentedFrame) -> object:
        result = frame.result
        seconds, nanoseconds = split_stamp(result.age_ns)
        age = message_class("builtin_interfaces/msg/Duration")(sec=seconds, nanosec=nanoseconds)
        stages = frame.stages_ms
        status: object = message_class("dcfm_ros/msg/FrameStatus")(
            header=header(frame.stamp_ns, frame.frame_id),
            camera="",
            is_key_frame=result.is_key_frame,
            reason=int(result.reason),
            common_age_frames=result.age,
            common_age=age,
            expected_label_change=result.expected_label_change,
            key_budget=result.key_budget,
            mean_confidence=result.mean_confidence,
            queue_ms=stages.get("queue", 0.0),
            preprocess_ms=stages["preprocess"],
            network_ms=stages["network"],
            postprocess_ms=stages["postprocess"],
            total_ms=stages["total"],
            taken=self._count,
            published=self._count,
            dropped=0,
        )
        return status
