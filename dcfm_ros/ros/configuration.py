"""Writes config/segment.yaml from the settings dataclasses, which are the only home of defaults."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from dcfm_ros.ros.settings import NodeSettings
from dcfm_ros.settings import Option, flatten

_HEAD = """\
# Parameters of the node `segmenter`, with their defaults.
# Generated from the settings dataclasses by `python3 -m dcfm_ros.ros.configuration`; copy it to change it.
/**:
  ros__parameters:
"""
_INDENT = "  "


def yaml_text() -> str:
    """The parameter file with every default and its explanation."""
    lines: list[str] = []
    group = ""
    for option in flatten(NodeSettings()).values():
        *groups, name = option.name.split(".")
        if group != ".".join(groups):
            group = ".".join(groups)
            lines += ["", f"{_INDENT * 2}{group}:"]
        lines += _entry(option, name, _INDENT * (2 + len(groups)))
    return _HEAD + "\n".join(lines) + "\n"


def _entry(option: Option, name: str, indent: str) -> Iterator[str]:
    comment = option.doc + valid_values(option, " ({})")
    yield from textwrap.wrap(
        comment, 100, initial_indent=indent + "# ", subsequent_indent=indent + "# "
    )
    if option.value == ():
        # An empty sequence has no type in ROS parameter files.
        yield f"{indent}# {name}: []"
    else:
        yield f"{indent}{name}: {_scalar(option.value)}"


def valid_values(option: Option, form: str = "{}") -> str:
    """Choices or bounds of an option in words, put into `form`; empty where it has neither."""
    if option.choices:
        return form.format("one of " + ", ".join(option.choices))
    if option.low is not None and option.high is not None:
        return form.format(f"{option.low} to {option.high}")
    if option.low is not None:
        return form.format(f"at least {option.low}")
    return form.format(f"at most {option.high}") if option.high is not None else ""


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    return repr(value)


if __name__ == "__main__":
    print(yaml_text(), end="")
