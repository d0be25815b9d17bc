"""The figures of a metrics.json by short names, each in a unit that people compare in."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.costmap_score import CostmapScore
from dcfm_ros.evaluation.measure.costmap_total import costmap_total

POINTS = "points"
"""Of shares: hundredths of the whole, so that 60 % to 59.5 % is -0.5 points."""

_LEFT_OUT = ("key_frames.reasons.", "accuracy.pixels", "accuracy.frames")
_GROUPS = ("accuracy", "calibration", "reference")
"""Of figures; null where there is nothing to compare with."""

_RENAMED = (
    ("accuracy.", ""),
    ("consistency.vc", "vc"),
    ("classes.", ""),
    ("key_frames.share", "key_share"),
    ("key_frames.count", "key_frames"),
    ("rate_hz", "rate"),
    ("stages_ms.total.", "latency."),
    ("stages_ms.", "latency."),
    ("total_ms_of_key_frames.", "latency.key_frames."),
    ("total_ms_of_non_key_frames.", "latency.non_key_frames."),
)
_OF_CLASSES = ("iou", "precision", "recall", "share", "boundary_f_score")
_WITH_TRUTH = ("miou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou")
_LESS_IS_BETTER = (
    "latency", "dropped", "lost", "multiply_adds", "peak_memory", "label_change", "calibration",
    "costmap.hidden_obstacles",
)  # fmt: skip
_NEITHER = ("key_", "predicted_shares", "share.", "frames", "mean_confidence")
_MAIN_DETAILS = (
    "latency.p50", "latency.p95", "latency.p99", "multiply_adds.mean", "peak_memory.host_mib",
    "label_change.true", "calibration.error", "reference.agreement", "consistency.flow",
)  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """One figure of a run."""

    name: str
    """E.g. `miou`, `iou.car`, `latency.p99`."""
    unit: str
    """`POINTS`, ms, Hz, G (10^9), or empty for counts."""
    value: float | None
    """In `unit`; None where the run could not measure it."""

    @property
    def better(self) -> int:
        """1 if more is better, -1 if less is, 0 if neither."""
        if self.name.startswith(_NEITHER):
            return 0
        return -1 if self.name.startswith(_LESS_IS_BETTER) else 1

    @property
    def is_main(self) -> bool:
        """Whether a reader wants it without asking: no detail of classes, stages or counts."""
        if self.name.startswith(("iou.", "costmap.")) or self.name in _MAIN_DETAILS:
            return True
        return "." not in self.name and not self.name.endswith("frames")


def quantities(document: Mapping[str, Any]) -> dict[str, Quantity]:
    """All figures of all recordings together, by name.

    Args:
        document: the content of a metrics.json.
    """
    figures = dict(_leaves(document["total"]))
    figures |= dict(_leaves(document["timings"]["total"]))
    figures |= dict(_leaves(document["timings"].get("peak_memory", {}), "peak_memory"))
    if document["total"]["accuracy"] is None:
        figures |= dict.fromkeys(_WITH_TRUTH)
    found = {}
    for path, value in figures.items():
        if path.startswith(_LEFT_OUT) or path in _GROUPS:
            continue
        name = _name(path)
        unit, factor = _unit(name, path, value)
        found[name] = Quantity(name, unit, None if value is None else value * factor)
    costmap = costmap_total(document["recordings"])
    for name, share in _costmap_shares(costmap) if costmap else ():
        found[name] = Quantity(name, POINTS, None if share is None else 100.0 * share)
    for name, count in _deliveries(document).items():
        found[name] = Quantity(name, "", count)
    return found


def the_quantity(found: Mapping[str, Quantity], name: str) -> Quantity:
    """The figure of a name.

    Raises:
        EvaluationError: there is none; the nearest name is offered.
    """
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1) or [k for k in found if name in k][:1]
    main = [quantity.name for quantity in found.values() if quantity.is_main]
    advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(main)}"
    raise EvaluationError(f"no figure {name!r} in this metrics.json; {advice}")


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, float | None]]:
    """Every number and every null below a node, with its dotted path."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for entry in node:
            if isinstance(entry, Mapping) and "name" in entry:
                for figure in _OF_CLASSES:
                    if figure in entry:
                        yield f"{path}.{figure}.{entry['name']}", entry[figure]
    elif node is None or (isinstance(node, int | float) and not isinstance(node, bool)):
        yield path, node


def _name(path: str) -> str:
    for long, short in _RENAMED:
        if path.startswith(long):
            path = short + path[len(long) :]
    return path


def _unit(name: str, path: str, value: float | None) -> tuple[str, float]:
    """The unit, and what turns a value of the document into it."""
    parts = path.split(".")
    if name.startswith("latency.") or any(part.endswith("_ms") for part in parts):
        return "ms", 1.0
    for ending, unit in (("_hz", "Hz"), ("_mib", "MiB"), ("_px", "px"), ("_m", "m")):
        if any(part.endswith(ending) for part in parts):
            return unit, 1.0
    if name.startswith("multiply_adds"):
        return "G", 1e-9
    return ("", 1.0) if isinstance(value, int) else (POINTS, 100.0)


def _costmap_shares(costmap: CostmapScore) -> Iterator[tuple[str, float | None]]:
    """Of the cells of all grids that were held against true ones."""
    yield "costmap.ground_right", costmap.ground_share
    yield "costmap.obstacles_near", costmap.obstacle_share
    yield "costmap.hidden_obstacles", costmap.hidden_share


def _deliveries(document: Mapping[str, Any]) -> dict[str, float]:
    """What a live run lost, over all recordings; nothing of an exact one."""
    deliveries = [r["delivery"] for r in document["recordings"] if r.get("delivery")]
    if not deliveries:
        return {}
    return {part: sum(d[part] for d in deliveries) for part in ("dropped", "lost")}
