"""The recordings of a fleet as jobs: where each report goes, and which are done already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcfm_ros.evaluation.compare.frame_log import FILE as FRAMES
from dcfm_ros.evaluation.compare.runs import FILE as METRICS
from dcfm_ros.evaluation.measure import counts

FOLDER = "reports"
"""Of the fleet's report: one folder for each recording."""

_DONE = "done.json"
_KEPT = (METRICS, FRAMES, counts.FILE, "report.html")


@dataclass(frozen=True)
class Job:
    """One recording to evaluate."""

    recording: Path
    name: str
    """Unique in the fleet."""
    folder: Path
    """Of its report."""
    key: str
    """Equal keys give equal reports: recording, settings and checkpoint."""
    size: int
    """Of the recording in bytes."""


def plan(recordings: Sequence[Path], out: Path, settings: Mapping[str, Any]) -> list[Job]:
    """One job for each recording, in the order given.

    Args:
        out: folder of the fleet's report.
        settings: all that figures depend on beside the recording, as JSON can hold it.
    """
    jobs: list[Job] = []
    taken: set[str] = set()
    for recording in recordings:
        name, number = _name(recording), 2
        while name in taken:
            name, number = f"{_name(recording)}_{number}", number + 1
        taken.add(name)
        files = fingerprint(recording)
        content = json.dumps({"files": files, "settings": settings}, sort_keys=True)
        key = hashlib.sha256(content.encode()).hexdigest()
        size = sum(entry[1] for entry in files)
        jobs.append(Job(recording, name, out / FOLDER / name, key, size))
    return jobs


def fingerprint(path: Path) -> list[tuple[str, int, int]]:
    """(name, size in bytes, time of change in ns) of each file of a recording or folder."""
    root = path.parent if path.name == "metadata.yaml" else path
    files = sorted(root.rglob("*")) if root.is_dir() else [root]
    found = []
    for file in files:
        if file.is_file():
            state = file.stat()
            found.append((str(file.relative_to(root.parent)), state.st_size, state.st_mtime_ns))
    return found


def is_done(job: Job) -> bool:
    """Whether a whole report of the very same recording and settings is there, unchanged."""
    try:
        done = json.loads((job.folder / _DONE).read_text(encoding="utf-8"))
        return bool(done == {"key": job.key, "files": _digests(job.folder)})
    except (OSError, ValueError):
        return False


def mark_done(job: Job) -> None:
    """Vouch for the report in the job's folder."""
    content = json.dumps({"key": job.key, "files": _digests(job.folder)}, indent=1)
    part = job.folder / f"{_DONE}.part"
    part.write_text(content + "\n", encoding="utf-8")
    part.replace(job.folder / _DONE)


def forget(job: Job) -> None:
    """Vouch for nothing that is in the job's folder."""
    (job.folder / _DONE).unlink(missing_ok=True)


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    return {name: digest(folder / name) for name in _KEPT}


def _name(recording: Path) -> str:
    """As in reports; never one that would lead out of the folder."""
    name = recording.parent.name if recording.name == "metadata.yaml" else recording.stem
    return name if name not in ("", ".", "..") else "recording"
