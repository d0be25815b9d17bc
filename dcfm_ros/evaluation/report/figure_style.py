"""The look of the report's drawings.

Colours are Okabe and Ito's, told apart by every kind of colour vision and, with the markers and
hatches, in grey print.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
