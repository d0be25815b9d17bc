"""Drawings of how long frames take."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.tally import Tally
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


def latency_histogram(tally: Tally, period_ms: float) -> bytes:
    """How often a frame took how long, key frames apart from the others, as SVG."""
    total, is_key = tally.stage_ms("total"), tally.is_key
    with style():
        figure = Figure(figsize=(WIDTH_IN / 2, 2.9), layout="constrained")
        axes = figure.subplots()
        top = float(np.percentile(total, 99.5)) * 1.15
        bins = np.linspace(0.0, max(top, 1.0), 48)
        _histogram(axes, total, is_key, bins)
        _mark_percentiles(axes, total)
        if period_ms <= bins[-1]:
            axes.axvline(period_ms, color=MISSING, linewidth=1.4, label="camera period")
        axes.set_xlabel("latency in ms")
        axes.set_ylabel("frames")
        legend_above(axes)
        return svg(figure)


def stage_bars(tally: Tally) -> bytes:
    """Where the median frame's time goes, by kind of frame, as SVG."""
    kinds = [("reused", ~tally.is_key), ("key frame", tally.is_key)]
    kinds = [(name, chosen) for name, chosen in kinds if chosen.any()]
    with style():
        figure = Figure(figsize=(WIDTH_IN / 2, 2.9), layout="constrained")
        axes = figure.subplots()
        widest = 0.0
        for row, (_, chosen) in enumerate(kinds):
            left = 0.0
            for stage, color in STAGE_COLORS.items():
                values = tally.stage_ms(stage)[chosen]
                if np.isnan(values).all():
                    continue
                median = float(np.nanmedian(values))
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


def stage_histograms(tally: Tally) -> bytes:
    """How often each stage took how long, key frames apart from the others, as SVG."""
    stages = [s for s in STAGE_COLORS if not np.isnan(tally.stage_ms(s)).all()]
    is_key = tally.is_key
    with style():
        figure = Figure(figsize=(WIDTH_IN, 2.3), layout="constrained")
        panels = figure.subplots(1, len(stages), squeeze=False, sharey=True)[0]
        for axes, stage in zip(panels, stages, strict=True):
            values = np.nan_to_num(tally.stage_ms(stage))
            top = max(float(np.percentile(values, 99.5)) * 1.1, 1e-3)
            _histogram(axes, values, is_key, np.linspace(0.0, top, 32))
            axes.set_title(stage, fontsize=9, loc="left")
            axes.set_xlabel("ms")
        panels[0].set_ylabel("frames")
        legend_above(panels[-1])
        return svg(figure)


def _histogram(
    axes: Axes, values: NDArray[np.float64], is_key: NDArray[np.bool_], bins: NDArray[np.float64]
) -> None:
    """Stack key frames on the others; what is beyond the last bin counts in it."""
    shown = np.minimum(values, bins[-1])
    axes.hist(
        (shown[~is_key], shown[is_key]),
        bins.tolist(),
        stacked=True,
        color=(NON_KEY, KEY),
        label=("reused", "key frame"),
        edgecolor="white",
        linewidth=0.4,
    )
