"""Runs pip quietly: large downloads are announced with their size, the rest goes to a log."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ANNOUNCED_MB = 20.0  # smaller downloads are over before they are read
_QUIET = ("--disable-pip-version-check", "--progress-bar=off", "--no-input", "--retries=2")
_DOWNLOAD = re.compile(r"(?:Downloading|Using cached) (?:\S*/)?(\S+\.whl) \(([\d.]+) (kB|MB|GB)\)")
_LOCAL = re.compile(r"Processing (\S+\.whl)")
_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|Connection refused"
    r"|ProxyError|Network is unreachable|SSLError|Read timed out"
)
_NO_MATCH = re.compile(r"No matching distribution found for (\S+)")


class SetupError(Exception):
    """The set-up cannot go on; the text is one line for the user."""


class Pip:
    """pip of one environment.

    Args:
        python: the environment's interpreter.
        environment: variables for pip.
        log: file to which all output is appended.
    """

    def __init__(self, python: Path, environment: Mapping[str, str], log: Path) -> None:
        self._command = [str(python), "-m", "pip", "install", *_QUIET]
        self._environment = environment
        self._log = log

    def install(self, arguments: Sequence[str]) -> None:
        """Run `pip install` with these arguments.

        Raises:
            SetupError: pip failed, with the likely reason.
        """
        command = [*self._command, *arguments]
        lines: list[str] = []
        with self._log.open("a", encoding="utf-8") as log, self._start(command) as pip:
            print("$", *command, file=log)
            for line in pip.stdout or ():
                log.write(line)
                lines.append(line)
                download = large_download(line)
                if download:
                    say(f"      {download}")
        if pip.returncode:
            raise SetupError(f"{reason(lines)}; full log: {self._log}")

    def announce(self, requirement: str, options: Sequence[str]) -> str:
        """Ask the index which file `requirement` would be, without fetching it.

        Returns:
            `torch-2.13.0-….whl, 526.6 MB`, or `torch-2.13.0-….whl, a local file`, or an empty text
            where pip does not say.
        """
        with self._start([*self._command, "--dry-run", "--no-deps", *options, requirement]) as pip:
            for line in pip.stdout or ():
                download, local = _DOWNLOAD.search(line), _LOCAL.search(line)
                if download or local:
                    pip.terminate()  # the next thing pip would do is to fetch it
                if download:
                    return f"{download[1]}, {download[2]} {download[3]}"
                if local:
                    return f"{Path(local[1]).name}, a local file"
        return ""

    def _start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env=dict(self._environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def large_download(line: str) -> str | None:
    """Return `name, size` if this line of pip starts a download of at least ANNOUNCED_MB."""
    match = _DOWNLOAD.search(line)
    if not match:
        return None
    megabytes = float(match[2]) * {"kB": 1e-3, "MB": 1.0, "GB": 1e3}[match[3]]
    return f"{match[1]}, {match[2]} {match[3]}" if megabytes >= ANNOUNCED_MB else None


def reason(lines: Sequence[str]) -> str:
    """Say in one line why pip failed, from all the lines that it printed."""
    text = "".join(lines)
    if "No space left on device" in text:
        return "the disk is full"
    if _UNREACHABLE.search(text):
        return (
            "the package index cannot be reached: check the network, the proxy or PIP_INDEX_URL, "
            "then run the same command again"
        )
    no_match = _NO_MATCH.search(text)
    if no_match:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"the package index has no {no_match[1]} for Python {version} on this machine"
    errors = [line.strip() for line in lines if line.lstrip().lower().startswith("error:")]
    return f"pip failed: {errors[-1]}" if errors else "pip failed"


def say(line: str) -> None:
    """Print at once, also into a pipe."""
    print(line, flush=True)
