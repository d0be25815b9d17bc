"""The search for the highest rate without drops, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcfm_ros.evaluation.report.formats import MISSING, aligned, milliseconds

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


def trials_table(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A head, and a row for every trial by rising rate."""
    return [
        _COLUMNS,
        *(
            (
                f"{trial['rate']:.2f}",
                MISSING if trial["camera_hz"] is None else f"{trial['camera_hz']:.1f}",
                *(str(trial[name]) for name in ("sent", "segmented", "dropped", "lost")),
                *(milliseconds(trial[name]) for name in ("p50_ms", "p99_ms")),
            )
            for trial in found["curve"]
        ),
    ]


def curve_text(found: Mapping[str, Any]) -> str:
    """Every trial, one line each, for a terminal."""
    return "\n".join(aligned(trials_table(found)))


def section(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the report page shows; None where nothing was searched."""
    found = document.get("max_rate")
    if not found:
        return None
    return {
        "sentence": sentence(found),
        "trials": trials_table(found),
        "kept_pace": [trial["kept_pace"] for trial in found["curve"]],
    }
