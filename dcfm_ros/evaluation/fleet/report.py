"""The report of a fleet from the reports of its recordings, wherever they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.compare.runs import load_run
from dcfm_ros.evaluation.fleet.document import Row, fleet_document
from dcfm_ros.evaluation.fleet.jobs import FOLDER, Job
from dcfm_ros.evaluation.fleet.page import fleet_page
from dcfm_ros.evaluation.measure import counts
from dcfm_ros.evaluation.measure.counts import Counts, added, latencies_of, no_counts, read_counts
from dcfm_ros.evaluation.measure.tally import Measures
from dcfm_ros.evaluation.report.document import write_document
from dcfm_ros.evaluation.report.formats import aligned, recordings_table
from dcfm_ros.evaluation.run.output import output_folder
from dcfm_ros.network import LabelSet


def read_row(job: Job, error: str = "", seconds: float = 0.0, *, was_done: bool = False) -> Row:
    """A recording's row, from its report.

    Raises:
        EvaluationError: its metrics.json is not there, or damaged.
    """
    document = None if error else load_run(job.folder).document
    folder = "" if error else f"{FOLDER}/{job.name}"
    return Row(job.name, str(job.recording), folder, document, error, seconds, was_done)


def sum_of(jobs: Sequence[Job], classes: int, measures: Measures) -> Counts:
    """The counts of some reports together.

    Raises:
        EvaluationError: those of one are not there, damaged, or of other classes.
    """
    total = no_counts(classes, measures)
    for job in jobs:
        try:
            total = added(total, read_counts(job.folder / counts.FILE))
        except EvaluationError as error:
            raise EvaluationError(f"{job.name}: {error}") from None
    return total


def write_fleet_report(
    rows: Sequence[Row], total: Counts, labels: LabelSet, out: Path
) -> dict[str, Any]:
    """Write metrics.json and report.html over all recordings.

    Returns:
        The content of metrics.json.

    Raises:
        EvaluationError: all recordings have failed, or they were not measured alike.
    """
    content = fleet_document(rows, total, labels)
    with output_folder(out) as stage:
        html = fleet_page(content, rows, latencies_of(total), labels)
        (stage / "report.html").write_text(html, encoding="utf-8")
        write_document(content, stage / "metrics.json")
    return content


def fleet_text(content: dict[str, Any], rows: Sequence[Row]) -> str:
    """One line for each recording, then those that failed with their reasons."""
    lines = aligned(recordings_table(content), left=1)
    lines += [f"FAILED  {row.name}: {row.error}" for row in rows if row.error]
    before = sum(row.was_done for row in rows)
    if before:
        lines.append(f"{before} of {len(rows)} recordings had been done before")
    return "\n".join(lines)


def without_deliveries(document: Mapping[str, Any]) -> dict[str, Any]:
    """For figures of all together: what came of each recording stands in its row."""
    return {
        **document,
        "recordings": [
            {**{k: v for k, v in recording.items() if k != "delivery"}, "notes": []}
            for recording in document["recordings"]
        ],
    }
