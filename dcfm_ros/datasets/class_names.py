"""Ground truth of other classes, or in another order: ids are matched by the classes' names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcfm_ros.errors import EvaluationError
from dcfm_ros.images import Pixels
from dcfm_ros.network import UNLABELLED


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
    ids = {name.lower(): class_id for class_id, name in enumerate(classes)}
    table = np.full(256, UNLABELLED, np.uint8)
    for true_id, name in enumerate(theirs):
        if name is not None and name.lower() in ids:
            table[true_id] = ids[name.lower()]
    if (table == UNLABELLED).all():
        raise EvaluationError(
            f"the ground truth has classes {_some(named)}, the network {_some(classes)}: none in "
            "common; use a checkpoint for these classes"
        )
    return table


def foreign_classes(theirs: Sequence[str | None], classes: Sequence[str]) -> list[str]:
    """Classes of the ground truth that the network lacks."""
    known = {name.lower() for name in classes}
    return [name for name in theirs if name is not None and name.lower() not in known]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown}, … ({len(names)})" if len(names) > 6 else shown
