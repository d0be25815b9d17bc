"""The report's drawings: how long frames take, and how right labels are, in one look.

Colours are Okabe and Ito's, told apart by every kind of colour vision and, with the markers and
hatches, in grey print.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.latency import Latencies

KEY, NON_KEY, MISSING = "#0072B2", "#9ad0f0", "#D55E00"
SKY, GREEN, ORANGE, INK, GREY = "#56B4E9", "#009E73", "#E69F00", "#333333", "#999999"
STAGE_COLORS = {"queue": GREY, "preprocess": SKY, "network": KEY, "postprocess": ORANGE}
WIDTH_IN = 10.4
VECTOR_LIMIT = 3000
"""More marks than this are drawn as a bitmap inside the drawing, lest the file grow."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style within the `with` block."""
    with mpl.rc_context(
        {
            "font.size": 9,
            "axes.edgecolor": "#888888",
            "axes.labelcolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e8e8e8",
            "grid.linewidth": 0.8,
            "text.color": INK,
            "xtick.color": "#666666",
            "ytick.color": "#666666",
            "legend.frameon": False,
            "legend.fontsize": 8,
            "legend.handlelength": 1.4,
            "hatch.linewidth": 0.6,
            "svg.hashsalt": "dcfm_ros",
        }
    ):
        yield


def svg(figure: Figure) -> bytes:
    """A figure as SVG, equal for equal content."""
    drawing = io.BytesIO()
    figure.savefig(drawing, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    return drawing.getvalue()


def legend_above(axes: Axes) -> None:
    """The legend in one line over the upper right corner."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.01, 0.98), ncol=4, columnspacing=1.4, borderpad=0.2
    )


def latency_histogram(latencies: Latencies, period_ms: float) -> bytes:
    """How often a frame took how long, key frames apart from the others, as SVG."""
    total = latencies.of("total")
    with style():
        figure = Figure(figsize=(WIDTH_IN / 2, 2.9), layout="constrained")
        axes = figure.subplots()
        top = float(np.percentile(total, 99.5)) * 1.15
        bins = np.linspace(0.0, max(top, 1.0), 48)
        _histogram(axes, latencies, "total", bins)
        _mark_percentiles(axes, total)
        if period_ms <= bins[-1]:
            axes.axvline(period_ms, color=MISSING, linewidth=1.4, label="camera period")
        axes.set_xlabel("latency in ms")
        axes.set_ylabel("frames")
        legend_above(axes)
        return svg(figure)


def stage_bars(latencies: Latencies) -> bytes:
    """Where the median frame's time goes, by kind of frame, as SVG."""
    kinds = [("reused", latencies.of_others), ("key frame", latencies.of_key_frames)]
    kinds = [(name, times) for name, times in kinds if times["total"].size]
    with style():
        figure = Figure(figsize=(WIDTH_IN / 2, 2.9), layout="constrained")
        axes = figure.subplots()
        widest = 0.0
        for row, (_, times) in enumerate(kinds):
            left = 0.0
            for stage, color in STAGE_COLORS.items():
                if not times[stage].size:
                    continue
                median = float(np.median(times[stage]))
                axes.barh(
                    row, median, 0.5, left, color=color, edgecolor="white", linewidth=1.0,
                    label=stage if row == 0 else None,
                )  # fmt: skip
                left += median
            axes.text(left, row, f"  {left:.1f} ms", va="center", fontweight="bold")
            widest = max(widest, left)
        axes.set_yticks(range(len(kinds)), [name for name, _ in kinds])
        axes.set_ylim(-0.6, len(kinds) - 0.4)
        axes.set_xlim(0, widest * 1.22)
        axes.set_xlabel("median of each stage in ms")
        axes.grid(visible=False, axis="y")
        legend_above(axes)
        return svg(figure)


def _mark_percentiles(axes: Axes, total: NDArray[np.float64]) -> None:
    highest = axes.get_ylim()[1]
    axes.set_ylim(0, highest * 1.22)
    for place, percent in enumerate((50, 95, 99)):
        value = float(np.percentile(total, percent))
        axes.axvline(value, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        right = value > 0.75 * axes.get_xlim()[1]
        axes.text(
            value,
            highest * (1.15 - 0.08 * place),
            f" p{percent} {value:.0f} ms ",
            fontsize=8,
            ha="right" if right else "left",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.4},
        )


def stage_histograms(latencies: Latencies) -> bytes:
    """How often each stage took how long, key frames apart from the others, as SVG."""
    stages = [stage for stage in STAGE_COLORS if stage in latencies.stages]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 2.3), layout="constrained")
        panels = figure.subplots(1, len(stages), squeeze=False, sharey=True)[0]
        for axes, stage in zip(panels, stages, strict=True):
            top = max(float(np.percentile(latencies.of(stage), 99.5)) * 1.1, 1e-3)
            _histogram(axes, latencies, stage, np.linspace(0.0, top, 32))
            axes.set_title(stage, fontsize=9, loc="left")
            axes.set_xlabel("ms")
        panels[0].set_ylabel("frames")
        legend_above(panels[-1])
        return svg(figure)


def _histogram(axes: Axes, latencies: Latencies, stage: str, bins: NDArray[np.float64]) -> None:
    """Stack key frames on the others; what is beyond the last bin counts in it."""
    kinds = latencies.of_others, latencies.of_key_frames
    axes.hist(
        [np.minimum(times[stage], bins[-1]) for times in kinds],
        bins.tolist(),
        stacked=True,
        color=(NON_KEY, KEY),
        label=("reused", "key frame"),
        edgecolor="white",
        linewidth=0.4,
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
