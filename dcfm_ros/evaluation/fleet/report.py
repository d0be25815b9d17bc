"""The report of a fleet from the reports of its recordings, wherever they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dcfm_ros
from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.compare.runs import load_run
from dcfm_ros.evaluation.fleet.jobs import FOLDER, Job
from dcfm_ros.evaluation.measure import counts
from dcfm_ros.evaluation.measure.cost import FrameCost, mean_cost
from dcfm_ros.evaluation.measure.costmap_score import costmap_total
from dcfm_ros.evaluation.measure.counts import Counts, added, latencies_of, no_counts, read_counts
from dcfm_ros.evaluation.measure.latency import Latencies, mean_rate_hz, time_stages
from dcfm_ros.evaluation.measure.metrics import Conventions, measure
from dcfm_ros.evaluation.measure.tally import Measures
from dcfm_ros.evaluation.report.document import SCHEMA, write_document
from dcfm_ros.evaluation.report.drawings import latency_histogram, stage_bars
from dcfm_ros.evaluation.report.formats import aligned, recordings_table
from dcfm_ros.evaluation.report.notes import notes_of
from dcfm_ros.evaluation.report.pictures import svg_uri
from dcfm_ros.evaluation.report.write import colors_of, render
from dcfm_ros.evaluation.run.output import output_folder
from dcfm_ros.network import LabelSet

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One recording of a fleet."""

    name: str
    path: str
    folder: str
    """Of its report, from the fleet's; empty where there is none."""
    document: Document | None
    """The content of its metrics.json; None if it failed."""
    error: str = ""
    """Why it failed."""
    seconds: float = 0.0
    was_done: bool = False
    """By an earlier run."""


def fleet_document(rows: Sequence[Row], counts: Counts, labels: LabelSet) -> dict[str, Any]:
    """The figures of all recordings that did not fail, and the reasons of those that did.

    Args:
        counts: of all of them together.

    Raises:
        EvaluationError: all have failed, or they were not measured alike.
    """
    good = [row for row in rows if row.document is not None]
    if not good:
        raise EvaluationError(
            f"none of {len(rows)} recordings could be evaluated; {rows[0].name}: {rows[0].error}"
        )
    documents = [row.document for row in good if row.document is not None]
    setup = _common_setup(documents)
    reference = setup["reference"]
    conventions = Conventions(
        absent_as_zero=setup["absent_as_zero"],
        own_reference=bool(reference and reference["own"]),
    )
    recordings = [
        {**recording, "name": row.name, "folder": row.folder}
        for row, document in zip(good, documents, strict=True)
        for recording in document["recordings"]
    ]
    costmap = costmap_total(recordings)
    totals = [document["total"] for document in documents]
    frames = [total["frames"] for total in totals]
    rates_hz = [document["timings"]["total"]["rate_hz"] for document in documents]
    costs = [
        FrameCost(cost["key"], cost["non_key"], key_attention=0, non_key_attention=0, parameters=0)
        for cost in (total["multiply_adds"] for total in totals)
    ]
    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "dcfm_ros": dcfm_ros.__version__,
        "setup": setup,
        "total": measure(counts, labels, mean_cost(frames, costs), conventions),
        **({"costmap": costmap.figures()} if costmap else {}),
        "recordings": recordings,
        "failed": [
            {"name": row.name, "path": row.path, "error": row.error} for row in rows if row.error
        ],
        "timings": {
            "total": {
                "rate_hz": mean_rate_hz(frames, rates_hz),
                **time_stages(latencies_of(counts)),
            },
            "recordings": {
                row.name: times
                for row, document in zip(good, documents, strict=True)
                for times in document["timings"]["recordings"].values()
            },
            "peak_memory": _peak_memory(documents),
        },
    }


def _common_setup(documents: Sequence[Document]) -> dict[str, Any]:
    """What all were measured with; where engines differ between machines, the first one's."""
    first: dict[str, Any] = dict(documents[0]["setup"])
    for document in documents[1:]:
        for key, value in document["setup"].items():
            if key != "engine" and value != first[key]:
                raise EvaluationError(
                    f"{key} differs between the recordings of a fleet: {first[key]} and {value}; "
                    "run it again without --resume"
                )
    return first


def _peak_memory(documents: Sequence[Document]) -> dict[str, float | None]:
    """Of the process that needed most."""
    peaks: dict[str, float | None] = {}
    for name in documents[0]["timings"]["peak_memory"]:
        found = [document["timings"]["peak_memory"][name] for document in documents]
        peaks[name] = max((value for value in found if value is not None), default=None)
    return peaks


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
