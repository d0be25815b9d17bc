"""Labelled data sets as bags, so that they are played and evaluated as a camera is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dcfm_ros.bags import write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.errors import EvaluationError

IMAGE_TOPIC = "/camera/image_raw/compressed"
LABEL_TOPIC = "/gt/label/compressed"
_START_NS = 1_000_000_000_000_000_000  # stamps of zero mean "no time" in ROS
_IMAGE_FORMATS = {
    ".jpg": "rgb8; jpeg compressed bgr8",
    ".jpeg": "rgb8; jpeg compressed bgr8",
    ".png": "rgb8; png compressed bgr8",
}
_LABEL_FORMAT = "mono8; png compressed mono8"


@dataclass(frozen=True)
class LabelledFile:
    """A picture, its label image, and the time that it gets."""

    image: Path
    label: Path
    stamp_ns: int


def camvid_frames(root: Path, split: str, rate_hz: float) -> list[LabelledFile]:
    """The frames of a split of CamVid, in the order of their names.

    Args:
        root: holds SPLIT/ (pictures) and SPLITannot/ (PNG label images of the same names).
        rate_hz: that the frames are given; CamVid itself holds no stamps.

    Raises:
        EvaluationError: no such folders, no pictures, or one without a label image.
    """
    images, labels = root / split, root / f"{split}annot"
    for folder in (images, labels):
        if not folder.is_dir():
            raise EvaluationError(f"no folder {folder}, expected CamVid's {split} split in {root}")
    if not rate_hz > 0:
        raise EvaluationError(f"frame rate is {rate_hz} Hz, expected more than 0")
    found = sorted(path for path in images.iterdir() if path.suffix.lower() in _IMAGE_FORMATS)
    if not found:
        raise EvaluationError(f"no pictures in {images}, expected .jpg or .png files")
    frames = [
        LabelledFile(path, labels / f"{path.stem}.png", _START_NS + round(index * 1e9 / rate_hz))
        for index, path in enumerate(found)
    ]
    missing = [frame.label for frame in frames if not frame.label.is_file()]
    if missing:
        raise EvaluationError(
            f"{len(missing)} of {len(frames)} pictures in {images} have no label image; "
            f"the first that is missing is {missing[0]}"
        )
    return frames


def write_labelled_bag(frames: Iterable[LabelledFile], path: Path) -> int:
    """Write pictures and label images as they are, without decoding them.

    Returns:
        The number of frames.

    Raises:
        BagError: the bag cannot be created.
    """
    count = 0
    with write_bag(path) as writer:
        for frame in frames:
            kind = _IMAGE_FORMATS[frame.image.suffix.lower()]
            image = compressed_image(frame.stamp_ns, "camera", kind, frame.image.read_bytes())
            label = compressed_image(
                frame.stamp_ns, "camera", _LABEL_FORMAT, frame.label.read_bytes()
            )
            writer.write(IMAGE_TOPIC, image, frame.stamp_ns)
            writer.write(LABEL_TOPIC, label, frame.stamp_ns)
            count += 1
    return count
