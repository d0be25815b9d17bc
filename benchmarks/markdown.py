"""Tables of the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows of a Markdown table, a line each; a rule is a row of `---`."""
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
