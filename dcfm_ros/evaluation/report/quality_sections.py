"""The sections of the report page on steadiness, reuse and confidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcfm_ros.evaluation.report import page
from dcfm_ros.evaluation.report.page import percent
from dcfm_ros.evaluation.report.quality_figures import accuracy_by_age, reliability_diagram

Document = Mapping[str, Any]


def reuse(document: Document) -> str:
    """What reuse and confidence are worth: by age, and by confidence."""
    total = document["total"]
    accuracy, calibration = total["accuracy"], total["calibration"]
    parts, drawings = [], []
    if accuracy and len(accuracy["by_age"]) > 1:
        parts.append(
            "Accuracy by the age of the common feature: 0 is a key frame's own. Frames of an age "
            "are few and not the same at every age, so that small differences mean little."
        )
        drawings.append(page.drawing(accuracy_by_age(accuracy["by_age"]), "accuracy by age"))
    if calibration:
        parts.append(
            "Reliability: labels of a confidence of 80 % should be right in 80 % of the pixels, "
            "the dotted line. Expected calibration error: "
            f"{percent(calibration['error'])} % over all frames, "
            f"{percent(calibration['error_of_fresh'])} % over key frames, "
            f"{percent(calibration['error_of_reuse'])} % over those that reuse."
        )
        drawings.append(page.drawing(reliability_diagram(calibration), "reliability diagram"))
    if not drawings:
        return ""
    return page.section(
        "Reuse and confidence",
        *(page.text(part) for part in parts),
        f'<div class="pair">{"".join(drawings)}</div>',
    )


def steadiness(document: Document) -> str:
    """Consistency over time, and agreement with a reference; what was measured of it."""
    total, setup = document["total"], document["setup"]
    rows = [
        page.row([page.words(name), page.words(meaning), page.figure_cell(percent(value))])
        for name, value, meaning in (*_consistency(total), *_reference(total, setup))
        if value is not None
    ]
    if not rows:
        return ""
    return page.section("Steadiness", page.table(("", "", "%"), rows, numeric_from=2))


def _consistency(total: Document) -> list[tuple[str, float | None, str]]:
    found = total["consistency"]
    constant = "where the truth is constant over {} frames, the prediction is, too (VSPW)"
    return [
        ("VC8", found["vc8"], constant.format(8)),
        ("VC16", found["vc16"], constant.format(16)),
        (
            "flow consistency",
            found["flow"],
            "mIoU with the labels of the frame before, moved along the optical flow",
        ),
    ]


def _reference(total: Document, setup: Document) -> list[tuple[str, float | None, str]]:
    reference, change = total["reference"], total["label_change"]
    found: list[tuple[str, float | None, str]] = []
    if change["expected"] is not None:
        found.append(
            (
                "expected label change",
                change["expected"],
                "of labels, estimated: what a key frame in every place would have changed",
            )
        )
    if change["true"] is not None:
        found.append(("true label change", change["true"], "the same, measured"))
    if reference and setup["reference"]:
        name = setup["reference"]["name"]
        whose = "itself with a key frame in every place" if setup["reference"]["own"] else name
        found += [
            ("agreement", reference["agreement"], f"of labels with {whose}"),
            ("mIoU against it", reference["miou"], f"the labels of {whose} taken as true"),
        ]
    return found
