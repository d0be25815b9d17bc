"""The drawing of a recording over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.tally import Tally
from dcfm_ros.evaluation.report.drawings import (
    GREEN,
    INK,
    KEY,
    MISSING,
    NON_KEY,
    SKY,
    VECTOR_LIMIT,
    WIDTH_IN,
    legend_above,
    style,
    svg,
)


def timeline(tally: Tally, period_ms: float, *, own_reference: bool = False) -> bytes:
    """Key frames, accuracy, label change and latency over time, as SVG.

    Args:
        period_ms: from one camera frame to the next; NaN if unknown.
        own_reference: what differs from the reference is the true label change.
    """
    x, unit, width = _time_axis(tally)
    labelled = not np.isnan(tally.miou).all()
    change = not np.isnan(tally.expected_label_change).all()
    rows = [0.32, 1.0, 0.8, 1.0] if change else [0.32, 1.0, 1.0]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 0.4 + 1.81 * sum(rows)), layout="constrained")
        panels = list(
            figure.subplots(len(rows), 1, sharex=True, gridspec_kw={"height_ratios": rows})
        )
        _draw_strip(panels[0], tally, x, width)
        _draw_quality(panels[1], tally, x, labelled)
        if change:
            _draw_label_change(panels[2], tally, x, own_reference=own_reference)
        _draw_latency(panels[-1], tally, x, period_ms)
        panels[-1].set_xlabel(unit)
        panels[-1].set_xlim(x[0] - width, x[-1] + 2 * width)
        figure.align_ylabels(panels)
        return svg(figure)


def _draw_strip(axes: Axes, tally: Tally, x: NDArray[np.float64], width: float) -> None:
    """One cell a frame; a gap is a frame that was not segmented."""
    is_key = tally.is_key
    cells = np.minimum(np.append(np.diff(x), width), width)
    raster = len(x) > VECTOR_LIMIT
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
    legend_above(axes)


def _draw_quality(axes: Axes, tally: Tally, x: NDArray[np.float64], labelled: bool) -> None:
    raster = len(x) > VECTOR_LIMIT
    axes.plot(
        x, 100 * tally.confidence, color=GREEN, linewidth=1.1, linestyle=(0, (4, 1.5)),
        label="mean confidence", rasterized=raster,
    )  # fmt: skip
    if labelled:
        known = ~np.isnan(tally.miou)
        axes.plot(
            x[known], 100 * tally.miou[known], color=INK, linewidth=1.2, label="mIoU of the frame",
            rasterized=raster,
        )  # fmt: skip
    axes.set_ylim(0, 102)
    axes.set_ylabel("%")
    legend_above(axes)


def _draw_label_change(
    axes: Axes, tally: Tally, x: NDArray[np.float64], *, own_reference: bool
) -> None:
    """The share of labels that a key frame would have changed: expected and, if known, true."""
    raster = len(x) > VECTOR_LIMIT
    expected = 100 * tally.expected_label_change
    top = np.nanmax(expected)
    if own_reference:
        true = 100 * (1.0 - tally.agreement)
        top = max(top, np.nanmax(true))
        axes.plot(x, true, color=INK, linewidth=1.2, label="true", rasterized=raster)
    axes.plot(
        x, expected, color=MISSING, linewidth=1.2, linestyle=(0, (3, 1.2)), label="expected",
        rasterized=raster,
    )  # fmt: skip
    axes.set_ylim(0, 1.15 * max(float(top), 0.1))
    axes.set_ylabel("label change in %")
    legend_above(axes)


def _draw_latency(axes: Axes, tally: Tally, x: NDArray[np.float64], period_ms: float) -> None:
    total, is_key = tally.stage_ms("total"), tally.is_key
    raster = len(x) > VECTOR_LIMIT
    kinds = ((~is_key, "o", 14, SKY, "reused"), (is_key, "D", 20, KEY, "key frame"))
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
    legend_above(axes)


def _time_axis(tally: Tally) -> tuple[NDArray[np.float64], str, float]:
    """Where frames lie on the x axis, its name, and the width of one frame."""
    seconds = (tally.stamps_ns - tally.stamps_ns[0]) / 1e9
    steps = np.diff(seconds)
    if len(steps) and (steps > 0).all():
        return seconds, "time in s", float(np.median(steps))
    if (np.diff(tally.indices) > 0).all():
        return tally.indices.astype(np.float64), "frame", 1.0  # stamps are missing or jump
    return np.arange(len(seconds), dtype=np.float64), "frame", 1.0  # several passes
