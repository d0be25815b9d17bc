"""What one process is asked to evaluate, as a value that goes to another process as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from dcfm_ros.evaluation.evaluate import RunSettings


@dataclass(frozen=True)
class Live:
    """How to play a recording into the real node."""

    rate: float = 1.0
    """Times real time; where the search for the highest rate begins."""
    find_max_rate: bool = False
    """Search the highest rate without drops first, and report that one."""


@dataclass(frozen=True)
class Request:
    """One recording to evaluate."""

    recording: Path
    out: Path
    """Folder of the report."""
    settings: RunSettings
    live: Live | None = None
    """None: exact mode."""

    def to_json(self) -> str:
        """On one line."""
        return json.dumps(plain(self))

    @classmethod
    def from_json(cls, text: str) -> Request:
        """The same again."""
        request: Request = _value(cls, json.loads(text))
        return request


def plain(values: Any) -> dict[str, Any]:
    """A dataclass of numbers, texts, paths, tuples and dataclasses, as JSON can hold it."""
    content: dict[str, Any] = json.loads(json.dumps(asdict(values), default=str, sort_keys=True))
    return content


def _value(kind: Any, given: Any) -> Any:
    """What `plain` was given, by the type that is declared for it."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _value(hints[name], value) for name, value in given.items()})
    if type(None) in get_args(kind):
        return None if given is None else _value(get_args(kind)[0], given)
    if get_origin(kind) is tuple:
        return tuple(given)
    return Path(given) if kind is Path else given
