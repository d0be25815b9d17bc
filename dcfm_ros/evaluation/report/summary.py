"""The figures of a run as a few lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from dcfm_ros.evaluation.measure.costmap_score import costmap_total
from dcfm_ros.evaluation.measure.figures import Figure, figures
from dcfm_ros.evaluation.report.formats import percent, told
from dcfm_ros.evaluation.report.notes import notes_of, notes_on_costmaps

_WIDTH = 100
_MOST_NOTES = 4  # on costmaps
_STEADINESS = {"VC8": "vc8", "VC16": "vc16", "along the flow": "consistency.flow"}


def summary(document: Mapping[str, Any]) -> str:
    """One screen: what was measured and what came out."""
    total, found = document["total"], figures(document)
    kinds = {"key": "multiply_adds.key", "reused": "multiply_adds.non_key"}
    cost = _listed(found, kinds, unit=False)
    costmaps = [r["costmap"] for r in document["recordings"] if r.get("costmap")]
    keys = told(found["key_share"], 0)
    lines = {
        "frames": _frames(document),
        "rate": rate(document),
        "latency": _latency(found),
        "key frames": f"{total['key_frames']['count']} of {total['frames']} ({keys})",
        "cost": f"{told(found['multiply_adds.mean'])} multiply-adds a frame ({cost})",
        "mIoU": _accuracy(document, found),
        "steadiness": _listed(found, _STEADINESS),
        "reference": _reference(document["setup"], found),
        "confidence": _listed(found, {"expected calibration error": "calibration.error"}),
        "costmap": _costmap(document, costmaps),
    }
    entries = [(name, value) for name, value in lines.items() if value]
    entries += [
        ("note", note) for note in (*notes_of(document), *_few(notes_on_costmaps(costmaps)))
    ]
    return "\n".join(_entry(name, value) for name, value in entries)


def one_line(document: Mapping[str, Any]) -> str:
    """The figures that matter most."""
    found, engine = figures(document), document["setup"]["engine"]
    p95 = told(found["latency.p95"], unit=False)
    miou = f"mIoU {told(found['miou'])} · " if document["total"]["accuracy"] else ""
    return (
        f"{miou}latency {told(found['latency.p50'])} (p95 {p95}) · "
        f"key frames {told(found['key_share'], 0)} · "
        f"{engine['device']}, {engine['threads']} threads"
    )


def rate(document: Mapping[str, Any]) -> str:
    """Frames per second; of a live run, beside those that the camera gave."""
    found = told(figures(document)["rate"])
    asked = [r["camera_hz"] for r in document["recordings"] if "delivery" in r and r["camera_hz"]]
    return f"{found} of {asked[0]:.1f} Hz" if asked else found


def _frames(document: Mapping[str, Any]) -> str:
    deliveries = [r["delivery"] for r in document["recordings"] if "delivery" in r]
    if deliveries:
        parts = ("sent", "segmented", "dropped", "lost")
        return ", ".join(f"{sum(d[part] for d in deliveries)} {part}" for part in parts)
    return f"{document['total']['frames']} segmented"


def _latency(found: Mapping[str, Figure]) -> str:
    kinds = {"key frames": "latency.key_frames.p50", "others": "latency.non_key_frames.p50"}
    percentiles = _listed(found, {part: f"latency.{part}" for part in ("p50", "p95", "p99")})
    return f"{percentiles} ({_listed(found, kinds, unit=False)})"


def _accuracy(document: Mapping[str, Any], found: Mapping[str, Figure]) -> str:
    accuracy = document["total"]["accuracy"]
    if accuracy is None:
        return "not measured: there is no ground truth"
    names = {name: f"iou.{name}" for name in document["setup"]["classes"]}
    classes = _listed(found, names, 0, unit=False)
    return f"{told(found['miou'])} over {accuracy['frames']} frames ({classes})"


def _reference(setup: Mapping[str, Any], found: Mapping[str, Figure]) -> str:
    agreement, expected = found["reference.agreement"], found.get("label_change.expected")
    if agreement.value is None:
        return ""
    agree = f"{told(agreement)} of labels agree with"
    if not setup["reference"]["own"]:
        return f"{agree} {setup['reference']['name']}"
    more = ""
    if expected is not None and expected.value is not None:
        more = f" ({100.0 - expected.value:.1f} % expected)"
    return f"{agree} a key frame in every place{more}"


def _listed(
    found: Mapping[str, Figure], names: Mapping[str, str], digits: int = 1, *, unit: bool = True
) -> str:
    """Figures that are known, each after what it is called here."""
    known = {label: found[name] for label, name in names.items() if name in found}
    return ", ".join(
        f"{label} {told(figure, digits, unit=unit)}"
        for label, figure in known.items()
        if figure.value is not None
    )


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
