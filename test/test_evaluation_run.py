"""Whole runs of `dcfm evaluate`: every measure, references, output bags, killed runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from dataset_trees import camvid_tree, vspw_tree
from evaluation_harness import (
    STEP_NS,
    pictures,
    segmented,
    stamps_ns,
    write_recording,
)

from dcfm_ros.bags import open_bag
from dcfm_ros.cli.main import main
from dcfm_ros.evaluation.evaluate import RunSettings, run_exact
from dcfm_ros.images import to_labels, to_rgb
from dcfm_ros.network import (
    CheckpointInfo,
    Dcfm,
    calibrated,
    label_set,
    named_config,
    read_info,
    save,
)
from dcfm_ros.resources import resource
from dcfm_ros.streaming import EngineSettings, KeyFrameSettings
from dcfm_ros.synthetic import StreetSettings
from dcfm_ros.synthetic.bag import write_street_bag

COUNT = 20
FIXED = ("--policy", "fixed", "--interval", "4")


@pytest.fixture(scope="module")
def fixed(checkpoint):
    return segmented(checkpoint, pictures(COUNT), KeyFrameSettings(policy="fixed", interval=4))


@pytest.fixture(scope="module")
def always(checkpoint):
    return segmented(checkpoint, pictures(COUNT), KeyFrameSettings(policy="always"))


@pytest.fixture(scope="module")
def bag(tmp_path_factory, always):
    """Ground truth is what key frames give."""
    return write_recording(tmp_path_factory.mktemp("bag") / "street", pictures(COUNT), always)


@pytest.fixture(scope="module")
def run(checkpoint):
    def evaluate(out, *arguments):
        options = ("--checkpoint", checkpoint, "--device", "cpu", "--threads", 1, "-o", out)
        assert main([str(a) for a in ("evaluate", *arguments, *options)]) == 0
        return json.loads((out / "metrics.json").read_text())

    return evaluate


@pytest.fixture(scope="module")
def everything(tmp_path_factory, run, bag):
    out = tmp_path_factory.mktemp("everything")
    return out, run(out, bag, *FIXED, "--measure", "all", "--reference", "same", "--bag")


def lines(out) -> list[dict]:
    return [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]


def test_the_true_label_change_is_what_key_frames_would_have_given(everything, fixed, always):
    out, metrics = everything
    changes = [float((a != b).mean()) for a, b in zip(fixed, always, strict=True)]
    assert max(changes) > 0.01, "reuse changes labels of these pictures"
    found = [1.0 - line["agreement"] for line in lines(out)]
    assert found == pytest.approx(changes)
    assert metrics["total"]["label_change"]["true"] == pytest.approx(np.mean(changes))
    assert metrics["setup"]["reference"]["own"] is True
    agreement = metrics["total"]["reference"]["agreement"]
    assert agreement == pytest.approx(1.0 - np.mean(changes))
    assert metrics["total"]["accuracy"]["pixel_accuracy"] == pytest.approx(agreement)


def test_accuracy_by_age_and_by_kind_of_frame(everything, fixed, always):
    _, metrics = everything
    accuracy = metrics["total"]["accuracy"]
    assert accuracy["miou_of_key_frames"] == 1.0
    assert [(one["age"], one["frames"]) for one in accuracy["by_age"]] == [
        (0, 5), (1, 5), (2, 5), (3, 5)
    ]  # fmt: skip
    for one in accuracy["by_age"]:
        places = range(one["age"], COUNT, 4)
        share = np.mean([(fixed[place] == always[place]).mean() for place in places])
        assert one["pixel_accuracy"] == pytest.approx(share)


def test_all_measures_are_there_and_shown(everything):
    out, metrics = everything
    total = metrics["total"]
    consistency = total["consistency"]
    assert 0.0 < consistency["vc16"] <= consistency["vc8"] <= 1.0
    assert 0.0 < consistency["flow"] <= 1.0
    assert 0.0 <= total["calibration"]["error"] <= 1.0
    assert sum(one["share"] for one in total["calibration"]["bins"]) == pytest.approx(1.0)
    assert 0.0 < total["accuracy"]["boundary_f_score"] <= 1.0
    assert metrics["timings"]["peak_memory"]["host_mib"] > 50
    html = (out / "report.html").read_text()
    for words in ("Reliability", "VC16", "flow consistency", "boundary F %", "true label change"):
        assert words in html


def test_what_was_not_asked_for_is_null(run, bag, tmp_path):
    total = run(tmp_path, bag, *FIXED)["total"]
    assert total["calibration"] is None
    assert total["reference"] is None
    assert total["label_change"]["true"] is None
    assert total["consistency"]["flow"] is None
    assert total["consistency"]["vc8"] is not None
    assert total["accuracy"]["boundary_f_score"] is None


def test_the_output_bag_holds_what_the_node_publishes(everything, fixed):
    out, metrics = everything
    logged = lines(out)
    with open_bag(out / "output") as outputs:
        labels = list(outputs.frames("/segmenter/label_image"))
        statuses = [record.message for record in outputs.messages(["/segmenter/status"])]
        pictures_found = list(outputs.frames("/segmenter/color_image/compressed"))
        (info,) = [record.message for record in outputs.messages(["/segmenter/label_info"])]
        latched = [topic.name for topic in outputs.topics if topic.latched]
    assert [frame.stamp_ns for frame in labels] == stamps_ns(COUNT)
    for frame, expected in zip(labels, fixed, strict=True):
        assert (frame.message.encoding, frame.message.step) == ("mono8", frame.message.width)
        np.testing.assert_array_equal(to_labels(frame.message), expected)
    assert to_rgb(pictures_found[-1].message).shape == (48, 64, 3)
    assert latched == ["/segmenter/label_info"]
    assert [c.class_name for c in info.class_map] == metrics["setup"]["classes"]
    for status, line in zip(statuses, logged, strict=True):
        assert status.is_key_frame == line["key"]
        assert status.common_age_frames == line["age"]
        assert status.common_age.nanosec == (line["age"] * STEP_NS) % 10**9
        expected = line["expected_label_change"]
        assert np.isnan(status.expected_label_change) == (expected is None)


def test_the_output_bag_holds_the_costmap_where_there_is_one(run, tmp_path):
    settings = StreetSettings(width=96, height=72, duration_s=1.5, rate_hz=10.0)
    write_street_bag(tmp_path / "street", settings, depth="none", progress=False)
    metrics = run(tmp_path / "out", tmp_path / "street", "--bag")
    grids = metrics["recordings"][0]["costmap"]["grids"]
    assert grids > 0
    with open_bag(tmp_path / "out" / "output") as outputs:
        costs = [m.message for m in outputs.messages(["/segmenter/costmap"])]
        classes = [m.message for m in outputs.messages(["/segmenter/class_grid"])]
        latched = {topic.name for topic in outputs.topics if topic.latched}
    assert len(costs) == len(classes) == grids
    assert latched >= {"/segmenter/costmap", "/segmenter/class_grid"}
    for cost, ids in zip(costs, classes, strict=True):
        assert (cost.header, cost.info) == (ids.header, ids.info)
        assert cost.header.frame_id == "odom"
        assert cost.data.dtype == np.int8
        assert len(cost.data) == len(ids.class_id) == cost.info.width * cost.info.height
        assert ((cost.data == -1) == (ids.class_id == 255)).all()


def test_several_recordings_get_an_output_bag_each(checkpoint, bag, tmp_path):
    other = write_recording(tmp_path / "other" / "street", pictures(3))
    engine = EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=1)
    settings = RunSettings(engine=engine, write_bag=True)
    run_exact([bag, other], settings, tmp_path / "out")
    for name, count in (("street", COUNT), ("street_2", 3)):
        with open_bag(tmp_path / "out" / "output" / name) as outputs:
            assert len(list(outputs.frames("/segmenter/label_image"))) == count


def test_expected_label_change_and_budget_are_logged(checkpoint, bag, tmp_path):
    """With the shipped model's calibration, and one key frame in two seconds at most."""
    shipped = read_info(resource("models/street.safetensors")).calibration
    fitted = tmp_path / "fitted.safetensors"
    calibrated(checkpoint, shipped, fitted)
    arguments = ("--checkpoint", fitted, "--max-key-rate-hz", 0.5, "--device", "cpu")
    out = tmp_path / "out"
    assert main([str(a) for a in ("evaluate", bag, *arguments, "-o", out)]) == 0
    logged = lines(out)
    assert logged[0]["reason"] == "FIRST"
    assert all(0.0 <= line["expected_label_change"] <= 1.0 for line in logged)
    assert all(0.0 <= line["budget"] <= 1.0 for line in logged)
    assert {line["reason"] for line in logged} >= {"FIRST", "REUSE"}
    assert "expected label change" in (out / "report.html").read_text()


