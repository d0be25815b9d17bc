"""Real processes that end well, badly, or not at all."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from dcfm_ros.evaluation.fleet.workers import Task, run_tasks

DEADLINE_S = 60.0


def task(tmp_path, name, script, given="") -> Task:
    return Task(name, [sys.executable, "-c", script], given, tmp_path / "logs" / f"{name}.log")


def outcomes(tasks, at_once=2):
    return {outcome.name: outcome.error for outcome in run_tasks(tasks, at_once, os.environ)}


def test_each_tells_how_it_ended(tmp_path):
    tasks = [
        task(tmp_path, "good", "print(input())", "given\n"),
        task(tmp_path, "error", "import sys; print('error: no bag at x'); sys.exit(2)"),
        task(tmp_path, "crash", "raise ValueError('odd')"),
        task(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)"),
        task(tmp_path, "silent", "import sys; sys.exit(3)"),
    ]
    found = outcomes(tasks)
    assert found["good"] == ""
    assert found["error"] == "no bag at x"
    assert found["crash"].startswith("ended with exit code 1; ")
    assert found["crash"].endswith("ValueError: odd")
    assert found["killed"].startswith("ended by signal SIGKILL; ")
    assert "ended with exit code 3" in found["silent"]
    logs = sorted(path.stem for path in (tmp_path / "logs").iterdir())
    assert logs == ["crash", "error", "killed", "silent"], "those of good ones are removed"


WAIT_FOR_THE_OTHER = """
import sys, time
from pathlib import Path
own, other = map(Path, input().split("|"))
own.touch()
end = time.monotonic() + {deadline}
while not other.exists():
    if time.monotonic() > end:
        sys.exit("alone")
"""


def test_several_run_at_a_time(tmp_path):
    """Each waits until the other has begun."""
    script = WAIT_FOR_THE_OTHER.format(deadline=DEADLINE_S)
    names = [str(tmp_path / name) for name in ("a", "b")]
    tasks = [
        task(tmp_path, "one", script, f"{names[0]}|{names[1]}\n"),
        task(tmp_path, "two", script, f"{names[1]}|{names[0]}\n"),
    ]
    assert outcomes(tasks) == {"one": "", "two": ""}


def test_an_interrupted_run_leaves_no_process(tmp_path):
    """One ends at once; while its outcome is looked at, the other, which never ends, runs."""
    pid_file = tmp_path / "pid"
    forever = f"""
import os, signal
from pathlib import Path
Path({str(tmp_path / "part")!r}).write_text(str(os.getpid()))
Path({str(tmp_path / "part")!r}).rename({str(pid_file)!r})
while True:
    signal.pause()
"""
    tasks = [task(tmp_path, "short", ""), task(tmp_path, "forever", forever)]
    running = run_tasks(tasks, 2, os.environ)
    assert next(running).name == "short"
    deadline_s = time.monotonic() + DEADLINE_S
    while not pid_file.exists():
        assert time.monotonic() < deadline_s
    with pytest.raises(KeyboardInterrupt):
        running.throw(KeyboardInterrupt)
    assert not Path(f"/proc/{pid_file.read_text()}").exists()
    assert not [t for t in threading.enumerate() if t.name.startswith("dcfm_task")]
