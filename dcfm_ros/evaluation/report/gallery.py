"""The sections of the report page that show frames."""

from __future__ import annotations

import math
from html import escape

from dcfm_ros.evaluation.measure.frames import FrameRecord
from dcfm_ros.evaluation.report import page
from dcfm_ros.evaluation.report.page import percent
from dcfm_ros.evaluation.report.pictures import ground_truth, jpeg_uri, mistakes, prediction
from dcfm_ros.evaluation.run.results import Results
from dcfm_ros.evaluation.run.samples import Sample
from dcfm_ros.network import LabelSet


def overlays(results: Results) -> str:
    """Evenly spread frames."""
    labels = results.setup.info.labels
    samples = results.samples.spread()
    several = len(results.recordings) > 1
    figures = "".join(
        f'<figure><img alt="overlay" src="{jpeg_uri(prediction(sample, labels))}">'
        f"<figcaption>{_caption(sample.record, several)}</figcaption></figure>"
        for sample in samples
    )
    return page.section(
        "What it looks like",
        page.text("Predicted classes over frames that are spread evenly over the recording."),
        page.legend(labels, _shown(samples, labels)),
        f'<div class="grid">{figures}</div>',
    )


def worst(results: Results) -> str:
    """The frames that came out worst, with what is true and what is wrong."""
    samples = results.samples.worst()
    if not samples:
        return ""
    labelled = not math.isnan(samples[0].record.miou)
    measure = "mIoU" if labelled else "mean confidence"
    several = len(results.recordings) > 1
    return page.section(
        "Worst frames",
        page.text(
            f"Lowest {measure}, at least {results.samples.apart} frames apart."
            + (" Orange pixels are wrong; dark ones have no ground truth." if labelled else "")
        ),
        *(_panels(sample, results.setup.info.labels, several) for sample in samples),
    )


def _panels(sample: Sample, labels: LabelSet, several: bool) -> str:
    pictures = [
        ("camera", sample.rgb),
        ("prediction", prediction(sample, labels)),
        ("ground truth", ground_truth(sample, labels)),
        ("mistakes", mistakes(sample, labels)),
    ]
    shown = [(name, picture) for name, picture in pictures if picture is not None]
    panels = "".join(
        f'<figure><img alt="{name}" src="{jpeg_uri(picture)}">'
        f"<figcaption>{name}</figcaption></figure>"
        for name, picture in shown
    )
    css = "panels" if len(shown) == len(pictures) else "panels two"
    return (
        f'<div class="worst"><div>{_caption(sample.record, several)}</div>'
        f'<div class="{css}">{panels}</div></div>'
    )


def _caption(record: FrameRecord, several: bool) -> str:
    parts = [f"{escape(record.recording)} · " if several else "", f"frame {record.index}"]
    if not math.isnan(record.miou):
        parts.append(f" · mIoU {percent(record.miou, 0)} %")
    elif not math.isnan(record.mean_confidence):
        parts.append(f" · confidence {percent(record.mean_confidence, 0)} %")
    parts.append(
        f' <span class="badge">key frame, {record.reason.name}</span>'
        if record.is_key_frame
        else f" · {record.age} after its key frame"
    )
    return "".join(parts)


def _shown(samples: list[Sample], labels: LabelSet) -> list[int]:
    found = {int(label) for sample in samples for label in set(sample.labels.ravel().tolist())}
    return sorted(label for label in found if label < len(labels.classes))
