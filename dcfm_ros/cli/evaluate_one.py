"""One recording of a fleet: `dcfm evaluate` in a process of its own, options on standard input."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PATH = "path"


def main() -> int:
    """Run what standard input says; the exit codes of `dcfm`."""
    from dcfm_ros.cli.evaluate import evaluate_one
    from dcfm_ros.cli.main import guarded

    args = Namespace(**from_json(sys.stdin.read()))
    return guarded("evaluate", lambda: evaluate_one(args))


def to_json(options: Mapping[str, Any]) -> str:
    """The values that the command line gives: numbers, texts, paths and lists of them."""
    return json.dumps({name: _plain(value) for name, value in options.items()}, sort_keys=True)


def from_json(text: str) -> dict[str, Any]:
    """The same again."""
    return {name: _value(plain) for name, plain in json.loads(text).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return {_PATH: str(value)}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _value(plain: Any) -> Any:
    if isinstance(plain, dict):
        return Path(plain[_PATH])
    return [_value(item) for item in plain] if isinstance(plain, list) else plain


if __name__ == "__main__":
    sys.exit(main())
