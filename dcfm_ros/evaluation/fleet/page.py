"""The report page of a fleet: what its template lays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dcfm_ros.evaluation.fleet.document import Row
from dcfm_ros.evaluation.measure.latency import Latencies
from dcfm_ros.evaluation.report.formats import recordings_table
from dcfm_ros.evaluation.report.latency_figures import latency_histogram, stage_bars
from dcfm_ros.evaluation.report.notes import notes_of
from dcfm_ros.evaluation.report.page import colors_of
from dcfm_ros.evaluation.report.pictures import svg_uri
from dcfm_ros.evaluation.report.template import render
from dcfm_ros.network import LabelSet


def fleet_page(
    document: Mapping[str, Any], rows: Sequence[Row], latencies: Latencies, labels: LabelSet
) -> str:
    """A self-contained HTML page, but for the links to the recordings' own reports."""
    failed = sum(bool(row.error) for row in rows)
    return render(
        "fleet.html.j2",
        title=f"{len(rows)} recordings" + (f", {failed} of them failed" if failed else ""),
        document=document,
        notes=notes_of(document),
        colors=colors_of(labels),
        recordings=recordings_table(document),
        drawings={
            "latency": svg_uri(latency_histogram(latencies, float("nan"))),
            "stages": svg_uri(stage_bars(latencies)),
        },
    )
