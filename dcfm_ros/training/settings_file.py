"""Training settings from YAML files and from the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dcfm_ros.errors import ResourceError, SettingsError
from dcfm_ros.resources import resource
from dcfm_ros.settings import from_flat
from dcfm_ros.training.settings import TrainSettings

_BASE = "base"


def find_config(name: str) -> Path:
    """The YAML file that the user means: a path, or the name of one in config/train.

    Raises:
        SettingsError: neither.
    """
    if Path(name).is_file():
        return Path(name)
    try:
        folder = resource("config/train")
    except ResourceError:
        folder = Path("config/train")
    shipped = folder / f"{name}.yaml"
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise SettingsError(f"no file {name}; give a YAML file, or one of {known}")


def read_settings(path: Path, changes: Sequence[str] = ()) -> TrainSettings:
    """Read a YAML file with the nesting of `TrainSettings`.

    Args:
        path: of the file; it may name another, relative to itself, under `base` and goes on top.
        changes: `dotted.name=value` each, the value as YAML has it; they go on top of the file.

    Raises:
        SettingsError: not a YAML mapping, an unknown name or an invalid value.
    """
    values = _read(path, ())
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise SettingsError(f"--set {change}: expected NAME=VALUE, e.g. optimizer.batch=8")
        values[name.strip()] = _parsed(value, f"--set {change}")
    return from_flat(TrainSettings, values)


def _read(path: Path, readers: tuple[Path, ...]) -> dict[str, Any]:
    """Dotted name -> value, those of the base first."""
    path = path.resolve()
    if path in readers:
        raise SettingsError(f"{path} is its own base; remove one of the `base` lines")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None
    content = _parsed(text, str(path))
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds no settings, expected `name: value` lines")
    base = content.pop(_BASE, None)
    values = {} if base is None else _read(path.parent / str(base), (*readers, path))
    return values | dict(_dotted(content))


def _parsed(text: str, source: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise SettingsError(f"cannot read {source}: {' '.join(str(error).split())}") from None


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 6e-5 for a string; everybody means the number."""


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


_Loader.add_constructor("!exponent", _number)
_Loader.add_implicit_resolver(
    "!exponent", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _dotted(content: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in content.items():
        nested = isinstance(value, dict)
        pairs += _dotted(value, f"{prefix}{name}.") if nested else [(f"{prefix}{name}", value)]
    return pairs
