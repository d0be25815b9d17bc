"""The figures of a run as a few lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from dcfm_ros.evaluation.measure.costmap_total import costmap_total
from dcfm_ros.evaluation.report.formats import giga, milliseconds, percent
from dcfm_ros.evaluation.report.notes import notes_of, notes_on_costmaps

_WIDTH = 100
_MOST_NOTES = 4  # on costmaps


def summary(document: Mapping[str, Any]) -> str:
    """One screen: what was measured and what came out."""
    total, times = document["total"], document["timings"]["total"]
    keys, cost = total["key_frames"], total["multiply_adds"]
    costmaps = [r["costmap"] for r in document["recordings"] if r.get("costmap")]
    lines = {
        "frames": _frames(document),
        "rate": rate(document),
        "latency": _latency(times),
        "key frames": f"{keys['count']} of {total['frames']} ({percent(keys['share'], 0)} %)",
        "cost": (
            f"{giga(cost['mean'])} G multiply-adds a frame (key {giga(cost['key'])}, "
            f"reused {giga(cost['non_key'])})"
        ),
        "mIoU": _accuracy(total["accuracy"]),
        "steadiness": _steadiness(total),
        "reference": _reference(total, document["setup"]),
        "confidence": _confidence(total["calibration"]),
        "costmap": _costmap(document, costmaps),
    }
    found = [(name, value) for name, value in lines.items() if value]
    found += [("note", note) for note in (*notes_of(document), *_few(notes_on_costmaps(costmaps)))]
    return "\n".join(_entry(name, value) for name, value in found)


def one_line(document: Mapping[str, Any]) -> str:
    """The figures that matter most."""
    total, latency = document["total"], document["timings"]["total"]["stages_ms"]["total"]
    engine = document["setup"]["engine"]
    accuracy = total["accuracy"]
    miou = f"mIoU {percent(accuracy['miou'])} % · " if accuracy else ""
    return (
        f"{miou}latency {milliseconds(latency['p50'])} ms (p95 {milliseconds(latency['p95'])}) · "
        f"key frames {percent(total['key_frames']['share'], 0)} % · "
        f"{engine['device']}, {engine['threads']} threads"
    )


def rate(document: Mapping[str, Any]) -> str:
    """Frames per second; of a live run, beside those that the camera gave."""
    found = f"{document['timings']['total']['rate_hz']:.1f} Hz"
    asked = [r["camera_hz"] for r in document["recordings"] if "delivery" in r and r["camera_hz"]]
    return f"{found} of {asked[0]:.1f} Hz" if asked else found


def _frames(document: Mapping[str, Any]) -> str:
    deliveries = [r["delivery"] for r in document["recordings"] if "delivery" in r]
    if deliveries:
        parts = ("sent", "segmented", "dropped", "lost")
        return ", ".join(f"{sum(d[part] for d in deliveries)} {part}" for part in parts)
    return f"{document['total']['frames']} segmented"


def _latency(times: Mapping[str, Any]) -> str:
    found = times["stages_ms"]["total"]
    kinds = [
        f"{name} {milliseconds(part['p50'])}"
        for name, part in (
            ("key frames", times["total_ms_of_key_frames"]),
            ("others", times["total_ms_of_non_key_frames"]),
        )
        if part
    ]
    percentiles = ", ".join(f"{p} {milliseconds(found[p])} ms" for p in ("p50", "p95", "p99"))
    return f"{percentiles} ({', '.join(kinds)})"


def _accuracy(accuracy: Mapping[str, Any] | None) -> str:
    if accuracy is None:
        return "not measured: there is no ground truth"
    classes = ", ".join(
        f"{entry['name']} {percent(entry['iou'], 0)}"
        for entry in accuracy["classes"]
        if entry["iou"] is not None
    )
    return f"{percent(accuracy['miou'])} % over {accuracy['frames']} frames ({classes})"


def _steadiness(total: Mapping[str, Any]) -> str:
    found = total["consistency"]
    named = {"VC8": found["vc8"], "VC16": found["vc16"], "along the flow": found["flow"]}
    shown = [f"{name} {percent(v)} %" for name, v in named.items() if v is not None]
    return ", ".join(shown)


def _reference(total: Mapping[str, Any], setup: Mapping[str, Any]) -> str:
    reference, change = total["reference"], total["label_change"]
    if not reference:
        return ""
    agreement = f"{percent(reference['agreement'])} % of labels agree with "
    if not setup["reference"]["own"]:
        return f"{agreement}{setup['reference']['name']}"
    expected = change["expected"]
    told = f" ({percent(1.0 - expected)} % expected)" if expected is not None else ""
    return f"{agreement}a key frame in every place{told}"


def _confidence(calibration: Mapping[str, Any] | None) -> str:
    if not calibration:
        return ""
    return f"expected calibration error {percent(calibration['error'])} %"


def _costmap(document: Mapping[str, Any], costmaps: Sequence[Mapping[str, Any]]) -> str:
    """How many grids, and how they compare with the true ones where there are some."""
    if not costmaps:
        return ""
    made = f"{sum(costmap['grids'] for costmap in costmaps)} grids"
    score = costmap_total(document["recordings"])
    if score is None:
        return made
    return (
        f"{made}; {percent(score.ground_share)} % of the ground has its class, "
        f"{percent(score.obstacle_share)} % of the obstacle cells lie at most two cells from a "
        f"true one, {percent(score.hidden_share)} % of the cells shown as ground hide an obstacle"
    )


def _few(notes: Sequence[str]) -> list[str]:
    """As many as fit a screen."""
    more = len(notes) - _MOST_NOTES
    return [
        *notes[:_MOST_NOTES],
        *([f"{more} more on the costmap in the report"] if more > 0 else []),
    ]


def _entry(name: str, value: str) -> str:
    return textwrap.fill(
        value, _WIDTH, initial_indent=f"{name:<12}", subsequent_indent=" " * 12,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
