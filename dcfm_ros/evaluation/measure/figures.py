"""The figures of a run: how each is called, where metrics.json has it, in which unit it is told."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.costmap_score import costmap_total
from dcfm_ros.evaluation.measure.frames import STAGES

MORE, LESS = 1, -1
"""What is better."""


@dataclass(frozen=True)
class Unit:
    """What people count a figure in."""

    name: str
    factor: float = 1.0
    """Turns what metrics.json holds into it."""
    digits: int = 2
    """That mean something."""


COUNT = Unit("", digits=0)
POINTS = Unit("points", 100.0)
"""Of shares: hundredths of the whole, so that 60 % to 59.5 % is -0.5 points."""
FRAMES = Unit("frames")
MS = Unit("ms", digits=1)
HZ = Unit("Hz")
MIB = Unit("MiB")
GIGA = Unit("G", 1e-9)


@dataclass(frozen=True)
class Figure:
    """One figure of a run."""

    name: str
    """E.g. `miou`, `iou.car`, `latency.p99`."""
    path: tuple[str, ...]
    """Where metrics.json has it; empty where it follows from several figures."""
    unit: Unit
    better: int = 0
    """`MORE`, `LESS`, or 0 if neither is."""
    is_main: bool = False
    """Whether a reader wants it without asking: no detail of classes, stages or counts."""
    value: float | None = None
    """In `unit`; None where the run could not measure it."""

    def of(self, value: float | None) -> Figure:
        """With a value as metrics.json holds it."""
        return replace(self, value=None if value is None else value * self.unit.factor)


def declared(classes: Sequence[str]) -> Iterator[Figure]:
    """Every figure of metrics.json, without a value; those first that people look for first."""
    for name in ("miou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou"):
        yield _total(name, ("accuracy", name), POINTS, MORE, is_main=True)
    for kind in _OF_CLASSES:
        for label in classes:
            path = ("total", "accuracy", "classes", label, kind.name)
            yield replace(kind, name=f"{kind.name}.{label}", path=path)
    for (name, stage), part in product(_LATENCIES.items(), ("p50", "p95", "p99", "mean", "max")):
        is_main = name == "latency" and part.startswith("p")
        yield Figure(f"{name}.{part}", (*_TIMES, *stage, part), MS, LESS, is_main)
    yield from _OTHERS
    for label in classes:
        yield _total(f"predicted_shares.{label}", ("predicted_shares", label), POINTS)


def figures(document: Mapping[str, Any]) -> dict[str, Figure]:
    """All figures of all recordings together, by name.

    What the run was not asked to measure, or its version did not know, is left out; main figures of
    a part that could not be measured are there without a value.

    Args:
        document: the content of a metrics.json.
    """
    found = {}
    for figure in declared(document["setup"]["classes"]):
        known, value = _at(document, figure.path)
        if known or (known is None and figure.is_main):
            found[figure.name] = figure.of(value)
    for figure in (*_of_costmaps(document["recordings"]), *_of_deliveries(document["recordings"])):
        found[figure.name] = figure
    return found


def the_figure(found: Mapping[str, Figure], name: str) -> Figure:
    """The figure of a name.

    Raises:
        EvaluationError: there is none; the nearest name is offered.
    """
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1) or [k for k in found if name in k][:1]
    main = [figure.name for figure in found.values() if figure.is_main]
    advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(main)}"
    raise EvaluationError(f"no figure {name!r} in this metrics.json; {advice}")


def _total(
    name: str, path: tuple[str, ...], unit: Unit, better: int = 0, *, is_main: bool = False
) -> Figure:
    """A figure of all recordings together."""
    return Figure(name, ("total", *path), unit, better, is_main)


_TIMES = ("timings", "total")
_LATENCIES = {
    "latency": ("stages_ms", "total"),
    "latency.key_frames": ("total_ms_of_key_frames",),
    "latency.non_key_frames": ("total_ms_of_non_key_frames",),
    **{f"latency.{stage}": ("stages_ms", stage) for stage in STAGES if stage != "total"},
}
_OF_CLASSES = (
    Figure("iou", (), POINTS, MORE, is_main=True),
    Figure("precision", (), POINTS, MORE),
    Figure("recall", (), POINTS, MORE),
    Figure("boundary_f_score", (), POINTS, MORE),
    Figure("share", (), POINTS),
)
_OTHERS = (
    Figure("rate", (*_TIMES, "rate_hz"), HZ, MORE, is_main=True),
    _total("boundary_f_score", ("accuracy", "boundary_f_score"), POINTS, MORE, is_main=True),
    _total("miou_of_key_frames", ("accuracy", "miou_of_key_frames"), POINTS, MORE),
    _total("miou_of_non_key_frames", ("accuracy", "miou_of_non_key_frames"), POINTS, MORE),
    _total("vc8", ("consistency", "vc8"), POINTS, MORE, is_main=True),
    _total("vc16", ("consistency", "vc16"), POINTS, MORE, is_main=True),
    _total("consistency.flow", ("consistency", "flow"), POINTS, MORE, is_main=True),
    _total("frames", ("frames",), COUNT),
    _total("key_frames", ("key_frames", "count"), COUNT),
    _total("key_share", ("key_frames", "share"), POINTS, is_main=True),
    _total("key_frames.mean_age", ("key_frames", "mean_age"), FRAMES),
    _total("mean_confidence", ("mean_confidence",), POINTS, is_main=True),
    _total("calibration.error", ("calibration", "error"), POINTS, LESS, is_main=True),
    _total("calibration.error_of_fresh", ("calibration", "error_of_fresh"), POINTS, LESS),
    _total("calibration.error_of_reuse", ("calibration", "error_of_reuse"), POINTS, LESS),
    _total("label_change.expected", ("label_change", "expected"), POINTS, LESS),
    _total("label_change.true", ("label_change", "true"), POINTS, LESS, is_main=True),
    _total("reference.agreement", ("reference", "agreement"), POINTS, MORE, is_main=True),
    _total("reference.miou", ("reference", "miou"), POINTS, MORE),
    _total("multiply_adds.mean", ("multiply_adds", "mean"), GIGA, LESS, is_main=True),
    _total("multiply_adds.key", ("multiply_adds", "key"), GIGA, LESS),
    _total("multiply_adds.non_key", ("multiply_adds", "non_key"), GIGA, LESS),
    Figure("peak_memory.host_mib", ("timings", "peak_memory", "host_mib"), MIB, LESS, is_main=True),
    Figure("peak_memory.device_mib", ("timings", "peak_memory", "device_mib"), MIB, LESS),
)


def _at(document: Any, path: tuple[str, ...]) -> tuple[bool | None, float | None]:
    """Whether a document has something at a path, None where a part above it is null; and what."""
    node = document
    for key in path:
        if node is None:
            return None, None
        if isinstance(node, list):  # of classes
            node = {entry["name"]: entry for entry in node}
        if key not in node:
            return False, None
        node = node[key]
    return True, node


def _of_costmaps(recordings: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    """Of the cells of all grids that were held against true ones."""
    found = costmap_total(recordings)
    if found is not None:
        for name, better, share in (
            ("ground_right", MORE, found.ground_share),
            ("obstacles_near", MORE, found.obstacle_share),
            ("hidden_obstacles", LESS, found.hidden_share),
        ):
            yield Figure(f"costmap.{name}", (), POINTS, better, is_main=True).of(share)


def _of_deliveries(recordings: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    """What a live run lost, over all recordings; nothing of an exact one."""
    deliveries = [recording["delivery"] for recording in recordings if recording.get("delivery")]
    for name in ("dropped", "lost") if deliveries else ():
        count = sum(delivery[name] for delivery in deliveries)
        yield Figure(name, (), COUNT, LESS, is_main=True).of(count)
