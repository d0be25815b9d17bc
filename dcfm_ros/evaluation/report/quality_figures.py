"""Drawings of how right labels are: by age of the common feature, and by confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcfm_ros.evaluation.report.figure_style import (
    GREY,
    INK,
    KEY,
    MISSING,
    NON_KEY,
    WIDTH_IN,
    legend_above,
    style,
    svg,
)

Entry = Mapping[str, Any]
_FIRST_BIN = 0.001
"""Bins with a smaller share of the pixels are left out: their accuracy means nothing."""


def accuracy_by_age(by_age: Sequence[Entry]) -> bytes:
    """MIoU by the age of the common feature, and how many frames had it, as SVG.

    Args:
        by_age: `accuracy.by_age` of metrics.json.
    """
    ages = [entry["age"] for entry in by_age]
    mious = [100 * (entry["miou"] or 0.0) for entry in by_age]
    frames = [entry["frames"] for entry in by_age]
    with style():
        figure = Figure(figsize=(WIDTH_IN / 2, 2.9), layout="constrained")
        quality, counts = figure.subplots(
            2, 1, sharex=True, gridspec_kw={"height_ratios": (1, 0.45)}
        )
        colors = [KEY if age == 0 else NON_KEY for age in ages]
        quality.bar(ages, mious, 0.8, color=colors, edgecolor="white", linewidth=0.6)
        quality.set_ylim(0.0, 1.15 * max(*mious, 1.0))
        if len(ages) <= 12:
            for age, miou in zip(ages, mious, strict=True):
                quality.text(age, miou, f"{miou:.0f}", ha="center", va="bottom", fontsize=8)
        quality.set_ylabel("mIoU in %")
        counts.bar(ages, frames, 0.8, color=GREY, edgecolor="white", linewidth=0.6)
        counts.set_ylabel("frames")
        counts.set_xlabel("frames since the key frame")
        counts.xaxis.get_major_locator().set_params(integer=True)
        figure.align_ylabels((quality, counts))
        return svg(figure)


def reliability_diagram(calibration: Entry) -> bytes:
    """How often labels of a given confidence are right, as SVG.

    Args:
        calibration: of metrics.json.
    """
    with style():
        figure = Figure(figsize=(WIDTH_IN / 2, 2.9), layout="constrained")
        heights = {"height_ratios": (1, 0.35)}
        right, shares = figure.subplots(2, 1, sharex=True, gridspec_kw=heights)
        right.plot((0, 100), (0, 100), color=GREY, linewidth=1.0, linestyle=(0, (2, 2)))
        _draw_bins(right, calibration["bins_of_fresh"], KEY, "o", "-", "key frames")
        _draw_bins(right, calibration["bins_of_reuse"], MISSING, "D", "--", "reused")
        right.set_ylim(0, 102)
        right.set_ylabel("right, %")
        legend_above(right)
        bins = calibration["bins"]
        shares.bar(
            [100 * one["confidence"] for one in bins],
            [100 * one["share"] for one in bins],
            4.0,
            color=GREY,
            edgecolor="white",
        )
        shares.set_ylabel("pixels, %")
        shares.set_xlabel("confidence in %")
        shares.set_xlim(0, 102)
        shares.tick_params(colors=INK)
        figure.align_ylabels((right, shares))
        return svg(figure)


def _draw_bins(
    axes: Axes, bins: Sequence[Entry], color: str, marker: str, line: str, name: str
) -> None:
    shown = [one for one in bins if one["share"] >= _FIRST_BIN]
    if not shown:
        return
    axes.plot(
        [100 * one["confidence"] for one in shown],
        [100 * one["accuracy"] for one in shown],
        color=color,
        marker=marker,
        markersize=4.5,
        markerfacecolor="none",
        linewidth=1.2,
        linestyle=line,
        label=name,
    )
