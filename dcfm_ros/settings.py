"""Settings as frozen dataclasses: the only home of defaults, ranges and explanations.

ROS parameters, their descriptors, the YAML file and command-line help derive from the fields that
`option` declares. A dataclass calls `check(self)` in `__post_init__`: an instance is always valid.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from dcfm_ros.errors import SettingsError

Value = bool | int | float | str | tuple[str, ...]
S = TypeVar("S")

_METADATA_KEY = "dcfm_option"


@dataclass(frozen=True)
class _Declaration:
    doc: str
    low: float | None
    high: float | None
    choices: tuple[str, ...] | None


@dataclass(frozen=True)
class Option:
    """One setting of a (nested) settings object."""

    name: str
    """Dotted from the root, e.g. `key_frames.interval`."""
    type: Any
    """bool, int, float, str or tuple[str, ...]."""
    value: Value
    default: Value
    doc: str
    low: float | None
    high: float | None
    choices: tuple[str, ...] | None


def option(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """Declare a dataclass field with its explanation and its valid values (bounds inclusive)."""
    declaration = _Declaration(doc, low, high, choices)
    return dataclasses.field(default=default, metadata={_METADATA_KEY: declaration})


def check(settings: Any) -> None:
    """Validate every `option` field of a settings object.

    Raises:
        SettingsError: a value of the wrong type, out of range or not among the choices.
    """
    hints = get_type_hints(type(settings))
    for field, declaration in _declared(settings):
        _check_value(field.name, hints[field.name], getattr(settings, field.name), declaration)


def flatten(settings: Any, prefix: str = "") -> dict[str, Option]:
    """All options of a settings object and of those nested in it, by dotted name."""
    hints = get_type_hints(type(settings))
    found: dict[str, Option] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        name = prefix + field.name
        if dataclasses.is_dataclass(value):
            found.update(flatten(value, name + "."))
            continue
        declaration = field.metadata[_METADATA_KEY]
        found[name] = Option(
            name,
            hints[field.name],
            value,
            field.default,  # type: ignore[arg-type]
            declaration.doc,
            declaration.low,
            declaration.high,
            declaration.choices,
        )
    return found


def replace_flat(settings: S, values: Mapping[str, Any]) -> S:
    """A copy of `settings` with the options named by dotted name replaced.

    Raises:
        SettingsError: an unknown name, or an invalid value.
    """
    known = flatten(settings)
    for name in values:
        if name not in known:
            raise SettingsError(_unknown(name, list(known)))
    return _replace(settings, dict(values))


def from_flat(cls: type[S], values: Mapping[str, Any]) -> S:
    """Build a settings object from its defaults and the options given by dotted name.

    Raises:
        SettingsError: an unknown name, or an invalid value.
    """
    return replace_flat(cls(), values)


def to_dict(settings: Any) -> dict[str, Any]:
    """The resolved settings as nested plain values, ready for JSON or YAML."""
    plain = dataclasses.asdict(settings)
    return {name: _plain(value) for name, value in plain.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _declared(settings: Any) -> list[tuple[dataclasses.Field[Any], _Declaration]]:
    return [
        (field, field.metadata[_METADATA_KEY])
        for field in dataclasses.fields(settings)
        if _METADATA_KEY in field.metadata
    ]


def _replace(settings: S, values: dict[str, Any]) -> S:
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            prefix = field.name + "."
            inner = {k[len(prefix) :]: v for k, v in values.items() if k.startswith(prefix)}
            if inner:
                changes[field.name] = _replace(value, inner)
        elif field.name in values:
            given = values[field.name]
            hint = get_type_hints(type(settings))[field.name]
            changes[field.name] = _coerce(given, hint)
    return dataclasses.replace(settings, **changes)  # type: ignore[type-var]


def _coerce(given: Any, hint: Any) -> Any:
    """Accept what YAML and ROS give for a field: whole numbers for floats, lists for tuples."""
    if hint is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if hint == tuple[str, ...] and isinstance(given, (list, tuple)):
        return tuple(given)
    return given


def _check_value(name: str, hint: Any, value: Any, declaration: _Declaration) -> None:
    if not _has_type(value, hint):
        expected = "list of strings" if hint == tuple[str, ...] else hint.__name__
        raise SettingsError(f"{name}: found {value!r}, expected a value of type {expected}")
    if declaration.choices is not None and value not in declaration.choices:
        nearest = difflib.get_close_matches(str(value), declaration.choices, n=1)
        hint_text = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise SettingsError(
            f"{name}: found {value!r}, expected one of {', '.join(declaration.choices)}{hint_text}"
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = declaration.low, declaration.high
        below = low is not None and not value >= low
        above = high is not None and not value <= high
        if below or above or math.isnan(value):
            raise SettingsError(f"{name}: found {value}, expected {_range_text(low, high)}")


def _range_text(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"at least {low}"
    return f"at most {high}" if high is not None else "a number"


def _has_type(value: Any, hint: Any) -> bool:
    if hint == tuple[str, ...]:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, hint)


def _unknown(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
    return f"unknown setting {name!r}; {advice}"
