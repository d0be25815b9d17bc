"""Writes the report of a run: metrics.json, report.html, contact_sheet.png and counts.npz."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dcfm_ros.evaluation.measure.counts import FILE as COUNTS
from dcfm_ros.evaluation.measure.counts import write_counts
from dcfm_ros.evaluation.measure.frames import FrameRecord
from dcfm_ros.evaluation.report.document import document, write_document
from dcfm_ros.evaluation.report.drawings import (
    accuracy_by_age,
    latency_histogram,
    reliability_diagram,
    stage_bars,
    stage_histograms,
)
from dcfm_ros.evaluation.report.formats import (
    MISSING,
    giga,
    max_rate_section,
    milliseconds,
    percent,
    recordings_table,
)
from dcfm_ros.evaluation.report.notes import notes_of, notes_on_costmaps
from dcfm_ros.evaluation.report.pictures import (
    beside,
    film_strip,
    ground_truth,
    jpeg_uri,
    mistakes,
    prediction,
    svg_uri,
)
from dcfm_ros.evaluation.report.sheet import contact_sheet
from dcfm_ros.evaluation.report.summary import one_line
from dcfm_ros.evaluation.report.timeline import timeline
from dcfm_ros.evaluation.run.results import Recording, Results
from dcfm_ros.evaluation.run.samples import Sample
from dcfm_ros.images import Pixels
from dcfm_ros.network import LabelSet


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


Document = Mapping[str, Any]

_MOST_TIMELINES = 8
_MOST_COSTMAPS = 4
_MOST_SHOTS = 4


@dataclass(frozen=True)
class Picture:
    """A frame, and what is shown of it: names and data URIs."""

    frame: FrameRecord
    panels: list[tuple[str, str]]


def report_page(results: Results, document: Document, title: str) -> str:
    """The page as HTML.

    Args:
        document: the content of metrics.json.
    """
    labels, samples = results.setup.info.labels, results.samples
    spread = samples.spread()
    return render(
        "run.html.j2",
        title=title,
        document=document,
        notes=notes_of(document),
        colors=colors_of(labels),
        recordings=recordings_table(document),
        overlays=[
            Picture(sample.record, [("overlay", jpeg_uri(prediction(sample, labels)))])
            for sample in spread
        ],
        shown=_shown(spread, labels),
        costmaps=_costmaps(results),
        timelines=_timelines(results),
        drawings=_drawings(results, document),
        max_rate=max_rate_section(document),
        worst=[Picture(sample.record, _panels(sample, labels)) for sample in samples.worst()],
        apart=samples.apart,
        recording_settings=_recording_settings(document),
    )


def colors_of(labels: LabelSet) -> dict[str, tuple[int, int, int]]:
    """RGB by class name."""
    return dict(zip(labels.classes, labels.colors, strict=True))


def _shown(samples: list[Sample], labels: LabelSet) -> list[str]:
    """Names of the classes that the frames show."""
    found = {int(label) for sample in samples for label in set(sample.labels.ravel().tolist())}
    return [name for label, name in enumerate(labels.classes) if label in found]


def _panels(sample: Sample, labels: LabelSet) -> list[tuple[str, str]]:
    pictures = {
        "camera": sample.rgb,
        "prediction": prediction(sample, labels),
        "ground truth": ground_truth(sample, labels),
        "mistakes": mistakes(sample, labels),
    }
    return [(name, jpeg_uri(found)) for name, found in pictures.items() if found is not None]


def _costmaps(results: Results) -> dict[str, dict[str, Any]]:
    """What is shown of the grids, by recording."""
    runs = {r.name: r.costmap for r in results.recordings if r.costmap is not None}
    return {
        name: {
            "notes": notes_on_costmaps([run.figures()]),
            "shots": [
                {
                    "index": shot.index,
                    "has_truth": shot.truth is not None,
                    "source": jpeg_uri(beside(shot, run.classes)),
                }
                for shot in run.shots(_MOST_SHOTS)
            ],
        }
        for name, run in list(runs.items())[:_MOST_COSTMAPS]
    }


def _timelines(results: Results) -> list[tuple[str, str]]:
    own_reference = results.setup.conventions.own_reference
    return [
        (r.name, svg_uri(timeline(r.tally, r.tally.period_ms, own_reference=own_reference)))
        for r in results.recordings[:_MOST_TIMELINES]
    ]


def _drawings(results: Results, document: Document) -> dict[str, str | None]:
    """Data URIs by subject; None where nothing was measured of it."""
    latencies, recordings = results.latencies(), results.recordings
    period_ms = recordings[0].tally.period_ms if len(recordings) == 1 else float("nan")
    accuracy, calibration = document["total"]["accuracy"], document["total"]["calibration"]
    by_age = accuracy["by_age"] if accuracy else []
    drawn = {
        "latency": latency_histogram(latencies, period_ms),
        "stages": stage_bars(latencies),
        "stage_histograms": stage_histograms(latencies),
        "by_age": accuracy_by_age(by_age) if len(by_age) > 1 else None,
        "reliability": reliability_diagram(calibration) if calibration else None,
    }
    return {name: None if svg is None else svg_uri(svg) for name, svg in drawn.items()}


def _recording_settings(document: Document) -> dict[str, Any]:
    recordings = document["recordings"]
    if len(recordings) > 1:
        return {recording["name"]: recording["path"] for recording in recordings}
    (only,) = recordings
    return {
        "path": only["path"],
        "image topic": only["image_topic"] or MISSING,
        "ground truth": only["label_topic"] or MISSING,
        "image size": "{width}x{height} px".format(**only["image_size"]),
        "unreadable frames": only["unreadable_frames"],
        "dcfm_ros": document["dcfm_ros"],
    }


def render(template: str, **content: Any) -> str:
    """A page that needs no other file.

    Args:
        template: a file in the folder `templates` beside this module.
        content: what it lays out, by name.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, ms=milliseconds, giga=giga)
    environment.tests.update(nan=math.isnan)
    return environment.get_template(template).render(**content)
