"""The node as a child process: whatever it does, it is told of and it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from evaluation_harness import write_checkpoint

from dcfm_ros.child_process import end
from dcfm_ros.errors import EvaluationError
from dcfm_ros.replay.node_process import NodeProcess, running_node

DEADLINE_S = 60.0


def child(tmp_path, code: str) -> NodeProcess:
    """A process in a session of its own that is no node."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    return NodeProcess(process, tmp_path / "log")


def test_a_dead_node_is_told_with_its_last_lines(tmp_path):
    code = "import sys; [print('line', i, file=sys.stderr) for i in range(40)]; sys.exit(7)"
    node = child(tmp_path, code)
    node.process.wait(DEADLINE_S)
    assert not node.alive
    with pytest.raises(EvaluationError) as error:
        node.check()
    first, *said = str(error.value).splitlines()
    assert first.startswith("the node ended by itself with exit code 7; it said last")
    assert str(tmp_path / "log") in first
    assert said == [f"  line {i}" for i in range(28, 40)]


def test_a_node_that_said_nothing(tmp_path):
    node = child(tmp_path, "pass")
    node.process.wait(DEADLINE_S)
    with pytest.raises(EvaluationError, match=r"exit code 0; .*:\n  nothing"):
        node.check()


def test_a_node_that_ignores_sigterm_is_killed(tmp_path):
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"
    node = child(tmp_path, ignore + "; signal.pause()")
    assert node.process.stdout.readline() == b"\n"
    end(node.process, patience_s=0.1)
    assert node.process.returncode == -signal.SIGKILL


def test_children_of_the_node_end_with_it(tmp_path):
    """The signal goes to the whole session."""
    wait = "import signal; signal.pause()"
    code = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {wait!r}]);"
        "print(p.pid, flush=True); p.wait()"
    )
    node = child(tmp_path, code)
    grandchild = int(node.process.stdout.readline())
    end(node.process)
    assert not node.alive
    deadline_s = time.monotonic() + DEADLINE_S
    while alive(grandchild):
        assert time.monotonic() < deadline_s


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.dds
def test_the_real_node_starts_and_ends(tmp_path):
    pytest.importorskip("rclpy")
    checkpoint = write_checkpoint(tmp_path / "tiny.safetensors")
    parameters = tmp_path / "segmenter.yaml"
    parameters.write_text(
        "/**:\n  ros__parameters:\n    engine:\n      device: cpu\n"
        f"      checkpoint: {checkpoint}\n"
    )
    log = tmp_path / "node.log"
    with running_node(parameters, {"image": "/street/image"}, log, os.environ) as node:
        deadline_s = time.monotonic() + DEADLINE_S
        while "waiting for images on /street/image" not in log.read_text():
            node.check()
            assert time.monotonic() < deadline_s
    assert not node.alive
    assert node.process.returncode == 0


@pytest.mark.dds
def test_the_real_node_says_why_it_cannot_start(tmp_path):
    pytest.importorskip("rclpy")
    parameters = tmp_path / "segmenter.yaml"
    parameters.write_text("/**:\n  ros__parameters:\n    key_frames:\n      interval: 0\n")
    with running_node(parameters, {}, tmp_path / "log", os.environ) as node:
        node.process.wait(DEADLINE_S)
        with pytest.raises(EvaluationError, match=r"exit code 2; (?s:.*)key_frames.interval"):
            node.check()
