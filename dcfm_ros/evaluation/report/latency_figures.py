"""Drawings of how long frames take."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.latency import Latencies
from dcfm_ros.evaluation.report.figure_style import (
    INK,
    KEY,
    MISSING,
    NON_KEY,
    STAGE_COLORS,
    WIDTH_IN,
    legend_above,
    style,
    svg,
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
