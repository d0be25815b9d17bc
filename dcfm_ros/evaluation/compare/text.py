"""A comparison as a table for a terminal, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dcfm_ros.evaluation.compare.bootstrap import DRAWS, FEWEST_BLOCKS, LEVEL
from dcfm_ros.evaluation.compare.gate import Verdict
from dcfm_ros.evaluation.compare.runs import Comparison, Difference

SCHEMA = "dcfm_ros/comparison/1"
_HEAD = ("", "old", "new", "change", f"{100 * LEVEL:.0f} % interval", "unit", "")


def comparison_text(comparison: Comparison, verdicts: Collection[Verdict] = ()) -> str:
    """What changed, figure by figure, then what the gates say."""
    gated = {verdict.gate.name for verdict in verdicts}
    rows = [_HEAD] + [
        _row(found)
        for name, found in comparison.differences.items()
        if (found.figure.is_main or name in gated)
        and (found.old is not None or found.new is not None)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [f"old  {comparison.old.path}", f"new  {comparison.new.path}", ""]
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, 5, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines += ["", _how(comparison)] if comparison.blocks >= FEWEST_BLOCKS else [""]
    lines += [f"note: {note}" for note in comparison.notes]
    lines += [str(verdict) for verdict in verdicts]
    return "\n".join(lines)


def comparison_document(
    comparison: Comparison, verdicts: Collection[Verdict] = ()
) -> dict[str, Any]:
    """All figures, the details among them; equal for equal runs."""
    return {
        "schema": SCHEMA,
        "old": str(comparison.old.path),
        "new": str(comparison.new.path),
        "bootstrap": {
            "frames": comparison.frames,
            "blocks": comparison.blocks,
            "frames_per_block": comparison.block,
            "draws": DRAWS,
            "level": LEVEL,
        },
        "notes": list(comparison.notes),
        "gates": [
            {
                "gate": verdict.gate.text,
                "tripped": verdict.tripped,
                "figure": verdict.gate.name,
                "found": verdict.found,
            }
            for verdict in verdicts
        ],
        "figures": {
            name: {
                "unit": d.figure.unit.name,
                "old": d.old,
                "new": d.new,
                "change": d.change,
                "interval": None if d.low is None else [d.low, d.high],
            }
            for name, d in sorted(comparison.differences.items())
        },
    }


def _how(comparison: Comparison) -> str:
    return (
        f"intervals: paired bootstrap, {DRAWS} draws of {comparison.blocks} blocks of up to "
        f"{comparison.block} frames, {comparison.frames} in all"
    )


def _row(found: Difference) -> tuple[str, ...]:
    figure, digits = found.figure, found.figure.unit.digits
    verdict = ""
    if found.is_sure and figure.better:
        gained = (found.change or 0.0) * figure.better
        verdict = "better" if gained > 0 else "worse"
    return (
        figure.name,
        _number(found.old, digits),
        _number(found.new, digits),
        _number(found.change, digits, sign=True),
        ""
        if found.low is None or found.high is None
        else f"{_number(found.low, digits, sign=True)} … {_number(found.high, digits, sign=True)}",
        figure.unit.name,
        verdict,
    )


def _number(value: float | None, digits: int, *, sign: bool = False) -> str:
    if value is None:
        return "n/a"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return text.lstrip("+-") if sign and float(text) == 0 else text
