from __future__ import annotations

from dataclasses import fields

import pytest
from comparison_harness import write_run
from frame_harness import COST, LABELS, random_tally

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.compare.runs import load_run
from dcfm_ros.evaluation.measure.costmap_score import CostmapScore
from dcfm_ros.evaluation.measure.counts import counts_of
from dcfm_ros.evaluation.measure.figures import declared, figures, the_figure
from dcfm_ros.evaluation.measure.latency import time_stages
from dcfm_ros.evaluation.measure.metrics import Conventions, measure
from dcfm_ros.evaluation.report.document import peak_memory


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return figures(load_run(write_run(folder, [[500, 500]])).document)


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("miou", 100 * (0.5 + 2 / 3) / 2, "points"),
        ("pixel_accuracy", 75.0, "points"),
        ("iou.road", 50.0, "points"),
        ("iou.traffic light", 100 * 2 / 3, "points"),
        ("latency.p99", 10.0, "ms"),
        ("latency.network.p50", 8.0, "ms"),
        ("latency.key_frames.p50", 12.0, "ms"),
        ("rate", 20.0, "Hz"),
        ("key_share", 50.0, "points"),
        ("multiply_adds.mean", 2.5, "G"),
        ("frames", 2, ""),
    ],
)
def test_figures_have_short_names_and_the_units_people_use(found, name, value, unit):
    assert found[name].value == pytest.approx(value)
    assert found[name].unit.name == unit


def test_what_is_better_is_known(found):
    better = {name: found[name].better for name in ("miou", "latency.p50", "rate", "key_share")}
    assert better == {"miou": 1, "latency.p50": -1, "rate": 1, "key_share": 0}


def test_details_are_not_for_the_table(found):
    assert found["miou"].is_main
    assert found["latency.p95"].is_main
    assert not found["latency.network.p50"].is_main
    assert "key_frames.reasons.FIRST" not in found


@pytest.mark.parametrize(
    ("name", "advice"),
    [("mIou", "did you mean 'miou'"), ("latency.p98", "did you mean 'latency.p9"), ("?", "there")],
)
def test_an_unknown_figure_is_told_with_the_nearest(found, name, advice):
    with pytest.raises(EvaluationError, match="no figure .*" + advice):
        the_figure(found, name)


def test_costmaps_of_all_recordings_are_counted_together(tmp_path):
    """10 of 20 and 30 of 30 ground cells; the third recording has no true grid."""
    run = load_run(write_run(tmp_path, [[500], [500], [500]], names=("a", "b", "c")))
    zero = dict.fromkeys((field.name for field in fields(CostmapScore)), 0)
    scores = [{**zero, "ground": 20, "ground_right": 10, "hidden_obstacles": 5}]
    scores.append({**zero, "ground": 30, "ground_right": 30, "hidden_obstacles": 0})
    for recording, score in zip(run.document["recordings"], [*scores, None], strict=True):
        recording["costmap"] = {"against_truth": score}
    found = figures(run.document)
    assert found["costmap.ground_right"].value == pytest.approx(80.0)
    assert found["costmap.hidden_obstacles"].value == pytest.approx(100 * 5 / 55)
    assert found["costmap.hidden_obstacles"].better == -1
    assert found["costmap.obstacles_near"].value is None


NO_FIGURES = (
    ("total", "key_frames", "reasons"),
    ("total", "accuracy", "by_age"),
    ("total", "accuracy", "frames"),
    ("total", "accuracy", "pixels"),
    *(("total", "calibration", f"bins{kind}") for kind in ("", "_of_fresh", "_of_reuse")),
)
"""How a run came about, and drawings."""


def paths(node, path=()):
    """Where a document has numbers, but for ids."""
    if path in NO_FIGURES:
        return
    if isinstance(node, list):
        node = {entry["name"]: {k: v for k, v in entry.items() if k != "id"} for entry in node}
    if isinstance(node, dict):
        for key, value in node.items():
            yield from paths(value, (*path, key))
    elif not isinstance(node, str):
        yield path


def test_every_number_that_is_measured_is_declared():
    """Whoever measures something new says what it is called, its unit and what is better."""
    tally = random_tally((1, 30))
    document = {
        "setup": {"classes": LABELS.classes},
        "total": measure(counts_of(tally), LABELS, COST, Conventions(own_reference=True)),
        "recordings": [],
        "timings": {
            "total": {"rate_hz": 10.0, **time_stages(tally.latencies)},
            "peak_memory": peak_memory(),
        },
    }
    known = {figure.path for figure in declared(LABELS.classes)}
    measured = {*paths(document["total"], ("total",)), *paths(document["timings"], ("timings",))}
    assert measured <= known
    stages = {path[3] for path in known - measured}
    assert stages == {"queue", "postprocess"}, "those that no frame of this run had"
    assert len({figure.name for figure in declared(LABELS.classes)}) == len(known)
