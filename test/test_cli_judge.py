"""`dcfm evaluate --compare`, `--fail-if` and `--junit`, on written runs and on a real one."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from comparison_harness import write_run
from evaluation_harness import pictures, segmented, write_recording

from dcfm_ros.cli.main import main
from dcfm_ros.streaming import KeyFrameSettings

COUNT = 8


def run(*arguments) -> int:
    return main(["evaluate", *map(str, arguments)])


def fails(capsys, *arguments) -> str:
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


@pytest.fixture
def runs(tmp_path):
    """Two runs whose road IoU is 80 and 79 %."""
    old = write_run(tmp_path / "old", [[800] * 20])
    return old, write_run(tmp_path / "new", [[790] * 20])


def test_two_runs_are_compared_without_a_bag(runs, capsys):
    assert run("--compare", *runs) == 0
    text = capsys.readouterr().out
    assert "iou.road" in text
    assert "-1.00" in text


def test_two_runs_as_json(runs, capsys):
    assert run("--compare", *runs, "--json") == 0
    assert json.loads(capsys.readouterr().out)["figures"]["iou.road"]["change"] == pytest.approx(-1)


def test_a_gate_that_trips_is_exit_code_1(runs, capsys, tmp_path):
    junit = tmp_path / "report.xml"
    gates = ("--fail-if", "iou.road < -0.5", "--fail-if", "iou.road < -2%", "--junit", junit)
    assert run("--compare", *runs, *gates) == 1
    text = capsys.readouterr().out
    assert "FAILED  iou.road < -0.5: iou.road -1 points" in text
    assert "passed  iou.road < -2%: iou.road -1.25 %" in text
    suite = ET.parse(junit).getroot()
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("2", "1")
    assert [case.attrib["name"] for case in suite] == ["iou.road < -0.5", "iou.road < -2%"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--fail-if", "miou < 0"), "--fail-if needs --compare"),
        ((), "no BAG to evaluate"),
        (("--compare", "OLD"), "no BAG to evaluate"),
        (("--compare", "OLD", "NEW", "--fail-if", "miou"), "--fail-if: found 'miou', expected"),
        (("--compare", "OLD", "NEW", "--fail-if", "mio < 0"), "did you mean 'miou'"),
        (("--compare", "OLD", "nowhere"), "cannot read nowhere: No such file"),
        (("BAG", "--compare", "OLD", "NEW"), "found 2 files, expected one beside recordings"),
        (("BAG", "--compare", "OLD", "--json"), "--json is for two METRICS"),
        (("BAG", "--rate", "2"), "--rate is for --live"),
        (("BAG", "--find-max-rate"), "--find-max-rate is for --live"),
        (("BAG", "--live", "--rate", "0"), "--rate: found 0.0, expected more than 0"),
        (("BAG", "--live", "--reference", "same"), "--reference does not go with --live"),
        (("BAG", "--live", "--depth-topic", "/d"), "--depth-topic does not go with --live"),
        (("BAG", "--live", "--measure", "all"), "--measure calibration does not go with --live"),
    ],
)
def test_what_does_not_go_together_is_one_line(runs, capsys, options, error):
    names = {"OLD": runs[0], "NEW": runs[1]}
    assert error in fails(capsys, *(names.get(option, option) for option in options))


def test_the_former_run_is_not_overwritten(runs, capsys):
    old, _ = runs
    error = fails(capsys, "BAG", "--compare", old, "-o", old.parent)
    assert "would be replaced by the new report: choose another --out" in error


# --- as part of a run ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bag(tmp_path_factory, checkpoint):
    labels = segmented(checkpoint, pictures(COUNT), KeyFrameSettings(policy="always"))
    return write_recording(tmp_path_factory.mktemp("bag") / "drive", pictures(COUNT), labels)


@pytest.fixture(scope="module")
def options(checkpoint):
    return ("--checkpoint", checkpoint, "--device", "cpu", "--threads", 1)


@pytest.fixture(scope="module")
def former(tmp_path_factory, bag, options):
    """A run with a key frame in every place, which the ground truth was made with."""
    out = tmp_path_factory.mktemp("former") / "out"
    assert run(bag, *options, "--policy", "always", "-o", out) == 0
    return out / "metrics.json"


def test_a_run_is_held_against_a_former_one(former, bag, options, tmp_path, capsys):
    """With fewer key frames the labels differ from those of key frames."""
    out, junit = tmp_path / "out", tmp_path / "junit.xml"
    gates = ("--fail-if", "miou < -0.001", "--fail-if", "key_share > 0", "--junit", junit)
    assert run(bag, *options, "--interval", 4, "-o", out, "--compare", former, *gates) == 1
    text = capsys.readouterr().out
    assert "FAILED  miou < -0.001" in text
    assert "passed  key_share > 0: key_share -75 points" in text
    content = json.loads((out / "comparison.json").read_text())
    low, high = content["figures"]["miou"]["interval"]
    assert low <= content["figures"]["miou"]["change"] <= high < 0
    suite = ET.parse(junit).getroot()
    assert [case.attrib["name"] for case in suite] == [
        str(bag), "miou < -0.001", "key_share > 0"
    ]  # fmt: skip
    assert [len(case) for case in suite] == [0, 1, 0]


def test_the_same_run_again_passes_every_gate(former, bag, options, tmp_path):
    given = (bag, *options, "--policy", "always", "-o", tmp_path / "out", "--compare", former)
    assert run(*given, "--fail-if", "miou < -0.0001", "--fail-if", "pixel_accuracy < 0") == 0


def test_a_run_that_fails_is_an_error_in_the_junit_file(former, options, tmp_path, capsys):
    junit = tmp_path / "junit.xml"
    assert "no bag at" in fails(capsys, tmp_path / "no", *options, "--junit", junit)
    (case,) = ET.parse(junit).getroot()
    assert "no bag at" in case.find("error").attrib["message"]


def test_another_recording_cannot_be_compared(former, options, tmp_path, capsys):
    other = write_recording(tmp_path / "other", pictures(3))
    junit = tmp_path / "junit.xml"
    given = (other, *options, "-o", tmp_path / "out", "--compare", former, "--junit", junit)
    assert run(*given) == 2
    assert "the recordings differ (only in" in capsys.readouterr().err
    assert (tmp_path / "out" / "report.html").is_file()
    assert ET.parse(junit).getroot().attrib["errors"] == "1"
