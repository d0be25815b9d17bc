"""The report's drawings.

Colours are Okabe and Ito's, told apart by every kind of colour vision and, with the markers and
hatches, in grey print.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcfm_ros.evaluation.tally import Tally

KEY, NON_KEY, MISSING = "#0072B2", "#9ad0f0", "#D55E00"
_GREEN, _ORANGE, _INK, _PALE = "#009E73", "#E69F00", "#333333", "#dddddd"
_STAGE_COLORS = {
    "queue": "#999999",
    "preprocess": "#56B4E9",
    "network": "#0072B2",
    "postprocess": "#E69F00",
}
_WIDTH_IN = 10.4
_VECTOR_LIMIT = 3000
"""More marks than this are drawn as a bitmap inside the drawing, lest the file grow."""


def timeline(tally: Tally, period_ms: float) -> bytes:
    """Key frames, accuracy and latency over time, as SVG.

    Args:
        period_ms: from one camera frame to the next; NaN if unknown.
    """
    x, unit, width = _time_axis(tally)
    labelled = not np.isnan(tally.miou).all()
    with _style():
        figure = Figure(figsize=(_WIDTH_IN, 4.6), layout="constrained")
        strip, quality, latency = figure.subplots(3, 1, sharex=True, height_ratios=(0.32, 1, 1))
        _draw_strip(strip, tally, x, width)
        _draw_quality(quality, tally, x, labelled)
        _draw_latency(latency, tally, x, period_ms)
        latency.set_xlabel(unit)
        latency.set_xlim(x[0] - width, x[-1] + 2 * width)
        figure.align_ylabels((strip, quality, latency))
        return _svg(figure)


def latency_histogram(tally: Tally, period_ms: float) -> bytes:
    """How often a frame took how long, key frames apart from the others, as SVG."""
    total, is_key = tally.stage_ms("total"), tally.is_key
    with _style():
        figure = Figure(figsize=(_WIDTH_IN / 2, 2.9), layout="constrained")
        axes = figure.subplots()
        top = float(np.percentile(total, 99.5)) * 1.15
        bins = np.linspace(0.0, max(top, 1.0), 48)
        shown = np.minimum(total, bins[-1])
        axes.hist(
            (shown[~is_key], shown[is_key]),
            bins.tolist(),
            stacked=True,
            color=(NON_KEY, KEY),
            label=("reused", "key frame"),
            edgecolor="white",
            linewidth=0.4,
        )
        _mark_percentiles(axes, total)
        if period_ms <= bins[-1]:
            axes.axvline(period_ms, color=MISSING, linewidth=1.4, label="camera period")
        axes.set_xlabel("latency in ms")
        axes.set_ylabel("frames")
        _legend_above(axes)
        return _svg(figure)


def stage_bars(tally: Tally) -> bytes:
    """Where the median frame's time goes, by kind of frame, as SVG."""
    kinds = [("reused", ~tally.is_key), ("key frame", tally.is_key)]
    kinds = [(name, chosen) for name, chosen in kinds if chosen.any()]
    with _style():
        figure = Figure(figsize=(_WIDTH_IN / 2, 2.9), layout="constrained")
        axes = figure.subplots()
        widest = 0.0
        for row, (_, chosen) in enumerate(kinds):
            left = 0.0
            for stage, color in _STAGE_COLORS.items():
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
        _legend_above(axes)
        return _svg(figure)


def _mark_percentiles(axes: Axes, total: NDArray[np.float64]) -> None:
    highest = axes.get_ylim()[1]
    axes.set_ylim(0, highest * 1.22)
    for place, percent in enumerate((50, 95, 99)):
        value = float(np.percentile(total, percent))
        axes.axvline(value, color=_INK, linewidth=0.9, linestyle=(0, (4, 2)))
        right = value > 0.75 * axes.get_xlim()[1]
        axes.text(
            value,
            highest * (1.15 - 0.08 * place),
            f" p{percent} {value:.0f} ms ",
            fontsize=8,
            ha="right" if right else "left",
        )


