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
    gated = {verdict.difference.name for verdict in verdicts}
    shown = [d for d in comparison.differences.values() if d.is_main or d.name in gated]
    shown = [d for d in shown if d.old is not None or d.new is not None]
    rows = [_HEAD, *(_row(difference) for difference in sorted(shown, key=_order))]
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
                "figure": verdict.difference.name,
                "found": verdict.found,
            }
            for verdict in verdicts
        ],
        "figures": {
            d.name: {
                "unit": d.unit,
                "old": d.old,
                "new": d.new,
                "change": d.change,
                "interval": None if d.low is None else [d.low, d.high],
            }
            for d in comparison.differences.values()
        },
    }


def _how(comparison: Comparison) -> str:
    return (
        f"intervals: paired bootstrap, {DRAWS} draws of {comparison.blocks} blocks of up to "
        f"{comparison.block} frames, {comparison.frames} in all"
    )


def _row(found: Difference) -> tuple[str, ...]:
    digits = 1 if found.unit == "ms" else 0 if not found.unit else 2
    verdict = ""
    if found.is_sure and found.better:
        gained = (found.change or 0.0) * found.better
        verdict = "better" if gained > 0 else "worse"
    return (
        found.name,
        _number(found.old, digits),
        _number(found.new, digits),
        _number(found.change, digits, sign=True),
        ""
        if found.low is None or found.high is None
        else f"{_number(found.low, digits, sign=True)} … {_number(found.high, digits, sign=True)}",
        found.unit,
        verdict,
    )


def _number(value: float | None, digits: int, *, sign: bool = False) -> str:
    if value is None:
        return "n/a"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return text.lstrip("+-") if sign and float(text) == 0 else text


def _order(found: Difference) -> tuple[int, str]:
    """Accuracy first, classes after it, then time and the rest."""
    for place, start in enumerate(("miou", "pixel", "mean_acc", "freq", "iou.", "latency", "rate")):
        if found.name.startswith(start):
            return place, found.name
    return 99, found.name
