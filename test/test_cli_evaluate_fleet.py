"""`dcfm evaluate` on many recordings: processes of their own, one report, what was done is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from evaluation_harness import pictures, segmented, write_recording

from dcfm_ros.cli.main import main
from dcfm_ros.costmap import CostmapSettings
from dcfm_ros.costmap.settings import GridSettings
from dcfm_ros.datasets.source import SourceOptions
from dcfm_ros.evaluation.evaluate import RunSettings
from dcfm_ros.evaluation.fleet.request import Live, Request
from dcfm_ros.evaluation.measure.tally import Measures
from dcfm_ros.streaming import EngineSettings, KeyFrameSettings

CHECKOUT = Path(__file__).resolve().parents[1]
DEADLINE_S = 250.0


@pytest.fixture(scope="module")
def options(checkpoint):
    return ("--checkpoint", checkpoint, "--device", "cpu", "--threads", 1, "--interval", 4)


@pytest.fixture(scope="module")
def bags(tmp_path_factory, checkpoint):
    """One whose ground truth is what the network says, one where it is a class off."""
    folder = tmp_path_factory.mktemp("bags")
    labels = segmented(checkpoint, pictures(9), KeyFrameSettings(interval=4))
    wrong = [((image + 1) % 11).astype(np.uint8) for image in labels[:5]]
    good = write_recording(folder / "good", pictures(9), labels)
    return [good, write_recording(folder / "off", pictures(5), wrong)]


@pytest.fixture(scope="module")
def broken(tmp_path_factory, bags):
    (whole,) = bags[0].glob("*.mcap")
    path = tmp_path_factory.mktemp("broken") / "cut.mcap"
    path.write_bytes(whole.read_bytes()[:2000])
    return path


def run(*arguments) -> int:
    return main(["evaluate", *map(str, arguments)])


def figures(out: Path) -> dict:
    """What has to be equal in every run."""
    content = json.loads((out / "metrics.json").read_text())
    for key in ("created", "timings"):
        del content[key]
    return content


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, bags, broken, options):
    """Three recordings, two at a time, one of them damaged."""
    out = tmp_path_factory.mktemp("fleet") / "out"
    junit = out.parent / "junit.xml"
    code = run(bags[0], broken, bags[1], *options, "--jobs", 2, "-o", out, "--junit", junit)
    return out, code


def test_a_recording_that_fails_does_not_stop_the_others(fleet, bags, broken):
    out, code = fleet
    assert code == 2
    content = figures(out)
    assert [recording["name"] for recording in content["recordings"]] == ["good", "off"]
    (failed,) = content["failed"]
    assert (failed["name"], failed["path"]) == ("cut", str(broken))
    assert "damaged, or the recording was cut off" in failed["error"]
    suite = ET.parse(out.parent / "junit.xml").getroot()
    assert [case.attrib["name"] for case in suite] == [str(bags[0]), str(broken), str(bags[1])]
    assert [len(case) for case in suite] == [0, 1, 0]


def test_pooled_figures_are_those_of_all_pixels(fleet):
    """The first bag is right everywhere, the second nowhere; they have 9 and 5 frames."""
    content = figures(fleet[0])
    total, (good, off) = content["total"], content["recordings"]
    assert total["frames"] == 14
    assert good["accuracy"]["miou"] == 1.0
    assert off["accuracy"]["pixel_accuracy"] == 0.0
    assert total["accuracy"]["pixel_accuracy"] == pytest.approx(9 / 14)
    assert total["key_frames"]["count"] == 3 + 2
    assert total["key_frames"]["reasons"] == {"FIRST": 2, "INTERVAL": 3, "REUSE": 9}
    assert total["multiply_adds"]["key"] == good["multiply_adds"]["key"]


class Links(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.targets += [value for name, value in attrs if tag == "a" and name == "href"]


def test_the_page_leads_to_each_report(fleet):
    out, _ = fleet
    html = (out / "report.html").read_text()
    targets = Links(html).targets
    assert targets == ["reports/good/report.html", "reports/off/report.html"]
    assert all((out / target).is_file() for target in targets)
    assert "3 recordings, 1 of them failed" in html
    assert "Not evaluated" in html
    assert (out / "reports" / "cut.log").is_file()
    assert not (out / "reports" / "good.log").exists()


def test_fleets_are_compared_frame_by_frame(fleet, capsys):
    out, _ = fleet
    assert run("--compare", out, out, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["bootstrap"]["frames"] == 14
    assert content["figures"]["miou"]["interval"] == [0.0, 0.0]


def state(out: Path) -> dict[str, int]:
    return {
        name: (out / "reports" / name / "metrics.json").stat().st_mtime_ns
        for name in ("good", "off")
    }


def test_what_is_done_is_taken_over(fleet, bags, options, capsys):
    """Only the report that was touched is made again; figures stay what they were."""
    out, _ = fleet
    again = (*bags, *options, "-o", out, "--resume")
    before, expected = state(out), figures(out)
    assert run(*again) == 0
    assert "2 of 2 recordings had been done before" in capsys.readouterr().out
    assert state(out) == before
    assert figures(out) == {**expected, "failed": []}

    (out / "reports" / "off" / "frames.jsonl").write_text("")
    assert run(*again) == 0
    assert "1 of 2 recordings had been done before" in capsys.readouterr().out
    assert state(out)["good"] == before["good"]
    assert state(out)["off"] > before["off"]
    assert figures(out) == {**expected, "failed": []}


def test_torchrun_shares_recordings_out(fleet, bags, options, tmp_path):
    """Two processes take a recording each; the sum is that of one process."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "dcfm_ros.cli", "evaluate", *bags, *options, "-o", tmp_path / "out",
    ]  # fmt: skip
    done = subprocess.run(
        [str(part) for part in command],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("report: ") == 1, "one process talks"
    assert figures(tmp_path / "out") == {**figures(fleet[0]), "failed": []}


def test_an_interrupted_fleet_can_be_resumed(bags, options, tmp_path):
    """The first is done when it is stopped; the second, which would take long, is not."""
    long = write_recording(tmp_path / "long", pictures(2) * 3000)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "dcfm_ros.cli", "evaluate", bags[1], long, *options, "-o", out]
    process = subprocess.Popen(
        [str(part) for part in (*command, "--jobs", 2)],
        cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    part = out / "reports" / "long" / ".part" / "frames.jsonl"
    deadline_s = time.monotonic() + DEADLINE_S
    while not ((out / "reports" / "off" / "done.json").is_file() and part.is_file()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert not (out / "metrics.json").exists()
    assert list((out / "reports" / "long").iterdir()) == []
    assert run(bags[1], *options, "-o", out, "--resume") == 0
    assert figures(out)["total"]["frames"] == 5


def test_nothing_but_failures_is_an_error(broken, options, tmp_path, capsys):
    assert run(broken, *options, "-o", tmp_path / "out", "--jobs", 1) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: none of 1 recordings could be evaluated; cut: ")
    assert not (tmp_path / "out" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("BAG", "--jobs", "0"), "--jobs: found 0, expected at least 1"),
        (("BAG", "nowhere"), "no bag at nowhere"),
        (("BAG", "--dataset", "clips", "--jobs", "2"), "--jobs and --resume are for recordings"),
        (("BAG", "BAG", "--checkpoint", "nowhere.safetensors"), "no checkpoint at"),
    ],
)
def test_what_makes_no_sense_is_told_at_once(bags, tmp_path, capsys, arguments, error):
    given = [bags[0] if argument == "BAG" else argument for argument in arguments]
    assert run(*given, "-o", tmp_path / "out") == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "costmap", [None, CostmapSettings(costs=("road: 3",), grid=GridSettings(resolution_m=0.2))]
)
def test_a_request_survives_the_way_to_another_process(costmap):
    settings = RunSettings(
        engine=EngineSettings(checkpoint="c.safetensors", threads=2),
        source=SourceOptions(label_folder=Path("gt/here"), rate_hz=2.5),
        measures=Measures(flow=True),
        costmap=costmap,
    )
    request = Request(Path("a/b"), Path("out"), settings, Live(rate=0.5))
    assert Request.from_json(request.to_json()) == request
    exact = Request(Path("a/b"), Path("out"), settings)
    assert Request.from_json(exact.to_json()) == exact
