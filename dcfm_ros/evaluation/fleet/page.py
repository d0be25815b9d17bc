"""The report of a fleet: pooled figures, a row for each recording that leads to its own report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from dcfm_ros.evaluation.fleet.document import Row
from dcfm_ros.evaluation.measure.pooled import PooledTally
from dcfm_ros.evaluation.report import page, sections
from dcfm_ros.evaluation.report.latency_figures import latency_histogram, stage_bars
from dcfm_ros.evaluation.report.page import percent
from dcfm_ros.network import LabelSet

Document = Mapping[str, Any]

_COLUMNS = ("recording", "frames", "mIoU %", "key frames %", "p50 ms", "p95 ms")


def fleet_page(
    document: Document, rows: Sequence[Row], tally: PooledTally, labels: LabelSet
) -> str:
    """A self-contained HTML page, but for the links to the recordings' own reports."""
    title = title_of(rows)
    parts = (
        sections.heading(title, document),
        sections.summary_cards(without_deliveries(document)),
        _failures(rows),
        _recordings(document),
        sections.classes(document, labels),
        _latency(tally),
        _costmap(document),
        _notes(document),
    )
    return page.page(f"{title}: segmentation report", "\n".join(part for part in parts if part))


def title_of(rows: Sequence[Row]) -> str:
    """What the report is about."""
    failed = sum(bool(row.error) for row in rows)
    return f"{len(rows)} recordings" + (f", {failed} of them failed" if failed else "")


def without_deliveries(document: Document) -> dict[str, Any]:
    """For figures of all together: what came of each recording stands in its row."""
    return {
        **document,
        "recordings": [
            {**{k: v for k, v in recording.items() if k != "delivery"}, "notes": []}
            for recording in document["recordings"]
        ],
    }


def table(document: Document) -> list[tuple[str, ...]]:
    """A head, and a row for each recording."""
    is_live = any(recording.get("delivery") for recording in document["recordings"])
    times = document["timings"]["recordings"]
    rows = [_COLUMNS + (("dropped",) if is_live else ())]
    for recording in document["recordings"]:
        accuracy, delivery = recording["accuracy"], recording.get("delivery")
        latency = times[recording["name"]]["stages_ms"]["total"]
        row = (
            recording["name"],
            str(recording["frames"]),
            percent(accuracy["miou"]) if accuracy else page.MISSING,
            percent(recording["key_frames"]["share"], 0),
            page.milliseconds(latency["p50"]),
            page.milliseconds(latency["p95"]),
        )
        dropped = (str(delivery["dropped"] + delivery["lost"]),) if delivery else ()
        rows.append(row + dropped)
    return rows


def costmap_sentence(costmap: Document) -> str:
    """How the grids of all recordings compare with the true ones."""
    return (
        f"{percent(costmap['ground_right_share'])} % of the ground has its class, "
        f"{percent(costmap['obstacles_near_share'])} % of the obstacle cells lie at most two cells "
        f"from a true one, {percent(costmap['hidden_obstacle_share'])} % of the cells shown as "
        f"ground hide an obstacle ({costmap['grids']} grids)"
    )


def _costmap(document: Document) -> str:
    if "costmap" not in document:
        return ""
    return page.section("Costmap", page.text(f"{costmap_sentence(document['costmap'])}."))


def _recordings(document: Document) -> str:
    head, *found = table(document)
    rows = []
    for recording, (name, *figures) in zip(document["recordings"], found, strict=True):
        link = f'<a href="{quote(recording["folder"])}/report.html">{escape(name)}</a>'
        rows.append(page.row([f"<td>{link}</td>", *map(page.figure_cell, figures)]))
    return page.section("Recordings", page.table(head, rows))


def _failures(rows: Sequence[Row]) -> str:
    failed = [row for row in rows if row.error]
    if not failed:
        return ""
    found = [page.row([page.words(row.name), page.words(row.error)]) for row in failed]
    return page.section(
        "Not evaluated",
        page.text("These recordings take no part in the figures above and below."),
        page.table(("recording", "reason"), found, numeric_from=2),
    )


def _latency(tally: PooledTally) -> str:
    histogram = page.drawing(latency_histogram(tally, float("nan")), "histogram of latency")
    bars = page.drawing(stage_bars(tally), "median time of each stage")
    return page.section(
        "Latency",
        page.text("Of all frames; from histograms whose bins are 1 % wide."),
        f'<div class="pair">{histogram}{bars}</div>',
    )


def _notes(document: Document) -> str:
    notes = [
        f"{recording['name']}: {note}"
        for recording in document["recordings"]
        for note in recording["notes"]
    ]
    return page.section("Notes", page.notes(notes)) if notes else ""
