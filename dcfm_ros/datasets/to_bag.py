"""A data set as a bag, so that it is played and evaluated as a camera is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

from dcfm_ros.bags import write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.bags.label_info import label_info
from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.split import FRAME_ID, ClipFrame, DatasetSplit
from dcfm_ros.images import labels_to_png

IMAGE_TOPIC = "/camera/image_raw/compressed"
LABEL_TOPIC = "/gt/label/compressed"
INFO_TOPIC = "/gt/label_info"
_IMAGE_FORMATS = {
    "jpg": "rgb8; jpeg compressed bgr8",
    "jpeg": "rgb8; jpeg compressed bgr8",
    "png": "rgb8; png compressed bgr8",
}
_LABEL_FORMAT = "mono8; png compressed mono8"


def write_dataset_bag(
    dataset: DatasetSplit, path: Path, watch: Callable[..., Iterable[ClipFrame]]
) -> int:
    """Write pictures as they are, label images as class ids, and the names of the classes.

    Args:
        watch: given the frames, the name, the unit and how many there are, gives the same frames.

    Returns:
        The number of frames.

    Raises:
        BagError: the bag cannot be created.
        DcfmError: a file that cannot be read.
    """
    numbers = count()
    with write_bag(path) as writer:
        for frame in watch(dataset.frames, str(path), "frames", len(dataset.frames)):
            stamp_ns = frame.stamp_ns
            if not next(numbers) and dataset.classes:
                writer.write(
                    INFO_TOPIC, label_info(dataset.classes, stamp_ns), stamp_ns, latched=True
                )
            picture = PictureFile.read(frame.image)
            kind = _IMAGE_FORMATS[picture.format]
            image = compressed_image(stamp_ns, FRAME_ID, kind, picture.data)
            writer.write(IMAGE_TOPIC, image, stamp_ns)
            if frame.label is not None:
                png = labels_to_png(dataset.labels(frame))
                label = compressed_image(stamp_ns, FRAME_ID, _LABEL_FORMAT, png)
                writer.write(LABEL_TOPIC, label, stamp_ns)
    return next(numbers)