def test_two_runs_of_every_measure_are_byte_identical(everything, run, bag, tmp_path):
    """Apart from the date and from what stands below timings."""
    out, _ = everything
    run(tmp_path, bag, *FIXED, "--measure", "all", "--reference", "same", "--bag")

    def figures(folder):
        content = json.loads((folder / "metrics.json").read_text())
        del content["created"], content["timings"]
        return json.dumps(content)

    assert figures(out) == figures(tmp_path)
    text = (out / "metrics.json").read_text()
    head, _, _ = text.partition('"timings"')
    again, _, _ = (tmp_path / "metrics.json").read_text().partition('"timings"')
    differing = [
        one for one, two in zip(head.splitlines(), again.splitlines(), strict=True) if one != two
    ]
    assert all('"created"' in line for line in differing)


def test_a_bigger_checkpoint_as_reference(run, bag, tmp_path, checkpoint):
    other = tmp_path / "other.safetensors"
    calibrated(checkpoint, read_info(resource("models/street.safetensors")).calibration, other)
    metrics = run(tmp_path / "out", bag, *FIXED, "--reference", other)
    assert metrics["setup"]["reference"]["own"] is False
    assert metrics["total"]["label_change"]["true"] is None
    assert 0.0 < metrics["total"]["reference"]["agreement"] <= 1.0


