"""Pages from templates: every text is escaped, and a name that nobody gave is an error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dcfm_ros.evaluation.report.formats import giga, milliseconds, percent


def render(template: str, **content: Any) -> str:
    """A page that needs no other file.

    Args:
        template: a file in the folder `templates` beside this module.
        content: what it lays out, by name.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, ms=milliseconds, giga=giga)
    environment.tests.update(nan=math.isnan)
    return environment.get_template(template).render(**content)
