"""Figures as text and tables, with the same digits in a terminal and on a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dcfm_ros.evaluation.measure.figures import GIGA, MS, POINTS, Figure

MISSING = "n/a"
_COLUMNS = ("recording", "frames", "mIoU %", "key frames %", "p50 ms", "p95 ms")
_TRIAL_COLUMNS = ("rate", "Hz", "sent", "segmented", "dropped", "lost", "p50 ms", "p99 ms")
_LIMITS = {
    "node": "at the next higher rate the node drops frames",
    "player": "at the next higher rate the player itself was late",
    "search": "the search ended there: no rate was too much",
}


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 0 … 1 in per cent, without the sign."""
    return MISSING if share is None or math.isnan(share) else f"{100.0 * share:.{digits}f}"


def milliseconds(value: float | None) -> str:
    """With as many digits as mean something."""
    if value is None:
        return MISSING
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def giga(count: float) -> str:
    """Multiply-adds in units of 10^9."""
    return f"{count / 1e9:.{1 if count >= 1e10 else 2}f}"


def told(figure: Figure, digits: int = 1, *, unit: bool = True) -> str:
    """A figure, with its unit or without; shares are told in per cent."""
    value, name = figure.value, "%" if figure.unit == POINTS else figure.unit.name
    if value is None:
        return MISSING
    number = f"{value:.{digits}f}"
    if figure.unit == MS:
        number = milliseconds(value)
    elif figure.unit == GIGA:
        number = giga(1e9 * value)
    return f"{number} {name}" if unit else number


def aligned(rows: Sequence[Sequence[str]], left: int = 0) -> list[str]:
    """Lines of a table for a terminal; the first `left` columns hold words, the others numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def recordings_table(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A head, and a row for each recording of a metrics.json."""
    is_live = any(recording.get("delivery") for recording in document["recordings"])
    rows = [_COLUMNS + (("dropped",) if is_live else ())]
    for recording in document["recordings"]:
        accuracy, delivery = recording["accuracy"], recording.get("delivery")
        latency = document["timings"]["recordings"][recording["name"]]["stages_ms"]["total"]
        row = (
            recording["name"],
            str(recording["frames"]),
            percent(accuracy["miou"]) if accuracy else MISSING,
            percent(recording["key_frames"]["share"], 0),
            milliseconds(latency["p50"]),
            milliseconds(latency["p95"]),
        )
        dropped = (str(delivery["dropped"] + delivery["lost"]),) if delivery else ()
        rows.append(row + dropped)
    return rows


def max_rate_sentence(found: Mapping[str, Any]) -> str:
    """What the search for the highest rate without drops found.

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
        _TRIAL_COLUMNS,
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


def trials_text(found: Mapping[str, Any]) -> str:
    """Every trial, one line each, for a terminal."""
    return "\n".join(aligned(trials_table(found)))


def max_rate_section(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the report page shows; None where nothing was searched."""
    found = document.get("max_rate")
    if not found:
        return None
    return {
        "sentence": max_rate_sentence(found),
        "trials": trials_table(found),
        "kept_pace": [trial["kept_pace"] for trial in found["curve"]],
    }
