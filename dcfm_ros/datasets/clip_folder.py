"""Clips as plain folders: the synthetic street, and the way to bring own pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dcfm_ros.datasets.class_names import CLASS_FILE, classes_in, notes_on
from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import LabelValues, pictures_in
from dcfm_ros.errors import DcfmError
from dcfm_ros.network import UNLABELLED


def clip_folder(root: Path, classes: Sequence[str] | None = None) -> Clips:
    """Folders `<clip>/rgb/*.jpg` or .png, in the order of their names, and `<clip>/labels/*.png`.

    Labels are class ids, 255 where unlabelled, and may be sparse; a label file has the name of its
    picture. Where `<root>/classes.json` names the ids, names decide.

    Args:
        classes: that the labels are to be read as, by class id; None: ids as they are.

    Raises:
        DcfmError: no clips, a label file without its picture, or no class in common.
    """
    folders = sorted(path.parent for path in root.glob("*/rgb"))
    if not folders:
        raise DcfmError(f"no clips in {root}, expected folders CLIP/rgb and CLIP/labels")
    name = f"clips in {root}"
    if classes is None:
        return Clips(name, _clips(folders), LabelValues.identity(UNLABELLED))
    theirs = classes_in(root)
    notes = notes_on(f"of {name}", theirs, classes, f"{root / CLASS_FILE} would tell")
    return Clips(name, _clips(folders), LabelValues.named(theirs, classes), notes)


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
