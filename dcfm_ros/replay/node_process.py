"""The real node in a process of its own, with its log kept, ended for sure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dcfm_ros.child_process import end
from dcfm_ros.errors import EvaluationError

_LAST_LINES = 12


@contextmanager
def running_node(
    parameters: Path,
    remappings: Mapping[str, str],
    log: Path,
    environment: Mapping[str, str],
) -> Iterator[NodeProcess]:
    """Run `segment_node` within the `with` block.

    Args:
        parameters: a ROS parameter file.
        remappings: topic by the node's name for it.
        log: receives all that the node says.
        environment: of the process, complete.
    """
    command = [sys.executable, "-m", "dcfm_ros.ros.segment_node", "--ros-args"]
    command += ["--params-file", str(parameters)]
    for name, topic in remappings.items():
        command += ["--remap", f"{name}:={topic}"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
    try:
        yield NodeProcess(process, log)
    finally:
        end(process)


class NodeProcess:
    """A node that was started, and what it has said."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def check(self) -> None:
        """Return while the node lives.

        Raises:
            EvaluationError: it has ended; with the last lines of its log.
        """
        code = self.process.poll()
        if code is not None:
            raise self.failure(f"the node ended by itself with exit code {code}")

    def failure(self, what: str) -> EvaluationError:
        """An error that shows what the node said last."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = "\n".join(f"  {line}" for line in lines[-_LAST_LINES:]) or "  nothing"
        return EvaluationError(f"{what}; it said last ({self._log} has all):\n{said}")
