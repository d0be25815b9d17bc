"""The report page of a run: what its template lays out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcfm_ros.evaluation.measure.frames import FrameRecord
from dcfm_ros.evaluation.report import max_rate
from dcfm_ros.evaluation.report.costmap_pictures import beside
from dcfm_ros.evaluation.report.formats import MISSING, recordings_table
from dcfm_ros.evaluation.report.latency_figures import (
    latency_histogram,
    stage_bars,
    stage_histograms,
)
from dcfm_ros.evaluation.report.notes import notes_of, notes_on_costmaps
from dcfm_ros.evaluation.report.pictures import (
    ground_truth,
    jpeg_uri,
    mistakes,
    prediction,
    svg_uri,
)
from dcfm_ros.evaluation.report.quality_figures import accuracy_by_age, reliability_diagram
from dcfm_ros.evaluation.report.template import render
from dcfm_ros.evaluation.report.timeline_figure import timeline
from dcfm_ros.evaluation.run.results import Results
from dcfm_ros.evaluation.run.samples import Sample
from dcfm_ros.network import LabelSet

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
        max_rate=max_rate.section(document),
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
