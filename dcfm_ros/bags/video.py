"""Video files and folders of pictures as the same stream of frames that a bag gives."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dcfm_ros.bags.records import ImageFrame
from dcfm_ros.bags.storage import natural_key, storage_kind
from dcfm_ros.bags.video_times import FrameTimes, bare_stream
from dcfm_ros.errors import BagError
from dcfm_ros.images.upright import upright_file

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".mjpeg")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
FOLDER_RATE_HZ = 10.0

_TOPIC = "/camera/image_raw"
_FRAME_ID = "camera"
_START_NS = 1_000_000_000_000_000_000  # stamps of zero mean "no time" in ROS
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class VideoImage:
    """A decoded video frame with the fields of sensor_msgs/Image."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: np.ndarray


@dataclass(frozen=True)
class PictureFile:
    """A picture file with the fields of sensor_msgs/CompressedImage."""

    format: str
    data: bytes

    @classmethod
    def read(cls, path: Path) -> PictureFile:
        """The file at a path, upright: one with an EXIF rotation becomes a PNG without.

        Raises:
            BagError: it cannot be read.
        """
        return cls(*upright_file(path.suffix[1:].lower(), _read(path)))


def is_video(path: Path | str) -> bool:
    """Whether a path looks like a video file or a folder of pictures rather than a bag."""
    path = Path(path)
    if path.is_dir():
        is_bag = any(storage_kind(entry) for entry in path.iterdir())
        return not is_bag and bool(_pictures(path))
    return path.suffix.lower() in VIDEO_SUFFIXES


def open_video(path: Path | str, rate_hz: float | None = None) -> VideoReader:
    """Look at a video file or a folder of pictures.

    Args:
        path: a video that OpenCV decodes, or a folder of pictures in the order of their names.
        rate_hz: frames per second; None for the times in the video, `FOLDER_RATE_HZ` for a folder.

    Raises:
        BagError: nothing there, nothing that decodes, or a video without a frame rate.
    """
    path = Path(path)
    if rate_hz is not None and not 0 < rate_hz < math.inf:
        raise BagError(f"frame rate is {rate_hz} Hz, expected a positive number")
    if not path.exists():
        raise BagError(f"no video at {path}, expected a video file or a folder of pictures")
    if path.is_dir():
        return _picture_folder(path, rate_hz or FOLDER_RATE_HZ)
    return _video_file(path, rate_hz)


@dataclass(frozen=True)
class VideoReader:
    """A video that has been looked at. Every call of `frames` starts anew."""

    path: Path
    width: int
    """Of the first frame, in px."""
    height: int
    rate_hz: float
    count: int
    """Number of frames; an estimate of the container for video files."""
    own_times: bool = False
    """Whether stamps are the times in the video file; else they follow from `rate_hz`."""
    pictures: tuple[Path, ...] = ()
    """The files of a folder; empty for a video file."""

    @property
    def duration_ns(self) -> int:
        """From the first to the last frame, by the rate."""
        return self._offset_ns(max(self.count - 1, 0))

    def frames(self, topic: str = _TOPIC) -> Iterator[ImageFrame]:
        """Stream the frames; stamps start at 10^18 ns.

        Raises:
            BagError: a file that cannot be read any more.
        """
        messages = self._pictures() if self.pictures else self._decoded()
        for offset_ns, message in messages:
            stamp_ns = _START_NS + offset_ns
            yield ImageFrame(topic, stamp_ns, stamp_ns, _FRAME_ID, message)

    def _offset_ns(self, frames: int) -> int:
        return round(frames * 1e9 / self.rate_hz)

    def _pictures(self) -> Iterator[tuple[int, PictureFile]]:
        for number, path in enumerate(self.pictures):
            yield self._offset_ns(number), PictureFile.read(path)

    def _decoded(self) -> Iterator[tuple[int, VideoImage]]:
        capture = _capture(self.path)
        times = FrameTimes(self._offset_ns(1))
        number, offset_ns = 0, 0
        try:
            while True:
                there, bgr = capture.read()
                if not there:
                    break
                offset_ns = self._offset_ns(number)
                if self.own_times:
                    offset_ns = times.offset_ns(capture.get(cv2.CAP_PROP_POS_MSEC))
                number += 1
                height, width = bgr.shape[:2]
                yield offset_ns, VideoImage(height, width, "bgr8", 0, width * 3, bgr.reshape(-1))
        finally:
            capture.release()
        # What a container names is often its duration times its rate: more than a slow video holds.
        if number < self.count and offset_ns < self.duration_ns - self._offset_ns(1) // 2:
            _log.warning("%s gave %d of the %d frames it names", self.path, number, self.count)
        if times.unknown:
            _log.warning(
                "%s names no usable time for %d of %d frames: each was put %.4g ms after the one "
                "before; newer versions of OpenCV may read them, or give --picture-rate",
                self.path,
                times.unknown,
                number,
                1e3 / self.rate_hz,
            )


def _video_file(path: Path, rate_hz: float | None) -> VideoReader:
    capture = _capture(path)
    try:
        there, bgr = capture.read()
        if not there:
            raise BagError(
                f"{path} opens but no frame of it decodes, expected a video: "
                "it is damaged or of a codec that OpenCV lacks; convert it with ffmpeg"
            )
        own_rate_hz = float(capture.get(cv2.CAP_PROP_FPS))
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        capture.release()
    if rate_hz is None and not 0 < own_rate_hz < math.inf:
        raise BagError(f"{path} names no frame rate ({own_rate_hz}): give one")
    bare = bare_stream(path)
    if rate_hz is None and bare:
        _log.warning(
            "%s is bare %s without a container and holds no times: frames are taken as %.4g Hz "
            "apart, a pause cannot be seen; give --picture-rate if that is wrong",
            path,
            bare,
            own_rate_hz,
        )
    height, width = bgr.shape[:2]
    return VideoReader(
        path,
        width,
        height,
        rate_hz or own_rate_hz,
        max(int(count), 0),
        own_times=rate_hz is None and not bare,
    )


def _picture_folder(path: Path, rate_hz: float) -> VideoReader:
    pictures = _pictures(path)
    if not pictures:
        raise BagError(
            f"no pictures in folder {path}, expected files ending in {', '.join(PICTURE_SUFFIXES)}"
        )
    data = np.frombuffer(PictureFile.read(pictures[0]).data, np.uint8)
    first = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if first is None:
        raise BagError(f"{pictures[0]} does not decode, expected a picture: remove or replace it")
    return VideoReader(
        path, first.shape[1], first.shape[0], rate_hz, len(pictures), pictures=tuple(pictures)
    )


def _capture(path: Path) -> cv2.VideoCapture:
    if not path.stat().st_size:
        raise BagError(f"{path} is empty (0 bytes), expected a video")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise BagError(
            f"{path} does not open as a video: it is damaged, no video, or of a format "
            "that OpenCV lacks; convert it with ffmpeg"
        )
    return capture


def _pictures(folder: Path) -> list[Path]:
    found = [entry for entry in folder.iterdir() if entry.suffix.lower() in PICTURE_SUFFIXES]
    return sorted(found, key=lambda entry: natural_key(entry.name))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BagError(f"cannot read {path}: {error.strerror}") from None
