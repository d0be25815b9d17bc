"""The meaning of a checkpoint's classes: the user's file, or the one shipped for its label set."""

from __future__ import annotations

from collections.abc import Sequence

from dcfm_ros.costmap.class_file import load_classes
from dcfm_ros.costmap.classes import ClassTable
from dcfm_ros.costmap.settings import CostmapSettings
from dcfm_ros.errors import CostmapError, ResourceError
from dcfm_ros.resources import resource


def classes_of(settings: CostmapSettings, label_set: str, names: Sequence[str]) -> ClassTable:
    """Read the meaning of a checkpoint's classes, with the costs that the settings change.

    Args:
        settings: `classes` names a file, `costs` what differs from it.
        label_set: name of the checkpoint's.
        names: its class names by id.

    Raises:
        ResourceError: no file is named, and none is shipped for the label set.
        CostmapError: the file or the costs cannot be used, or do not fit the checkpoint.
    """
    table = load_classes(settings.classes or _shipped(label_set), names)
    try:
        return table.with_costs(settings.costs)
    except CostmapError as error:
        raise CostmapError(f"costs: {error}") from None


def _shipped(label_set: str) -> str:
    try:
        return str(resource(f"config/classes/{label_set}.yaml"))
    except ResourceError:
        raise ResourceError(
            f"no costs are shipped for the classes of label set {label_set!r}; name a file of your "
            "own in costmap.classes, written as config/classes/camvid.yaml"
        ) from None