def test_a_reference_of_other_classes_is_refused(bag, checkpoint, tmp_path, capsys):
    torch.manual_seed(0)
    named = named_config("cityscapes_resnet18")
    other = tmp_path / "other.safetensors"
    info = CheckpointInfo("city", named.network, label_set("cityscapes"), (48, 64))
    save(Dcfm(named.network), info, other)
    arguments = ("evaluate", bag, "--checkpoint", checkpoint, "--reference", other)
    assert main([str(a) for a in (*arguments, "-o", tmp_path / "out")]) == 2
    assert "'city' knows 19 classes" in capsys.readouterr().err


def test_data_sets_are_evaluated_clip_by_clip(run, tmp_path):
    """State does not pass from one clip to the next: each begins with a key frame."""
    root = camvid_tree(tmp_path / "camvid")
    metrics = run(tmp_path / "out", "--dataset", "camvid", root, "--policy", "fixed")
    (recording,) = metrics["recordings"]
    assert (recording["name"], recording["frames"]) == ("camvid_val", 4)
    logged = lines(tmp_path / "out")
    assert [line["clip"] for line in logged] == ["0001TP"] * 3 + ["0016E5"]
    assert [line["reason"] for line in logged] == ["FIRST", "REUSE", "REUSE", "FIRST"]


def test_windows_of_consistency_stay_within_a_clip(run, tmp_path, checkpoint):
    """Videos of 20 and of 5 frames: 12 windows of 8 frames; ids are matched by class name."""
    root = vspw_tree(tmp_path / "vspw")
    metrics = run(tmp_path / "out", "--dataset", "vspw", root)
    assert metrics["total"]["consistency"]["vc8"] is not None
    notes = metrics["recordings"][0]["notes"]
    assert any("classes that the network lacks (wall, ceiling" in note for note in notes)
    shares = {c["name"]: c["share"] for c in metrics["total"]["accuracy"]["classes"]}
    assert shares["road"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--dataset", "camvid", "a", "b"), "found 2 paths, expected its root alone"),
        (("--dataset", "camvid", "nowhere"), "no pictures in nowhere/val"),
        (
            ("--dataset", "camvid", "a", "--protocol", "dcfm-vspw"),
            "protocol dcfm-vspw evaluates vspw, not camvid",
        ),
    ],
)
def test_wrong_data_sets_are_one_clear_line(arguments, error, tmp_path, capsys):
    assert main(["evaluate", *arguments, "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert error in told
    assert len(told.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def long_bag(tmp_path_factory):
    """Takes long enough to be interrupted."""
    images = pictures(8) * 250
    return write_recording(tmp_path_factory.mktemp("long") / "long", images)


@pytest.mark.parametrize("signal_sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_leaves_no_half_report(long_bag, checkpoint, tmp_path, signal_sent):
    """Killed while frames are segmented, with the results of a former run in place."""
    (tmp_path / "metrics.json").write_text("former")
    command = [sys.executable, "-m", "dcfm_ros.cli", "evaluate", str(long_bag)]
    command += ["-o", str(tmp_path)]
    command += ["--checkpoint", str(checkpoint), "--device", "cpu", "--threads", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = tmp_path / ".part" / "frames.jsonl"
    deadline = time.monotonic() + 240
    while not (log.is_file() and log.stat().st_size) and process.poll() is None:
        assert time.monotonic() < deadline, "nothing was segmented"
        os.sched_yield()
    process.send_signal(signal_sent)
    assert process.wait(60) != 0
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "metrics.json").read_text() == "former"
