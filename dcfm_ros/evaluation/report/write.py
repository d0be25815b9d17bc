"""Writes what a run came to: metrics.json, report.html, contact_sheet.png and counts.npz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcfm_ros.evaluation.measure.counts import FILE as COUNTS
from dcfm_ros.evaluation.measure.counts import write_counts
from dcfm_ros.evaluation.report.costmap_pictures import film_strip
from dcfm_ros.evaluation.report.document import document, write_document
from dcfm_ros.evaluation.report.page import report_page
from dcfm_ros.evaluation.report.sheet import contact_sheet
from dcfm_ros.evaluation.report.summary import one_line
from dcfm_ros.evaluation.run.results import Recording, Results
from dcfm_ros.images import Pixels


def write_report(
    results: Results, folder: Path, title: str = "", extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write the report of a run that is over.

    Args:
        folder: exists.
        title: empty: the name of the recording.
        extra: further content of metrics.json.

    Returns:
        The content of metrics.json.
    """
    content = {**document(results), **(extra or {})}
    title = title or _title_of(results.recordings)
    contact_sheet(
        results.samples.spread(),
        results.setup.info.labels,
        title,
        one_line(content),
        folder / "contact_sheet.png",
        _strip(results.recordings),
    )
    html = report_page(results, content, title)
    (folder / "report.html").write_text(html, encoding="utf-8")
    write_counts(results.counts(), folder / COUNTS)
    write_document(content, folder / "metrics.json")
    return content


def _title_of(recordings: list[Recording]) -> str:
    """What the report is about."""
    first = recordings[0].name
    return first if len(recordings) == 1 else f"{first} and {len(recordings) - 1} more"


def _strip(recordings: list[Recording]) -> Pixels | None:
    """Grids of the first recording that has them, side by side; None without."""
    for recording in recordings:
        if recording.costmap is not None and recording.costmap.shots():
            return film_strip(recording.costmap.shots(), recording.costmap.classes)
    return None
