"""Runs whose differences can be worked out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from comparison_harness import write_run

from dcfm_ros.errors import EvaluationError, SettingsError
from dcfm_ros.evaluation.compare.frame_log import read_frame_logs
from dcfm_ros.evaluation.compare.gate import Gate, check_gates, judge
from dcfm_ros.evaluation.compare.runs import check_comparable, compare, load_run
from dcfm_ros.evaluation.compare.text import comparison_document, comparison_text

FRAMES = 60


def run_of(folder, found, **more):
    return load_run(write_run(folder, found, **more))


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(7).integers(-40, 40, FRAMES)


@pytest.fixture(scope="module")
def old(tmp_path_factory, noise):
    return run_of(tmp_path_factory.mktemp("old"), [(800 + noise).tolist()])


@pytest.fixture(scope="module")
def worse(tmp_path_factory, noise):
    """Every frame loses 20 of its 1000 pixels of road, give or take one; half are slower."""
    lost = [800 + n - 20 + i % 3 - 1 for i, n in enumerate(noise.tolist())]
    times = [10.0, 12.0] * (FRAMES // 2)
    return run_of(tmp_path_factory.mktemp("new"), [lost], latency_ms=times)


def test_a_run_is_equal_to_itself(old):
    comparison = compare(old, old)
    for found in comparison.differences.values():
        if found.old is not None:
            assert found.change == 0.0
            assert not found.is_sure
    assert comparison.differences["miou"].low == comparison.differences["miou"].high == 0.0


def test_the_pairing_finds_what_the_spread_of_frames_would_hide(old, worse):
    """Frames differ among each other by 80 pixels, the runs by 20: only pairs show it."""
    found = compare(old, worse).differences["iou.road"]
    assert found.change == pytest.approx(-2.0, abs=1e-9)
    assert -2.1 < found.low <= found.change <= found.high < -1.9
    assert found.is_sure


def test_latencies_have_intervals_and_rates_have_none(old, worse):
    differences = compare(old, worse).differences
    assert differences["latency.p99"].change == pytest.approx(2.0)
    assert differences["latency.p99"].low == pytest.approx(2.0)
    assert differences["rate"].low is None


def test_live_runs_are_paired_by_stamp(old, tmp_path, noise):
    """The new run lost the first ten frames; each frame has the same stamp in both."""
    shorter = write_run(
        tmp_path / "new", [(800 + noise[10:]).tolist()], first_stamp_ns=10**18 + 10**9
    )
    document = json.loads(shorter.read_text())
    document["recordings"][0]["delivery"] = {"sent": FRAMES, "dropped": 7, "lost": 3}
    shorter.write_text(json.dumps(document))
    comparison = compare(old, load_run(shorter))
    assert comparison.frames == FRAMES - 10
    assert comparison.differences["miou"].low == comparison.differences["miou"].high == 0.0
    assert comparison.differences["latency.p99"].low == 0.0
    assert comparison.differences["dropped"].new == 7
    assert comparison.differences["dropped"].change is None


def test_an_own_definition_gets_no_interval(old, tmp_path, noise):
    """A mIoU that does not follow from the frames' counts, as of another protocol."""
    path = write_run(tmp_path, [(800 + noise).tolist()])
    document = json.loads(path.read_text())
    document["total"]["accuracy"]["miou"] = 0.5
    path.write_text(json.dumps(document))
    differences = compare(old, load_run(path)).differences
    assert differences["miou"].low is None
    assert differences["iou.road"].low is not None


def test_absent_classes_count_as_zero_where_the_run_says_so(old, tmp_path, noise):
    """Of a third class, which no frame shows, the published protocols make a 0."""
    runs = []
    for name in ("a", "b"):
        path = write_run(tmp_path / name, [(800 + noise).tolist()])
        document = json.loads(path.read_text())
        document["setup"]["classes"].append("car")
        document["setup"]["absent_as_zero"] = True
        document["total"]["accuracy"]["miou"] *= 2 / 3
        path.write_text(json.dumps(document))
        runs.append(load_run(path))
    assert compare(*runs).differences["miou"].low == 0.0


def test_conventions_have_to_be_the_same(old, tmp_path, noise):
    path = write_run(tmp_path, [(800 + noise).tolist()])
    document = json.loads(path.read_text())
    document["setup"]["protocol"] = "camvid"
    path.write_text(json.dumps(document))
    with pytest.raises(EvaluationError, match=r"protocol differs: None in .*, camvid in"):
        compare(old, load_run(path))


