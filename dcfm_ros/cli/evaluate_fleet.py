"""`dcfm evaluate BAG BAG …`: each recording in a process of its own, then one report over all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcfm_ros.cli.evaluate_one import to_json
from dcfm_ros.errors import SettingsError

if TYPE_CHECKING:
    from dcfm_ros.cli.judge import Judge
    from dcfm_ros.evaluation.evaluate import RunSettings
    from dcfm_ros.evaluation.fleet.document import Row
    from dcfm_ros.evaluation.fleet.jobs import Job
    from dcfm_ros.evaluation.fleet.processes import Processes

_FAILED = 2
_NOT_FOR_THE_KEY = (
    "checkpoint", "compare", "device", "fail_if", "jobs", "json", "junit", "out", "recordings",
    "reference", "resume", "threads", "verb",
)  # fmt: skip


def add_fleet_options(parser: argparse.ArgumentParser) -> None:
    """How to run many recordings."""
    group = parser.add_argument_group(
        "many recordings",
        "each in a process of its own; under torchrun each process takes some of them",
    )
    group.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="recordings at a time (default 1); they share the cores: --threads of each, or all "
        "divided by N",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="take over reports in --out of the same recordings, settings and checkpoint",
    )


def is_fleet(args: argparse.Namespace) -> bool:
    """Whether there is more to do than one recording in this process."""
    from dcfm_ros.evaluation.fleet.processes import started_processes

    if args.jobs is not None and args.jobs < 1:
        raise SettingsError(f"--jobs: found {args.jobs}, expected at least 1")
    if args.dataset:
        if args.jobs or args.resume:
            raise SettingsError("--jobs and --resume are for recordings, not for --dataset")
        return False
    several = len(args.recordings) > 1
    return bool(several or args.jobs or args.resume or started_processes() > 1)


def evaluate_fleet(args: argparse.Namespace, settings: RunSettings, judge: Judge) -> int:
    """Evaluate every recording, and write the report over all.

    Returns:
        2 if a recording failed, else what the judge says; the same in all processes.

    Raises:
        DcfmError: no recording could be evaluated, or the settings cannot be used.
    """
    from dcfm_ros.evaluation.fleet.processes import joined

    with joined() as processes:
        fleet = _Fleet.planned(args, settings, processes)
        rows = processes.gather(list(fleet.run()))
        good = [job for job in fleet.own if job.name in fleet.succeeded]
        total = processes.sum(fleet.counts(good))
        code = 0
        if processes.is_first:
            code = _report(args, settings, fleet, rows, total, judge)
        return processes.from_first(code)


def _report(
    args: argparse.Namespace,
    settings: RunSettings,
    fleet: _Fleet,
    rows: Sequence[Row],
    total: Any,
    judge: Judge,
) -> int:
    """In the first process."""
    from dcfm_ros.evaluation.fleet.report import (
        fleet_text,
        without_deliveries,
        write_fleet_report,
    )
    from dcfm_ros.evaluation.report.summary import summary

    order = {job.name: place for place, job in enumerate(fleet.jobs)}
    rows = sorted(rows, key=lambda row: order[row.name])
    for row in rows:
        judge.add(row.path, row.seconds, row.error)
    content = write_fleet_report(rows, total, fleet.labels, settings.measures, args.out)
    print(fleet_text(content, rows))
    print(summary(without_deliveries(content)))
    print(f"report: {args.out / 'report.html'}")
    verdict = judge.verdict(args.out)
    return _FAILED if any(row.error for row in rows) else verdict


@dataclass
class _Fleet:
    """What this process does of it."""

    args: argparse.Namespace
    jobs: list[Job]
    """Of all processes."""
    own: list[Job]
    """Of this one, the largest first."""
    labels: Any
    measures: Any
    threads: int
    at_once: int
    succeeded: set[str]

    @classmethod
    def planned(
        cls, args: argparse.Namespace, settings: RunSettings, processes: Processes
    ) -> _Fleet:
        """Plan, and tell what is wrong with the settings before anything runs."""
        from dcfm_ros.datasets.source import open_source
        from dcfm_ros.evaluation.fleet.jobs import plan
        from dcfm_ros.network import read_info
        from dcfm_ros.streaming.device import resolve_threads

        for recording in args.recordings:
            if not recording.exists():
                with open_source(recording, settings.source):
                    pass  # says what is not there
        at_once = args.jobs or 1
        own_cores = max(1, resolve_threads(0) // (processes.local_count * at_once))
        threads = settings.engine.threads or own_cores
        args = _on_own_device(args, settings, processes, threads)
        jobs = plan(args.recordings, args.out, _settings_of(args, settings, threads))
        by_size = sorted(jobs, key=lambda job: job.size, reverse=True)
        return cls(
            args=args,
            jobs=jobs,
            own=list(processes.own(by_size)),
            labels=read_info(_checkpoint(settings)).labels,
            measures=settings.measures,
            threads=threads,
            at_once=at_once,
            succeeded=set(),
        )

    def run(self) -> Iterator[Row]:
        """Evaluate this process's recordings; a row for each."""
        from dcfm_ros.cli.progress import progress
        from dcfm_ros.evaluation.fleet.jobs import forget, is_done, mark_done
        from dcfm_ros.evaluation.fleet.processes import plain_environment
        from dcfm_ros.evaluation.fleet.report import read_row
        from dcfm_ros.evaluation.fleet.workers import run_tasks

        left = {}
        for job in self.own:
            if self.args.resume and is_done(job):
                self.succeeded.add(job.name)
                yield read_row(job, was_done=True)
            else:
                forget(job)
                left[job.name] = job
        tasks = [self._task(job) for job in left.values()]
        outcomes = run_tasks(tasks, self.at_once, plain_environment())
        for outcome in progress(outcomes, "evaluating", "recordings", len(tasks)):
            job = left[outcome.name]
            if not outcome.error:
                mark_done(job)
                self.succeeded.add(job.name)
            yield read_row(job, outcome.error, outcome.seconds)

    def counts(self, good: Sequence[Job]) -> Any:
        """Of this process's recordings."""
        from dcfm_ros.evaluation.fleet.report import sum_of

        return sum_of(good, len(self.labels.classes), self.measures)

    def _task(self, job: Job) -> Any:
        from dcfm_ros.evaluation.fleet.workers import Task

        given = to_json(
            {**vars(self.args), "recordings": [job.recording], "out": job.folder,
             "threads": self.threads}
        )  # fmt: skip
        command = [sys.executable, "-m", "dcfm_ros.cli.evaluate_one"]
        return Task(job.name, command, given, job.folder.with_name(f"{job.name}.log"))


