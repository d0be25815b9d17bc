"""Writes what a run came to: metrics.json, report.html, contact_sheet.png and counts.npz."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcfm_ros.evaluation.measure.counts import FILE as COUNTS
from dcfm_ros.evaluation.measure.counts import counts_of, write_counts
from dcfm_ros.evaluation.report import costmap_section, gallery, quality_sections, sections
from dcfm_ros.evaluation.report.document import document, write_document
from dcfm_ros.evaluation.report.max_rate import max_rate_section
from dcfm_ros.evaluation.report.page import page
from dcfm_ros.evaluation.report.sheet import contact_sheet
from dcfm_ros.evaluation.report.summary import one_line
from dcfm_ros.evaluation.run.results import Results


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
    title = title or sections.title_of(results.recordings)
    contact_sheet(
        results.samples.spread(),
        results.setup.info.labels,
        title,
        one_line(content),
        folder / "contact_sheet.png",
        costmap_section.strip(results),
    )
    html = page(f"{title}: segmentation report", _body(results, content, title))
    (folder / "report.html").write_text(html, encoding="utf-8")
    write_counts(counts_of(results.total()), folder / COUNTS)
    write_document(content, folder / "metrics.json")
    return content


def _body(results: Results, content: dict[str, Any], title: str) -> str:
    parts = (
        sections.heading(title, content),
        sections.summary_cards(content),
        sections.all_notes(content),
        gallery.overlays(results),
        costmap_section.costmaps(results),
        sections.recordings(content),
        sections.classes(content, results.setup.info.labels),
        sections.timelines(results),
        sections.latency(results, content),
        max_rate_section(content),
        quality_sections.reuse(content),
        quality_sections.steadiness(content),
        gallery.worst(results),
        sections.settings(content),
    )
    return "\n".join(part for part in parts if part)