def test_the_clips_of_a_data_set_are_drawn_apart(tmp_path, noise):
    path = write_run(tmp_path, [(800 + noise).tolist()])
    log = tmp_path / "frames.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for index, line in enumerate(lines):
        line["clip"] = "ab"[index // 20 > 0]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    logs = read_frame_logs(json.loads(path.read_text()), tmp_path)
    assert {key: len(part.stamps_ns) for key, part in logs.items()} == {
        ("drive", "a"): 20, ("drive", "b"): 40
    }  # fmt: skip


def test_without_ground_truth_accuracy_has_no_value(old, tmp_path, noise):
    path = write_run(tmp_path, [(800 + noise).tolist()])
    document = json.loads(path.read_text())
    document["total"]["accuracy"] = None
    path.write_text(json.dumps(document))
    with pytest.raises(EvaluationError, match="has no value of miou to compare"):
        check_gates([Gate.parse("miou < 0")], load_run(path))


def test_without_frame_logs_there_are_no_intervals(old, tmp_path, noise):
    path = write_run(tmp_path, [(800 + noise).tolist()])
    (tmp_path / "frames.jsonl").unlink()
    comparison = compare(old, load_run(tmp_path))
    assert comparison.new.path == path
    assert comparison.differences["miou"].low is None
    assert any("no intervals" in note for note in comparison.notes)


def test_a_few_frames_are_no_ground_for_intervals(tmp_path):
    runs = [run_of(tmp_path / name, [[hits] * 3]) for name, hits in (("a", 800), ("b", 700))]
    comparison = compare(*runs)
    assert comparison.differences["iou.road"].change == pytest.approx(-10.0)
    assert comparison.differences["iou.road"].low is None
    assert "note: no intervals: 3 frames are too few" in comparison_text(comparison)


def test_a_damaged_frame_log_is_told(old, tmp_path, noise):
    write_run(tmp_path, [(800 + noise).tolist()])
    with (tmp_path / "frames.jsonl").open("a") as log:
        log.write('{"recording": "dri')
    with pytest.raises(EvaluationError, match=r"frames.jsonl, line 61: damaged"):
        compare(old, load_run(tmp_path))


@pytest.mark.parametrize(
    ("found", "more", "message"),
    [
        ([[1] * 60], {"names": ["other"]}, "recordings differ .only in .*old.*: drive"),
        ([[1] * 59], {}, "drive has 60 frames in .*, 59 in .*: not the same recording"),
        ([[1] * 60], {"classes": ["road", "car"]}, "classes differ .only in .*: traffic light; on"),
        ([[1] * 60], {"classes": ["traffic light", "road"]}, "classes differ .in their order"),
    ],
)
def test_what_cannot_be_compared_is_refused(old, tmp_path, found, more, message):
    with pytest.raises(EvaluationError, match=message):
        check_comparable(old, run_of(tmp_path, found, **more))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read .*metrics.json: No such file"),
        ("no", "is no JSON, expected a metrics.json"),
        ("[]", "schema is '', expected dcfm_ros/metrics/"),
        ('{"schema": "else/1"}', "schema is 'else/1'"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(EvaluationError, match=message):
        load_run(tmp_path)


# --- gates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tripped"),
    [
        ("miou < -0.5", True),
        ("miou < -5", False),
        ("iou.traffic light<-0.5", True),
        ("latency.p99 > +10%", True),
        ("latency.p99 > 20.1 %", False),
        ("latency.p99 >= 2", True),
        ("latency.p99 > 2.5", False),
        ("key_share > 0", False),
        ("multiply_adds.mean > 0%", False),
    ],
)
def test_gates_judge_the_change(old, worse, text, tripped):
    """Road loses 2 points; p99 goes from 10 to 12 ms."""
    assert judge(Gate.parse(text), compare(old, worse)).tripped is tripped


@pytest.mark.parametrize("text", ["miou", "miou < ", "< 3", "miou << 3", "miou < x", "a < 1 ms"])
def test_gates_of_another_form_are_refused(text):
    with pytest.raises(SettingsError, match=r"--fail-if: found .*, expected a figure"):
        Gate.parse(text)


def test_a_gate_on_nothing_is_refused_before_the_run(old):
    with pytest.raises(EvaluationError, match=r"no figure 'mious' .*did you mean 'miou'"):
        check_gates([Gate.parse("mious < 0")], old)


def test_a_gate_on_a_missing_value_is_refused(old, tmp_path, noise):
    path = write_run(tmp_path, [(800 + noise).tolist()])
    document = json.loads(path.read_text())
    document["total"]["accuracy"]["miou"] = None
    path.write_text(json.dumps(document))
    with pytest.raises(EvaluationError, match="has no value of miou to compare"):
        judge(Gate.parse("miou < 0"), compare(old, load_run(path)))


def test_a_change_from_nothing_is_more_than_any_share(old, tmp_path, noise):
    runs = []
    for name, dropped in (("a", 0), ("b", 2)):
        path = write_run(tmp_path / name, [(800 + noise).tolist()])
        document = json.loads(path.read_text())
        delivery = {"sent": FRAMES, "dropped": dropped, "lost": 0}
        document["recordings"][0]["delivery"] = delivery
        path.write_text(json.dumps(document))
        runs.append(load_run(path))
    assert judge(Gate.parse("dropped > 500%"), compare(*runs)).tripped
    assert not judge(Gate.parse("dropped > 0%"), compare(runs[0], runs[0])).tripped


# --- text and JSON ---------------------------------------------------------------------------


def test_the_table_shows_what_changed(old, worse):
    comparison = compare(old, worse)
    verdicts = [judge(Gate.parse("latency.network.p50 > 1%"), comparison)]
    text = comparison_text(comparison, verdicts)
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert lines["iou.road"].endswith("points  worse")
    assert "-2.00" in lines["iou.road"]
    assert "latency.network.p50" in lines
    assert "latency.key_frames.p50" not in lines
    assert "paired bootstrap, 2000 draws of " in text
    assert "frames, 60 in all" in text
    assert "passed  latency.network.p50 > 1%" in text
    assert max(len(line) for line in text.splitlines() if not line.startswith(("old", "new"))) < 100


def test_the_document_holds_every_figure(old, worse):
    comparison = compare(old, worse)
    verdicts = [judge(Gate.parse("iou.road < -1"), comparison)]
    content = json.loads(json.dumps(comparison_document(comparison, verdicts), allow_nan=False))
    assert content["schema"] == "dcfm_ros/comparison/1"
    assert content["figures"]["iou.road"]["change"] == pytest.approx(-2.0)
    assert len(content["figures"]["iou.road"]["interval"]) == 2
    (gate,) = content["gates"]
    assert (gate["gate"], gate["tripped"]) == ("iou.road < -1", True)


def test_what_else_differs_is_noted(old, tmp_path, noise):
    live = run_of(tmp_path, [(800 + noise).tolist()], mode="live")
    assert "note: mode: exact then, live now" in comparison_text(compare(old, live))
