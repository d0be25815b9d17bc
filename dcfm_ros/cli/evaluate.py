"""`dcfm evaluate`: run recordings through the pipeline and report how good and how fast it is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.cli.datasets import recordings
from dcfm_ros.cli.evaluate_options import add_options, is_fleet, live_of, run_settings
from dcfm_ros.cli.judge import Judge

if TYPE_CHECKING:
    from dcfm_ros.datasets.source import Source
    from dcfm_ros.evaluation.evaluate import RunSettings
    from dcfm_ros.evaluation.fleet.request import Live, Request

_FAILED = 2


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="run bags through the pipeline and report",
        description=(
            "Run every frame of bags, videos or folders of pictures through the pipeline of the "
            "live node and write metrics.json, frames.jsonl, report.html and contact_sheet.png. "
            "Two runs give the same figures, apart from timings and date."
        ),
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report; compare it with a former one.

    Returns:
        1 if a gate trips, 2 if one of several recordings failed, else 0.

    Raises:
        DcfmError: a recording, the checkpoint or the device cannot be used.
    """
    evaluates = bool(args.recordings)
    judge = Judge(args, evaluates=evaluates)
    if not evaluates:
        return judge.verdict(args.out)
    with judge.watching([str(path) for path in args.recordings]):
        from dcfm_ros.evaluation.fleet.request import Request

        settings = run_settings(args)
        live = live_of(args, settings)
        if is_fleet(args):
            return _evaluate_fleet(args, settings, live, judge)
        evaluate(Request(args.recordings[0], args.out, settings, live), recordings(args))
    return judge.verdict(args.out)


def evaluate(request: Request, sources: Sequence[Path | Source]) -> None:
    """Evaluate in this process, write the report, and print what it comes to.

    Args:
        sources: the recording of the request, or the data set in its place.

    Raises:
        DcfmError: a recording, the checkpoint or the device cannot be used.
    """
    from dcfm_ros.evaluation.evaluate import run_exact
    from dcfm_ros.evaluation.report.summary import summary

    if request.live:
        from dcfm_ros.replay.evaluate import evaluate_live

        content = evaluate_live(request.recording, request.settings, request.live, request.out)
    else:
        content = run_exact(sources, request.settings, request.out)
    print(summary(content))
    print(f"report: {request.out / 'report.html'}")


def _evaluate_fleet(
    args: argparse.Namespace, settings: RunSettings, live: Live | None, judge: Judge
) -> int:
    """The exit code, the same in all processes that torchrun started."""
    from dcfm_ros.evaluation.fleet.report import fleet_text, without_deliveries
    from dcfm_ros.evaluation.fleet.run import Fleet, evaluate_fleet
    from dcfm_ros.evaluation.report.summary import summary
    from dcfm_ros.processes import joined_processes

    fleet = Fleet(
        tuple(args.recordings), args.out, settings, live, args.jobs or 1, resume=args.resume
    )
    with joined_processes("cpu") as processes:
        code = 0
        found = evaluate_fleet(
            fleet, processes, [sys.executable, "-m", "dcfm_ros.cli.evaluate_one"]
        )
        if found is not None:
            content, rows = found
            for row in rows:
                judge.add(row.path, row.seconds, row.error)
            print(fleet_text(content, rows))
            print(summary(without_deliveries(content)))
            print(f"report: {args.out / 'report.html'}")
            verdict = judge.verdict(args.out)
            code = _FAILED if any(row.error for row in rows) else verdict
        return processes.from_first(lambda: code)