def _legend_above(axes: Axes) -> None:
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.01, 0.98), ncols=4, columnspacing=1.4, borderpad=0.2
    )


def _draw_strip(axes: Axes, tally: Tally, x: NDArray[np.float64], width: float) -> None:
    """One cell a frame; a gap is a frame that was not segmented."""
    is_key = tally.is_key
    cells = np.minimum(np.append(np.diff(x), width), width)
    raster = len(x) > _VECTOR_LIMIT
    for chosen, color, name in ((~is_key, NON_KEY, "reused"), (is_key, KEY, "key frame")):
        spans = list(zip(x[chosen], cells[chosen], strict=True))
        axes.broken_barh(spans, (0, 1), facecolor=color, label=name, rasterized=raster)
    steps = np.diff(tally.indices)
    gaps = [(x[i] + width, x[i + 1] - x[i] - width) for i in np.flatnonzero(steps > 1)]
    if gaps:
        axes.broken_barh(
            gaps, (0, 1), facecolor="white", edgecolor=MISSING, hatch="////", linewidth=0.5,
            label="not segmented",
        )  # fmt: skip
    axes.set_yticks([])
    axes.set_ylim(0, 1)
    axes.set_ylabel("frames", rotation=0, ha="right", va="center")
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    _legend_above(axes)


def _draw_quality(axes: Axes, tally: Tally, x: NDArray[np.float64], labelled: bool) -> None:
    raster = len(x) > _VECTOR_LIMIT
    axes.plot(
        x, 100 * tally.confidence, color=_GREEN, linewidth=1.1, linestyle=(0, (4, 1.5)),
        label="mean confidence", rasterized=raster,
    )  # fmt: skip
    if labelled:
        known = ~np.isnan(tally.miou)
        axes.plot(
            x[known], 100 * tally.miou[known], color=_INK, linewidth=1.2, label="mIoU of the frame",
            rasterized=raster,
        )  # fmt: skip
    axes.set_ylim(0, 102)
    axes.set_ylabel("%")
    _legend_above(axes)


def _draw_latency(axes: Axes, tally: Tally, x: NDArray[np.float64], period_ms: float) -> None:
    total, is_key = tally.stage_ms("total"), tally.is_key
    raster = len(x) > _VECTOR_LIMIT
    kinds = ((~is_key, "o", 14, "#56B4E9", "reused"), (is_key, "D", 20, KEY, "key frame"))
    for chosen, marker, size, color, name in kinds:
        axes.scatter(
            x[chosen], total[chosen], size, color=color, marker=marker, linewidth=0, label=name,
            rasterized=raster,
        )  # fmt: skip
    top = 1.3 * float(np.percentile(total, 99.5))
    if period_ms < 2.5 * top:
        axes.axhline(period_ms, color=MISSING, linewidth=1.2, label="camera period")
        top = max(top, 1.15 * period_ms)
    axes.set_ylim(0, top)
    axes.set_ylabel("latency in ms")
    _legend_above(axes)


def _time_axis(tally: Tally) -> tuple[NDArray[np.float64], str, float]:
    """Where frames lie on the x axis, its name, and the width of one frame."""
    seconds = (tally.stamps_ns - tally.stamps_ns[0]) / 1e9
    steps = np.diff(seconds)
    if len(steps) and (steps > 0).all():
        return seconds, "time in s", float(np.median(steps))
    return tally.indices.astype(np.float64), "frame", 1.0  # stamps are missing or jump


@contextmanager
def _style() -> Iterator[None]:
    with mpl.rc_context(
        {
            "font.size": 9,
            "axes.edgecolor": "#888888",
            "axes.labelcolor": _INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e8e8e8",
            "grid.linewidth": 0.8,
            "text.color": _INK,
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


def _svg(figure: Figure) -> bytes:
    drawing = io.BytesIO()
    figure.savefig(drawing, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    return drawing.getvalue()
