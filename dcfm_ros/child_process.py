"""Ends what was started in a process and session of its own, with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

_PATIENCE_S = 15.0


def end(process: subprocess.Popen[Any], patience_s: float = _PATIENCE_S) -> None:
    """End a process that leads a session: SIGTERM to all of it, SIGKILL if that does not help.

    Not SIGINT: shells let what they start in the background ignore it, and that is inherited.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
