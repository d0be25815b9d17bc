"""The sections of the report page, each from the document and the results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from dcfm_ros.evaluation.report import page
from dcfm_ros.evaluation.report.latency_figures import (
    latency_histogram,
    stage_bars,
    stage_histograms,
)
from dcfm_ros.evaluation.report.page import percent
from dcfm_ros.evaluation.report.timeline_figure import timeline
from dcfm_ros.evaluation.run.results import LIVE, Recording, Results
from dcfm_ros.network import LabelSet

Document = Mapping[str, Any]
_MOST_TIMELINES = 8
_CLASS_COLUMNS = {
    "iou": "IoU %",
    "precision": "precision %",
    "recall": "recall %",
    "boundary_f_score": "boundary F %",
    "share": "% of truth",
}


def heading(title: str, document: Document) -> str:
    """What was measured, with what, and when."""
    setup = document["setup"]
    engine = setup["engine"]
    how = "the live node over DDS" if setup["mode"] == LIVE else "exact mode: every frame, in order"
    if setup["protocol"]:
        how = f"protocol {setup['protocol']}, offline"
    line = (
        f"{setup['checkpoint']['name']} on {engine['device']}, {engine['precision']}, "
        f"{engine['threads']} threads · {how} · {document['created'][:16].replace('T', ' ')} UTC"
    )
    return f'<header><h1>{escape(title)}</h1><div class="soft">{escape(line)}</div></header>'


def summary_cards(document: Document) -> str:
    """The figures that a reader looks for first."""
    total, times = document["total"], document["timings"]["total"]
    latency = times["stages_ms"]["total"]
    accuracy, keys, cost = total["accuracy"], total["key_frames"], total["multiply_adds"]
    items = []
    if accuracy:
        items.append(
            page.card(
                "mIoU", percent(accuracy["miou"]), "%",
                f"{percent(accuracy['pixel_accuracy'])} % of pixels right",
            )
        )  # fmt: skip
    else:
        items.append(
            page.card("mean confidence", percent(total["mean_confidence"]), "%", "no ground truth")
        )
    items.append(
        page.card(
            "latency, median", page.milliseconds(latency["p50"]), "ms",
            f"p95 {page.milliseconds(latency['p95'])} · p99 {page.milliseconds(latency['p99'])}",
        )
    )  # fmt: skip
    items.append(page.card("rate", f"{times['rate_hz']:.1f}", "Hz", _rate_note(document)))
    items.append(
        page.card(
            "key frames", percent(keys["share"], 0), "%",
            f"{keys['count']} of {total['frames']} frames",
        )
    )  # fmt: skip
    items.append(
        page.card(
            "cost of a frame", page.giga(cost["mean"]), "G",
            f"multiply-adds; key {page.giga(cost['key'])}, others {page.giga(cost['non_key'])}",
        )
    )  # fmt: skip
    for recording in document["recordings"]:
        delivery = recording.get("delivery")
        if delivery:
            more = f"{delivery['dropped']} dropped · {delivery['lost']} lost"
            items.append(
                page.card("segmented", str(delivery["segmented"]), f"of {delivery['sent']}", more)
            )
    return page.cards(items)


def all_notes(document: Document) -> str:
    """The notes on every recording."""
    several = len(document["recordings"]) > 1
    return page.notes(
        [
            f"{recording['name']}: {note}" if several else note
            for recording in document["recordings"]
            for note in recording["notes"]
        ]
    )


def classes(document: Document, labels: LabelSet) -> str:
    """Accuracy by class; without ground truth, how much of the picture each class takes."""
    accuracy, predicted = document["total"]["accuracy"], document["total"]["predicted_shares"]
    if accuracy is None:
        rows = [
            page.row(
                [_name_cell(labels, i), page.bar_cell(predicted[name]),
                 page.figure_cell(percent(predicted[name]))]
            )
            for i, name in enumerate(labels.classes)
            if predicted[name]
        ]  # fmt: skip
        return page.section(
            "Classes",
            page.text("Share of each class in the predicted pixels. There is no ground truth."),
            page.table(("class", "", "% of pixels"), rows, numeric_from=2),
        )
    columns = dict(_CLASS_COLUMNS)
    if accuracy["boundary_f_score"] is None:
        del columns["boundary_f_score"]
    rows = [
        page.row(
            [
                _name_cell(labels, entry["id"]),
                page.bar_cell(entry["iou"]),
                *(page.figure_cell(percent(entry[figure])) for figure in columns),
            ],
            css="" if entry["iou"] is not None else "absent",
        )
        for entry in accuracy["classes"]
        if entry["iou"] is not None or predicted[entry["name"]]
    ]
    return page.section(
        "Classes",
        page.text(_accuracy_sentence(accuracy, document["setup"])),
        page.table(("class", "", *columns.values()), rows, 2),
    )


def timelines(results: Results) -> str:
    """Key frames, quality and latency over time, by recording."""
    recordings = results.recordings
    parts = []
    for recording in recordings[:_MOST_TIMELINES]:
        if len(recordings) > 1:
            parts.append(f"<h3>{escape(recording.name)}</h3>")
        svg = timeline(
            recording.tally,
            recording.tally.period_ms,
            own_reference=results.setup.conventions.own_reference,
        )
        parts.append(page.drawing(svg, f"timeline of {recording.name}"))
    if len(recordings) > _MOST_TIMELINES:
        parts.append(page.text(f"The first {_MOST_TIMELINES} of {len(recordings)} recordings."))
    reasons = results.total().reasons
    counts = ", ".join(f"{reason.name} {reasons[reason]}" for reason in sorted(reasons))
    return page.section(
        "Key frames",
        page.text(
            "A key frame computes the deep feature; the frames after it reuse it and compute their "
            f"shallow one alone. Frames by reason: {counts}."
        ),
        *parts,
    )


def latency(results: Results, document: Document) -> str:
    """How long frames took, and where."""
    total = results.total()
    period_ms = results.recordings[0].tally.period_ms if len(results.recordings) == 1 else math.nan
    times = document["timings"]["total"]
    named = {
        "total": times["stages_ms"]["total"],
        "total, key frames": times["total_ms_of_key_frames"],
        "total, reused": times["total_ms_of_non_key_frames"],
        **{stage: v for stage, v in times["stages_ms"].items() if stage != "total"},
    }
    columns = ("p50", "p95", "p99", "mean", "max")
    rows = [
        page.row(
            [page.words(name), *(page.figure_cell(page.milliseconds(found[c])) for c in columns)]
        )
        for name, found in named.items()
        if found
    ]
    meaning = (
        "From a frame's arrival at the node to the publication of its label image."
        if results.setup.mode == LIVE
        else "From the image message to the label image, one frame after the other."
    )
    histogram = page.drawing(latency_histogram(total, period_ms), "histogram of latency")
    bars = page.drawing(stage_bars(total), "median time of each stage")
    return page.section(
        "Latency",
        page.text(f"{meaning} {_memory_sentence(document)}".rstrip()),
        f'<div class="pair">{histogram}{bars}</div>',
        page.drawing(stage_histograms(total), "histogram of each stage"),
        page.table(("ms", *columns), rows),
    )


def recordings(document: Document) -> str:
    """One line for each of several recordings."""
    if len(document["recordings"]) == 1:
        return ""
    rows = []
    for recording in document["recordings"]:
        times = document["timings"]["recordings"][recording["name"]]
        accuracy = recording["accuracy"]
        rows.append(
            page.row(
                [
                    page.words(recording["name"]),
                    page.figure_cell(str(recording["frames"])),
                    page.figure_cell(percent(accuracy["miou"]) if accuracy else page.MISSING),
                    page.figure_cell(percent(recording["key_frames"]["share"], 0)),
                    page.figure_cell(page.milliseconds(times["stages_ms"]["total"]["p50"])),
                    page.figure_cell(page.milliseconds(times["stages_ms"]["total"]["p95"])),
                ]
            )
        )
    head = ("recording", "frames", "mIoU %", "key frames %", "p50 ms", "p95 ms")
    return page.section("Recordings", page.table(head, rows))


def settings(document: Document) -> str:
    """All that decides about the figures."""
    setup = document["setup"]
    groups = {
        "Recording": _recording_settings(document),
        "Checkpoint": {**setup["checkpoint"], "classes": len(setup["classes"])},
        "Engine": setup["engine"],
        "Key frames": setup["key_frames"],
    }
    blocks = "".join(
        f"<div><h3>{escape(name)}</h3><table>"
        + "".join(
            page.row([page.words(key), f"<td><code>{escape(str(value))}</code></td>"])
            for key, value in values.items()
        )
        + "</table></div>"
        for name, values in groups.items()
    )
    return page.section("Set-up", f'<div class="settings">{blocks}</div>')


def _recording_settings(document: Document) -> dict[str, Any]:
    recordings = document["recordings"]
    if len(recordings) > 1:
        return {recording["name"]: recording["path"] for recording in recordings}
    only = recordings[0]
    size = only["image_size"]
    return {
        "path": only["path"],
        "image topic": only["image_topic"] or page.MISSING,
        "ground truth": only["label_topic"] or page.MISSING,
        "image size": f"{size['width']}x{size['height']} px",
        "unreadable frames": only["unreadable_frames"],
        "dcfm_ros": document["dcfm_ros"],
    }


def _name_cell(labels: LabelSet, class_id: int) -> str:
    name = escape(labels.classes[class_id])
    return f"<td>{page.swatch(labels.colors[class_id])}{name}</td>"


def _accuracy_sentence(accuracy: Mapping[str, Any], setup: Mapping[str, Any]) -> str:
    outlines = accuracy["boundary_f_score"]
    absent = "count as 0 in" if setup["absent_as_zero"] else "are left out of"
    return (
        f"Over {accuracy['frames']} frames with ground truth: mIoU {percent(accuracy['miou'])} %; "
        f"{percent(accuracy['miou_of_key_frames'])} % on key frames, "
        f"{percent(accuracy['miou_of_non_key_frames'])} % on the others. Weighted by frequency "
        f"{percent(accuracy['frequency_weighted_iou'])} %, mean accuracy "
        f"{percent(accuracy['mean_accuracy'])} %"
        + (f", boundary F-score {percent(outlines)} %. " if outlines is not None else ". ")
        + f"Classes that the ground truth never shows {absent} the mean."
    )


def _memory_sentence(document: Document) -> str:
    """Of the process that evaluated, which in live mode is not the node's."""
    memory = document["timings"]["peak_memory"]
    if document["setup"]["mode"] == LIVE:
        return ""
    device = memory["device_mib"]
    more = "" if device is None else f", {device:.0f} MiB on the device"
    return f"Peak memory: {memory['host_mib']:.0f} MiB on the host{more}."


def _rate_note(document: Document) -> str:
    camera_hz = document["recordings"][0]["camera_hz"]
    if document["setup"]["mode"] == LIVE and camera_hz:
        return f"the camera gives {camera_hz:.1f} Hz"
    return "as fast as it goes"


def title_of(recordings: list[Recording]) -> str:
    """What the report is about."""
    first = recordings[0].name
    return first if len(recordings) == 1 else f"{first} and {len(recordings) - 1} more"
