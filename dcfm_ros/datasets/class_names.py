"""Labels of other classes, or in another order: where names are known, they decide.

For training and evaluation alike. `dcfm segment` writes the names beside its label images.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcfm_ros.errors import EvaluationError
from dcfm_ros.images import Pixels
from dcfm_ros.network import UNLABELLED

CLASS_FILE = "classes.json"


def classes_in(*folders: Path) -> tuple[str | None, ...]:
    """Names by class id, of `classes.json` in the first of some folders that has it.

    Returns:
        Empty where there is none.

    Raises:
        EvaluationError: it is not as `dcfm segment` writes it.
    """
    for path in (folder / CLASS_FILE for folder in folders):
        if path.is_file():
            try:
                entries = json.loads(path.read_text(encoding="utf-8"))
                names = {int(entry["id"]): str(entry["name"]) for entry in entries}
            except (ValueError, KeyError, TypeError) as error:
                raise EvaluationError(
                    f'{path} is no list of classes ({error}), expected [{{"id": 0, "name": "sky"}},'
                    " …]; remove it to take ids as they are"
                ) from None
            ids = [class_id for class_id in names if 0 <= class_id < UNLABELLED]
            return tuple(names.get(class_id) for class_id in range(max(ids, default=-1) + 1))
    return ()


def id_table(theirs: Sequence[str | None], classes: Sequence[str]) -> Pixels | None:
    """(256,) class id of the network by id of the ground truth, matched by name.

    Classes of the ground truth that the network lacks become unlabelled. None where nothing has to
    be changed: names are unknown, or the same.

    Raises:
        EvaluationError: no name is common to both.
    """
    named = [name for name in theirs if name is not None]
    if not named or tuple(theirs) == tuple(classes):
        return None
    ids = {_key(name): class_id for class_id, name in enumerate(classes)}
    table = np.full(256, UNLABELLED, np.uint8)
    for true_id, name in enumerate(theirs):
        if name is not None:
            table[true_id] = ids.get(_key(name), UNLABELLED)
    if (table == UNLABELLED).all():
        raise EvaluationError(
            f"the ground truth has classes {_some(named)}, the network {_some(classes)}: none in "
            "common; use a network for these classes"
        )
    return table


def foreign_classes(theirs: Sequence[str | None], classes: Sequence[str]) -> list[str]:
    """Classes of the ground truth that the network lacks."""
    known = {_key(name) for name in classes}
    return [name for name in theirs if name is not None and _key(name) not in known]


def unnamed(labels: str, classes: Sequence[str], advice: str) -> str:
    """What to tell about labels whose classes have no names.

    Args:
        labels: where they are.
        advice: what would change that.
    """
    ids = _some([f"{class_id} {name}" for class_id, name in enumerate(classes)])
    return f"The labels {labels} do not name their classes: ids are taken as {ids}; {advice}."


def notes_on(
    labels: str, theirs: Sequence[str | None], classes: Sequence[str], advice: str
) -> list[str]:
    """What to tell before labels are used as classes of a network; see `unnamed`."""
    if not any(theirs):
        return [unnamed(labels, classes, advice)]
    foreign = foreign_classes(theirs, classes)
    told = f"The labels {labels} have classes that the network lacks ({', '.join(foreign)}): "
    return [told + "they count as unlabelled."] if foreign else []


def _key(name: str) -> str:
    """Alike however a name is written: Traffic_Light, traffic light."""
    return name.casefold().replace("_", " ").replace("-", " ").strip()


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown}, … ({len(names)})" if len(names) > 6 else shown
