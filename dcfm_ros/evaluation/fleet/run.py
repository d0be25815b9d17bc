"""Many recordings, each evaluated in a process of its own, and the report over all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import dcfm_ros
from dcfm_ros.datasets.source import open_source
from dcfm_ros.evaluation.evaluate import SAME, RunSettings
from dcfm_ros.evaluation.fleet.jobs import (
    Job,
    digest,
    fingerprint,
    forget,
    is_done,
    mark_done,
    plan,
)
from dcfm_ros.evaluation.fleet.report import Row, read_row, sum_of, write_fleet_report
from dcfm_ros.evaluation.fleet.request import Live, Request, plain
from dcfm_ros.evaluation.fleet.workers import Task, run_tasks
from dcfm_ros.evaluation.measure.counts import Counts, from_vector, to_vector
from dcfm_ros.network import read_info
from dcfm_ros.processes import Processes, plain_environment
from dcfm_ros.progress import progress
from dcfm_ros.resources import resource
from dcfm_ros.streaming.device import resolve_device, resolve_threads
from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT


@dataclass(frozen=True)
class Fleet:
    """What is to be evaluated, and how."""

    recordings: tuple[Path, ...]
    out: Path
    """Folder of the report over all."""
    settings: RunSettings
    live: Live | None = None
    at_once: int = 1
    """Recordings at a time, in each of the processes that torchrun starts."""
    resume: bool = False
    """Take over reports in `out` of the same recordings, settings and checkpoint."""


def evaluate_fleet(
    fleet: Fleet, processes: Processes, command: Sequence[str]
) -> tuple[dict[str, Any], list[Row]] | None:
    """Evaluate every recording, and write the report over all.

    Args:
        command: evaluates the `Request` that it finds on its standard input.

    Returns:
        In the first process the content of metrics.json and a row for each recording, in the order
        given; None in the others.

    Raises:
        DcfmError: no recording could be evaluated, or the settings cannot be used.
    """
    for recording in fleet.recordings:
        if not recording.exists():
            with open_source(recording, fleet.settings.source):
                pass  # says what is not there
    labels = read_info(_checkpoint(fleet.settings)).labels
    settings = _of_each(fleet, processes)
    jobs = plan(fleet.recordings, fleet.out, _all_that_counts(settings, fleet.live))
    by_size = sorted(jobs, key=lambda job: job.size, reverse=True)
    own = processes.own(by_size)
    own_rows = list(_evaluated(own, settings, fleet, command))
    failed = {row.name for row in own_rows if row.error}
    good = [job for job in own if job.name not in failed]
    rows = processes.gather(own_rows)
    total = sum_counts(sum_of(good, len(labels.classes), settings.measures), processes)
    if not processes.is_first:
        return None
    order = {job.name: place for place, job in enumerate(jobs)}
    rows.sort(key=lambda row: order[row.name])
    return write_fleet_report(rows, total, labels, fleet.out), rows


def _evaluated(
    jobs: Sequence[Job], settings: RunSettings, fleet: Fleet, command: Sequence[str]
) -> Iterator[Row]:
    """A row for each job, in the order in which they end."""
    left = {}
    for job in jobs:
        if fleet.resume and is_done(job):
            yield read_row(job, was_done=True)
        else:
            forget(job)
            left[job.name] = job
    tasks = [
        Task(
            job.name,
            command,
            Request(job.recording, job.folder, settings, fleet.live).to_json(),
            job.folder.with_name(f"{job.name}.log"),
        )
        for job in left.values()
    ]
    outcomes = run_tasks(tasks, fleet.at_once, plain_environment())
    for outcome in progress(outcomes, "evaluating", "recordings", len(tasks)):
        job = left[outcome.name]
        if not outcome.error:
            mark_done(job)
        yield read_row(job, outcome.error, outcome.seconds)


def sum_counts(counts: Counts, processes: Processes) -> Counts:
    """The sum over all processes, in each; of the same names and shapes in all."""
    if processes.count == 1:
        return counts
    return from_vector(processes.sum(torch.from_numpy(to_vector(counts))).numpy(), counts)


def _of_each(fleet: Fleet, processes: Processes) -> RunSettings:
    """The settings of the recordings' own processes: each with its share of cores and devices."""
    engine = fleet.settings.engine
    at_once = processes.local_count * fleet.at_once
    threads = engine.threads or max(1, resolve_threads(0) // at_once)
    device, name = resolve_device(engine.device), engine.device
    if device.type == "cuda" and device.index is None and processes.local_count > 1:
        name = f"cuda:{processes.local_rank % torch.cuda.device_count()}"
    return replace(fleet.settings, engine=replace(engine, device=name, threads=threads))


def _all_that_counts(settings: RunSettings, live: Live | None) -> dict[str, Any]:
    """What a recording's figures depend on beside itself, as JSON can hold it."""
    other = settings.reference if settings.reference not in ("", SAME) else ""
    if other:
        read_info(other)  # says whether it is there
    folder = settings.source.label_folder
    device = resolve_device(settings.engine.device).type
    engine = replace(settings.engine, checkpoint="", device=device)
    return {
        "settings": plain(replace(settings, engine=engine, reference="")),
        "live": plain(live) if live else None,
        "checkpoint": digest(Path(_checkpoint(settings))),
        "reference": digest(Path(other)) if other else settings.reference,
        "ground_truth": fingerprint(folder) if folder else [],
        "versions": [dcfm_ros.__version__, torch.__version__],
    }


def _checkpoint(settings: RunSettings) -> str | Path:
    return settings.engine.checkpoint or resource(SHIPPED_CHECKPOINT)
