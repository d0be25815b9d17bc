"""Reads `config/classes/*.yaml`: one file per label set."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dcfm_ros.costmap.classes import ClassRule, ClassTable, Kind
from dcfm_ros.errors import CostmapError

_REQUIRED = ("id", "name", "color", "kind")
_ALLOWED = (*_REQUIRED, "cost", "height_m", "dynamic")
_KINDS = {kind.name.lower(): kind for kind in Kind}


def load_classes(path: Path | str, names: Sequence[str]) -> ClassTable:
    """Read the meaning of classes and hold it against those of a checkpoint.

    Args:
        path: a YAML file; the keys are explained in `config/classes/camvid.yaml`.
        names: the checkpoint's class names by id.

    Raises:
        CostmapError: unreadable, a missing, unknown or invalid key, or other classes than the
            checkpoint's.
    """
    table = read_classes(path)
    table.check_against(names, Path(path).name)
    return table


def read_classes(path: Path | str) -> ClassTable:
    """Read a class file, whatever checkpoint it is for.

    Raises:
        CostmapError: as `load_classes`.
    """
    source = Path(path).name
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise CostmapError(f"cannot read the classes of {path}: {reason}") from None
    if not isinstance(content, dict) or not isinstance(content.get("classes"), list):
        raise CostmapError(f"{source} has no list 'classes'; see config/classes/camvid.yaml")
    rules = sorted((_rule(entry, source) for entry in content["classes"]), key=lambda r: r.id)
    return ClassTable(str(content.get("label_set", Path(path).stem)), tuple(rules))


def _rule(entry: Any, source: str) -> ClassRule:
    if not isinstance(entry, dict):
        raise CostmapError(f"{source}: found {entry!r}, expected a class with id, name, …")
    name = str(entry.get("name", entry.get("id", "?")))
    where = f"{source}, class {name!r}: "
    for key in entry:
        if key not in _ALLOWED:
            nearest = difflib.get_close_matches(str(key), _ALLOWED, n=1, cutoff=0.0)[0]
            raise CostmapError(where + f"unknown key {key!r}; nearest is {nearest!r}")
    for key in _REQUIRED:
        if key not in entry:
            raise CostmapError(where + f"lacks {key!r}")
    kind = _KINDS.get(str(entry["kind"]))
    if kind is None:
        raise CostmapError(
            where + f"found kind {entry['kind']!r}, expected one of {', '.join(_KINDS)}"
        )
    if kind in (Kind.GROUND, Kind.OBSTACLE) and "cost" not in entry:
        raise CostmapError(where + "lacks 'cost', which ground and obstacles need")
    numbers = {"id": entry["id"], "cost": entry.get("cost", 0)}
    for key, value in numbers.items():
        if type(value) is not int:
            raise CostmapError(where + f"found {key} {value!r}, expected a whole number")
    height, dynamic = entry.get("height_m", 0.0), entry.get("dynamic", False)
    if type(height) not in (int, float) or type(dynamic) is not bool:
        raise CostmapError(
            where + f"found height_m {height!r} and dynamic {dynamic!r}, expected a number and "
            "true or false"
        )
    try:
        return ClassRule(
            name=name,
            color=_color(entry["color"], where),
            kind=kind,
            height_m=float(height),
            dynamic=dynamic,
            **numbers,
        )
    except CostmapError as error:
        raise CostmapError(f"{source}: {error}") from None


def _color(value: Any, where: str) -> tuple[int, int, int]:
    valid = isinstance(value, list) and len(value) == 3
    if not valid or not all(type(c) is int and 0 <= c <= 255 for c in value):
        raise CostmapError(where + f"found color {value!r}, expected [red, green, blue], 0 to 255")
    return value[0], value[1], value[2]
