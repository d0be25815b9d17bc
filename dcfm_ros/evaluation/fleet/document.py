"""metrics.json of a fleet: the schema of a single run, pooled, with a row for each recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import dcfm_ros
from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.cost import FrameCost, mean_cost
from dcfm_ros.evaluation.measure.costmap_score import costmap_total
from dcfm_ros.evaluation.measure.counts import Counts, latencies_of
from dcfm_ros.evaluation.measure.latency import mean_rate_hz, time_stages
from dcfm_ros.evaluation.measure.metrics import Conventions, measure
from dcfm_ros.evaluation.report.document import SCHEMA
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
