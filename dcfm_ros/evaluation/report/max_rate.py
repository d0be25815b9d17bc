"""The search for the highest rate without drops, for a terminal and for the report page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcfm_ros.evaluation.report import page

_COLUMNS = ("rate", "Hz", "sent", "segmented", "dropped", "lost", "p50 ms", "p99 ms")
_LIMITS = {
    "node": "at the next higher rate the node drops frames",
    "player": "at the next higher rate the player itself was late",
    "search": "the search ended there: no rate was too much",
}


def sentence(found: Mapping[str, Any]) -> str:
    """What was found.

    Args:
        found: `max_rate` of a metrics.json.
    """
    if found["rate"] is None:
        lowest = min(trial["rate"] for trial in found["curve"])
        return f"frames are dropped even at {lowest:.3g} times real time"
    hz = "" if found["hz"] is None else f" ({found['hz']:.1f} Hz)"
    return f"{found['rate']:.2f} times real time{hz} without drops; {_LIMITS[found['limit']]}"


def curve_text(found: Mapping[str, Any]) -> str:
    """Every trial, one line each, by rising rate."""
    rows = [_COLUMNS, *(_cells(trial) for trial in found["curve"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def max_rate_section(document: Mapping[str, Any]) -> str:
    """The section of the report page; empty where nothing was searched."""
    found = document.get("max_rate")
    if not found:
        return ""
    rows = [
        page.row(
            [page.words(cells[0]), *(page.figure_cell(cell) for cell in cells[1:])],
            css="" if trial["kept_pace"] else "absent",
        )
        for trial in found["curve"]
        for cells in [_cells(trial)]
    ]
    explained = (
        f"{sentence(found).capitalize()}. A rate counts as too much when frames were dropped or "
        "lost twice. Each line is the recording's beginning, played once to the same node."
    )
    return page.section("Highest rate", page.text(explained), page.table(_COLUMNS, rows))


def _cells(trial: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (str(trial[name]) for name in ("sent", "segmented", "dropped", "lost"))
    return (
        f"{trial['rate']:.2f}",
        page.MISSING if trial["camera_hz"] is None else f"{trial['camera_hz']:.1f}",
        *counts,
        *(
            page.MISSING if trial[name] is None else page.milliseconds(trial[name])
            for name in ("p50_ms", "p99_ms")
        ),
    )
