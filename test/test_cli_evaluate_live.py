"""`dcfm evaluate --live` as a user runs it: the real node in its own process, real DDS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluation_harness import (
    START_NS,
    STEP_NS,
    pictures,
    segmented,
    write_recording,
)

from dcfm_ros.bags import open_bag
from dcfm_ros.cli.main import main
from dcfm_ros.images import rgb_to_png, to_labels
from dcfm_ros.streaming import KeyFrameSettings
from dcfm_ros.synthetic import StreetSettings
from dcfm_ros.synthetic.bag import write_street_bag

pytest.importorskip("rclpy")
pytestmark = pytest.mark.dds

CHECKOUT = Path(__file__).resolve().parents[1]
COUNT = 20
PICTURES_HZ = 5.0
DEADLINE_S = 280.0


@pytest.fixture(scope="module")
def labels(checkpoint):
    """Of each picture as a key frame: the same, whichever frames are dropped."""
    return segmented(checkpoint, pictures(COUNT), KeyFrameSettings(policy="always"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory, labels):
    return write_recording(tmp_path_factory.mktemp("bag") / "drive", pictures(COUNT), labels)


def evaluate(checkpoint, out, *arguments) -> subprocess.CompletedProcess[str]:
    options = ("--checkpoint", checkpoint, "--device", "cpu", "--threads", "1", "-o", out)
    command = [sys.executable, "-m", "dcfm_ros.cli", "evaluate", *arguments, "--live", *options]
    return subprocess.run(
        [str(part) for part in command],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, checkpoint, recording):
    """One run at half the rate: its folder and what it printed."""
    out = tmp_path_factory.mktemp("live") / "out"
    done = evaluate(checkpoint, out, recording, "--rate", 0.5, "--policy", "always")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_the_report_is_that_of_exact_mode(run):
    out, said = run
    assert {entry.name for entry in out.iterdir()} == {
        "contact_sheet.png", "counts.npz", "frames.jsonl", "metrics.json", "node.log", "outputs",
        "report.html",
    }  # fmt: skip
    assert f"{COUNT} sent" in said
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["setup"]["mode"] == "live"
    assert metrics["total"]["accuracy"]["miou"] == 1.0


def test_every_frame_is_accounted_for_at_the_rate_asked_for(run):
    out, _ = run
    (recording,) = json.loads((out / "metrics.json").read_text())["recordings"]
    delivery = recording["delivery"]
    assert delivery["sent"] == COUNT
    assert delivery["sent"] == sum(delivery[part] for part in ("segmented", "dropped", "lost"))
    assert delivery["rate"] == 0.5
    with open_bag(out / "outputs") as bag:
        assert bag.duration_ns / 1e9 > 0.5 * 2 * 0.1 * (COUNT - 1), "the wall clock of the player"


def test_labels_are_those_of_the_stamp(run, labels):
    out, _ = run
    with open_bag(out / "outputs") as bag:
        assert {topic.name.rpartition("/")[2] for topic in bag.topics} == {
            "label_image", "label_info", "status"
        }  # fmt: skip
        for frame in bag.frames("/segmenter/label_image"):
            index = (frame.stamp_ns - START_NS) // STEP_NS
            np.testing.assert_array_equal(to_labels(frame.message), labels[index])


@pytest.fixture(scope="module")
def searched(tmp_path_factory, checkpoint):
    """The search on a folder of pictures: its folder and what it said on the way."""
    folder = tmp_path_factory.mktemp("search")
    (folder / "frames").mkdir()
    for index, image in enumerate(pictures(COUNT)):
        (folder / "frames" / f"{index:02d}.png").write_bytes(rgb_to_png(image))
    given = ("--picture-rate", PICTURES_HZ, "--rate", 4, "--find-max-rate")
    done = evaluate(checkpoint, folder / "out", folder / "frames", *given)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stderr


def test_the_highest_rate_is_searched_on_one_node(searched):
    out, said = searched
    metrics = json.loads((out / "metrics.json").read_text())
    found = metrics["max_rate"]
    for trial in found["curve"]:
        assert 0 < trial["sent"] <= COUNT
        assert trial["sent"] == trial["segmented"] + trial["dropped"] + trial["lost"]
    sustained = [
        trial["rate"]
        for trial in found["curve"]
        if trial["kept_pace"] and not trial["dropped"] + trial["lost"]
    ]
    assert found["limit"] in ("node", "player", "search")
    if found["rate"] is not None:
        assert found["rate"] in sustained
        assert found["hz"] == pytest.approx(PICTURES_HZ * found["rate"], rel=1e-3)
        assert metrics["recordings"][0]["delivery"]["rate"] == pytest.approx(found["rate"], 1e-3)
    assert "Highest rate" in (out / "report.html").read_text()
    assert "times real time" in said
    log = (out / "node.log").read_text()
    assert log, "of the last node"


def test_pictures_are_played_as_a_bag(searched):
    out, said = searched
    assert "turning " in said
    (recording,) = json.loads((out / "metrics.json").read_text())["recordings"]
    assert recording["delivery"]["sent"] == COUNT


def test_the_nodes_costmap_is_in_the_report(checkpoint, tmp_path):
    """Of a rendered street, with transforms and calibration, by settings that the node is given."""
    street = StreetSettings(seed=1, duration_s=2.0, rate_hz=5.0, width=96, height=72)
    write_street_bag(tmp_path / "street", street, depth="none", progress=False)
    given = ("--rate", 0.5, "--costmap-set", "grid.resolution_m=0.2")
    done = evaluate(checkpoint, tmp_path / "out", tmp_path / "street", *given)
    assert done.returncode == 0, done.stderr
    (recording,) = json.loads((tmp_path / "out" / "metrics.json").read_text())["recordings"]
    assert recording["costmap"]["grids_of_the_node"]
    with open_bag(tmp_path / "out" / "outputs") as bag:
        grids = [record.message.info for record in bag.messages(["/segmenter/class_grid"])]
    assert grids
    assert {round(grid.resolution, 6) for grid in grids} == {0.2}


def test_a_bag_that_cannot_be_played_is_one_line(checkpoint, tmp_path, capsys):
    options = ("--live", "--checkpoint", checkpoint, "--device", "cpu", "-o", tmp_path / "out")
    assert main(["evaluate", *map(str, (tmp_path / "nowhere", *options))]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: no bag at")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--dataset", "clips"), "--dataset does not go with --live: a bag is played"),
        (("--protocol", "camvid"), "--protocol does not go with --live: it is measured offline"),
        (("--rate", "0"), "--rate: found 0.0, expected more than 0"),
        (("--policy", "oracle"), "oracle"),
    ],
)
def test_what_the_node_cannot_do_is_refused(tmp_path, capsys, arguments, error):
    assert main(["evaluate", str(tmp_path), "--live", "-o", str(tmp_path / "out"), *arguments]) == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
