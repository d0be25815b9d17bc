"""Runs jobs in processes of their own, several at a time: one that dies takes no other along."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from dcfm_ros.child_process import end

_ERROR = "error: "


@dataclass(frozen=True)
class Task:
    """A process to run."""

    name: str
    command: Sequence[str]
    given: str
    """On its standard input."""
    log: Path
    """Receives all that it says; kept if it fails."""


@dataclass(frozen=True)
class Outcome:
    """How a process ended."""

    name: str
    seconds: float
    error: str
    """Why it failed, in one line; empty if it did not."""


def run_tasks(
    tasks: Sequence[Task], at_once: int, environment: Mapping[str, str]
) -> Iterator[Outcome]:
    """Run processes, and give their outcomes as they end.

    An error while the outcomes are consumed, Ctrl-C among them, ends those that still run.
    """
    running = _Running(environment)
    with ThreadPoolExecutor(at_once, thread_name_prefix="dcfm_task") as pool:
        futures = [pool.submit(running.run, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
            running.end_all()


class _Running:
    """The processes that run now."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._processes: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(self, task: Task) -> Outcome:
        started_s = time.monotonic()
        process = self._start(task)
        if process is None:
            return Outcome(task.name, 0.0, "not started")
        try:
            process.communicate(task.given)
        finally:
            with self._lock:
                self._processes.discard(process)
        seconds = time.monotonic() - started_s
        return Outcome(task.name, seconds, _problem(process.returncode, task.log))

    def end_all(self) -> None:
        with self._lock:
            self._ended = True
            left = list(self._processes)
        for process in left:
            end(process)

    def _start(self, task: Task) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._ended:
                return None
            task.log.parent.mkdir(parents=True, exist_ok=True)
            with task.log.open("w", encoding="utf-8") as log:
                process = subprocess.Popen(
                    task.command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env=self._environment,
                    start_new_session=True,
                )
            self._processes.add(process)
            return process


def _problem(code: int, log: Path) -> str:
    """Why a process failed, from its log; the log of a good one is removed."""
    if code == 0:
        log.unlink(missing_ok=True)
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if line.startswith(_ERROR)]
    if told:
        return told[-1].removeprefix(_ERROR)
    if code < 0:
        return f"ended by signal {_signal_name(-code)}; {log} has what it said"
    last = next((line for line in reversed(lines) if line.strip()), "nothing")
    return f"ended with exit code {code}; {log} has what it said, at last: {last.strip()}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
