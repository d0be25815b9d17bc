"""`dcfm evaluate` on real bags of other tools, whole and damaged: a report, or one clear line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from evaluation_harness import pictures, write_recording

from dcfm_ros.cli.main import main

BAGS = {
    "ros1_compressed_camera_info.bag": "",
    "ros1_raw_and_png.bag": "/image",
    "ros2_old_type_names_no_metadata.db3": "/image/compressed",
}
"""Shared bags of one image each, by the topic to name."""


@pytest.fixture
def evaluate(checkpoint, tmp_path, capfd):
    """Runs the command; its exit code and what it says on stderr."""

    def run(*arguments) -> tuple[int, str]:
        given = ("evaluate", *arguments, "--checkpoint", checkpoint, "--device", "cpu")
        code = main([str(a) for a in (*given, "--threads", 1, "-o", tmp_path / "out")])
        return code, capfd.readouterr().err

    return run


def check(code: int, said: str, out: Path) -> None:
    """A whole report, or one line and nothing."""
    if code == 0:
        assert (out / "report.html").is_file()
        assert json.loads((out / "metrics.json").read_text())["total"]["frames"] > 0
        return
    assert code == 2
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "Traceback" not in said
    assert not (out / "report.html").exists()


@pytest.mark.parametrize(("name", "topic"), BAGS.items())
def test_every_shared_bag_ends_with_a_report(shared_dir, evaluate, tmp_path, name, topic):
    given = ("--image-topic", topic) if topic else ()
    code, said = evaluate(shared_dir / "bags" / name, *given)
    assert code == 0, said
    check(code, said, tmp_path / "out")


@pytest.mark.parametrize("name", [name for name, topic in BAGS.items() if topic])
def test_several_topics_are_asked_about_in_one_line(shared_dir, evaluate, tmp_path, name):
    code, said = evaluate(shared_dir / "bags" / name)
    assert code == 2
    assert "has several image topics" in said
    check(code, said, tmp_path / "out")


def damaged(whole: bytes, seed: int) -> bytes:
    """Cut off, hit at a few places, or with a hole."""
    rng = random.Random(seed)
    content = bytearray(whole)
    place = rng.randrange(len(content))
    if seed % 3 == 0:
        del content[place:]
    elif seed % 3 == 1:
        for _ in range(20):
            content[rng.randrange(len(content))] = rng.randrange(256)
    else:
        hole = min(4000, len(content) - place)
        content[place : place + hole] = bytes(hole)
    return bytes(content)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "topic"), BAGS.items())
def test_a_damaged_bag_ends_with_a_report_or_one_line(
    shared_dir, evaluate, tmp_path, name, topic, seed
):
    path = tmp_path / f"bag{Path(name).suffix}"
    path.write_bytes(damaged((shared_dir / "bags" / name).read_bytes(), seed))
    given = ("--image-topic", topic) if topic else ()
    check(*evaluate(path, *given), tmp_path / "out")


@pytest.mark.parametrize("seed", range(9))
def test_a_damaged_mcap_ends_with_a_report_or_one_line(evaluate, tmp_path, seed):
    (whole,) = write_recording(tmp_path / "bag", pictures(4)).glob("*.mcap")
    path = tmp_path / "cut.mcap"
    path.write_bytes(damaged(whole.read_bytes(), seed))
    check(*evaluate(path), tmp_path / "out")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: path.mkdir(), "bag"),
        (lambda path: path.touch(), "bag"),
        (lambda path: path.write_text("hello"), "bag"),
        (lambda path: path.symlink_to("nowhere"), "bag"),
    ],
    ids=["empty folder", "empty file", "text", "dangling link"],
)
def test_what_is_no_bag_is_one_line(evaluate, tmp_path, make, error):
    make(tmp_path / "bag")
    code, said = evaluate(tmp_path / "bag")
    assert code == 2
    assert error in said
    check(code, said, tmp_path / "out")