def _on_own_device(
    args: argparse.Namespace, settings: RunSettings, processes: Processes, threads: int
) -> argparse.Namespace:
    """The options of the recordings' own processes."""
    from dcfm_ros.streaming.device import resolve_device

    device = resolve_device(settings.engine.device)
    name = settings.engine.device
    if device.type == "cuda" and device.index is None and processes.local_count > 1:
        import torch

        name = f"cuda:{processes.local_rank % torch.cuda.device_count()}"
    options = {key: value for key, value in vars(args).items() if key != "run"}
    changed = {"device": name, "threads": threads, "compare": [], "fail_if": [], "junit": None}
    return argparse.Namespace(**{**options, **changed})


def _settings_of(args: argparse.Namespace, settings: RunSettings, threads: int) -> dict[str, Any]:
    """All that a recording's figures depend on, as JSON can hold it."""
    import json

    import torch

    import dcfm_ros
    from dcfm_ros.evaluation.evaluate import SAME
    from dcfm_ros.evaluation.fleet.jobs import fingerprint
    from dcfm_ros.streaming.device import resolve_device

    options = {key: value for key, value in vars(args).items() if key not in _NOT_FOR_THE_KEY}
    folder = settings.source.label_folder
    other = settings.reference if settings.reference not in ("", SAME) else ""
    return {
        "options": json.loads(to_json(options)),
        "checkpoint": _sha256(_checkpoint(settings)),
        "reference": _sha256(other) if other else settings.reference,
        "ground_truth": fingerprint(folder) if folder else [],
        "device": resolve_device(settings.engine.device).type,
        "threads": threads,
        "versions": [dcfm_ros.__version__, torch.__version__],
    }


def _checkpoint(settings: RunSettings) -> Any:
    from dcfm_ros.resources import resource
    from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT

    return settings.engine.checkpoint or resource(SHIPPED_CHECKPOINT)


def _sha256(path: Any) -> str:
    import hashlib
    from pathlib import Path

    from dcfm_ros.errors import CheckpointError

    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        raise CheckpointError(f"no checkpoint at {path}") from None
