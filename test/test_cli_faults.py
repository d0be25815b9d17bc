"""Every verb with what is wrong on the user's side: one line, exit code 2, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dcfm_ros.cli import main as cli

INPUTS = {
    "demo": ["demo", "{}"],
    "evaluate": ["evaluate", "{}"],
    "segment": ["segment", "{}"],
    "play": ["play", "{}"],
    "make-bag": ["make-bag", "camvid", "{}"],
    "make-clips": ["make-clips", "{}"],
    "train": ["train", "{}"],
    "calibrate": ["calibrate", "{}", "{}"],
    "mix": ["mix", "{}", "{}"],
    "import": ["import", "{}", "{}", "--config", "cityscapes_resnet18"],
    "inspect": ["inspect", "{}"],
    "bench": ["bench", "{}"],
}
NOT_ASCII = ("évaluation", "道路")


def run(arguments):
    """Exit code; argparse's own refusals count."""
    try:
        return cli.main(arguments)
    except SystemExit as end:
        return end.code


def assert_one_line(code, capsys):
    error = capsys.readouterr().err
    assert code == 2, error
    assert "Traceback" not in error
    assert "error: " in error.strip().splitlines()[-1]


@pytest.fixture
def paths(tmp_path):
    """What an argument may name by mistake."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "text.txt").write_text("hello\n")
    (tmp_path / "noise.mcap").write_bytes(bytes(range(256)))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return tmp_path


@pytest.mark.parametrize(
    "wrong",
    ["absent", "folder", "empty", "text.txt", "noise.mcap", "loop", "text.txt/below", *NOT_ASCII],
)
@pytest.mark.parametrize("verb", INPUTS)
def test_an_input_that_is_none(verb, wrong, paths, capsys, monkeypatch):
    monkeypatch.chdir(paths)
    assert_one_line(run([part.format(paths / wrong) for part in INPUTS[verb]]), capsys)


OUTPUTS = {
    "segment": ["segment", "{picture}", "-o", "{}"],
    "evaluate": ["evaluate", "{picture}", "-o", "{}"],
    "make-bag": ["make-bag", "street", "--duration", "0.1", "-o", "{}"],
    "mix": ["mix", "{checkpoint}", "{checkpoint}", "-o", "{}"],
}


@pytest.mark.parametrize("wrong", ["text.txt/below", "loop/below", "/proc/nothing/below"])
@pytest.mark.parametrize("verb", OUTPUTS)
def test_an_output_that_cannot_be_written(verb, wrong, paths, capsys, monkeypatch, checkpoint):
    monkeypatch.chdir(paths)
    import cv2
    import numpy as np

    (paths / "pictures").mkdir()
    cv2.imwrite(str(paths / "pictures/0.png"), np.zeros((48, 64, 3), np.uint8))
    out = wrong if wrong.startswith("/") else str(paths / wrong)
    given = {"picture": paths / "pictures", "checkpoint": checkpoint}
    arguments = [part.format(out, **given) for part in OUTPUTS[verb]]
    if verb in ("segment", "evaluate"):
        arguments += ["--checkpoint", str(checkpoint)]
    assert_one_line(run(arguments), capsys)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_on_a_terminal_without_utf_8(verb, checkout):
    ran = dcfm(checkout, verb, "--help", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == b""


@pytest.mark.parametrize("value", ["abc", "-1", "233", "1.5", "\uff11"])
def test_a_domain_that_is_none(value, checkout, tmp_path):
    (tmp_path / "video.mp4").touch()
    ran = dcfm(checkout, "play", str(tmp_path / "video.mp4"), ROS_DOMAIN_ID=value)
    assert ran.returncode == 2
    [line] = ran.stderr.decode().splitlines()
    assert line.startswith(f"error: ROS_DOMAIN_ID is {value!r}, expected a number from 0 to 232")


@pytest.mark.parametrize("value", ["abc", "0", "-3", "99999999999999999999"])
def test_a_number_of_threads_that_is_none(value, checkout, checkpoint):
    """OpenMP says it itself, and goes on."""
    ran = dcfm(checkout, "inspect", str(checkpoint), OMP_NUM_THREADS=value)
    assert b"Traceback" not in ran.stderr
    assert ran.returncode in (0, 2)


def test_the_node_refuses_a_domain_that_is_none(checkout):
    ran = subprocess.run(
        [sys.executable, "-m", "dcfm_ros.ros.segment_node"],
        cwd=checkout,
        env={**os.environ, "ROS_DOMAIN_ID": "abc"},
        capture_output=True,
        check=False,
        timeout=200,
    )
    assert ran.returncode == 2
    assert b"Traceback" not in ran.stderr
    assert b"ROS_DOMAIN_ID is 'abc', expected a number from 0 to 232" in ran.stderr


def dcfm(checkout, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "dcfm_ros.cli", *arguments],
        cwd=checkout,
        env={**os.environ, **variables},
        capture_output=True,
        check=False,
        timeout=200,
    )
