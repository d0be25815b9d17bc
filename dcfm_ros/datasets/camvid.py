"""CamVid at 480x360 with 11 classes, as the SegNet tutorial packages it."""

from __future__ import annotations

from pathlib import Path

from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import LabelValues, numbered, pictures_in
from dcfm_ros.errors import DcfmError

CLASSES, VOID = 11, 11
FRAMES_PER_STEP = 2
"""Names count 30 Hz frames; the validation clip holds every second one: an age is 1/15 s."""


def camvid(root: Path, split: str) -> Clips:
    """One split: `<split>/*.jpg` or .png, `<split>annot/*.png`.

    Only the frames of the dense validation clip have neighbours; others lie a second apart.

    Raises:
        DcfmError: the split is not there, or a picture lacks its labels.
    """
    pictures = pictures_in(root / split)
    if not pictures:
        raise DcfmError(
            f"no pictures in {root / split}, expected CamVid at 480x360 with {split}/ and "
            f"{split}annot/"
        )
    frames: dict[str, dict[int, str]] = {}
    labels: dict[str, dict[int, str]] = {}
    annotated = root / f"{split}annot"
    names = {path.name for path in pictures_in(annotated)}
    for path in pictures:
        sequence, number = numbered(path, "CamVid")
        label = f"{path.stem}.png"
        if label not in names:
            raise DcfmError(f"{path} has no labels, expected {annotated / label}; copy it there")
        frames.setdefault(sequence, {})[number // FRAMES_PER_STEP] = str(path)
        labels.setdefault(sequence, {})[number // FRAMES_PER_STEP] = str(annotated / label)
    clips = [Clip(frames[name], labels[name], name) for name in frames]
    return Clips(f"CamVid {split} in {root}", clips, LabelValues.identity(CLASSES, VOID))
