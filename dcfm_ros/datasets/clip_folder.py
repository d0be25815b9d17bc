"""Clips as plain folders: the synthetic street, and the way to bring own pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import LabelValues, pictures_in
from dcfm_ros.errors import DcfmError


def clip_folder(root: Path, classes: int) -> Clips:
    """Folders `<clip>/rgb/*.jpg` or .png, in the order of their names, and `<clip>/labels/*.png`.

    Labels are class ids, 255 where unlabelled, and may be sparse; a label file has the name of its
    picture.

    Raises:
        DcfmError: no clips, or a label file without its picture.
    """
    folders = sorted(path.parent for path in root.glob("*/rgb"))
    if not folders:
        raise DcfmError(f"no clips in {root}, expected folders CLIP/rgb and CLIP/labels")
    return Clips(f"clips in {root}", _clips(folders), LabelValues.identity(classes))


def _clips(folders: list[Path]) -> Iterator[Clip]:
    for folder in folders:
        pictures = pictures_in(folder / "rgb")
        order = {path.stem: number for number, path in enumerate(pictures)}
        labels: dict[int, str] = {}
        for path in pictures_in(folder / "labels"):
            if path.stem not in order:
                raise DcfmError(f"{path} has no picture of its name in {folder / 'rgb'}")
            labels[order[path.stem]] = str(path)
        yield Clip(dict(enumerate(map(str, pictures))), labels, folder.name)
