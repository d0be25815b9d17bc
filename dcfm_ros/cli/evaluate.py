"""`dcfm evaluate`: run recordings through the pipeline and report how good and how fast it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dcfm_ros.cli.options import (
    add_engine_options,
    add_source_options,
    engine_settings,
    key_frame_settings,
    output_option,
    source_options,
)
from dcfm_ros.cli.progress import progress


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
    parser.add_argument(
        "recordings", nargs="+", type=Path, metavar="BAG", help="or video, or folder of pictures"
    )
    output_option(parser, "out/evaluate", "folder for the report")
    add_source_options(parser, truth=True)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report.

    Raises:
        DcfmError: a recording, the checkpoint or the device cannot be used.
    """
    from dcfm_ros.evaluation.exact import check_sources, evaluate
    from dcfm_ros.evaluation.output import output_folder
    from dcfm_ros.evaluation.report import write_report
    from dcfm_ros.evaluation.results import EXACT, Results, Setup
    from dcfm_ros.evaluation.summary import summary
    from dcfm_ros.pipeline import CameraPipeline
    from dcfm_ros.streaming import Engine, Segmenter

    options = source_options(args)
    check_sources(args.recordings, options)
    key_frames = key_frame_settings(args)
    engine = Engine.load(engine_settings(args))
    pipeline = CameraPipeline(Segmenter(engine, key_frames))
    with output_folder(args.out) as stage:
        with (stage / "frames.jsonl").open("w", encoding="utf-8") as log:
            results = Results(Setup.of(EXACT, engine, key_frames), log)
            for path in args.recordings:
                evaluate(path, options, pipeline, results, progress)
        content = write_report(results, stage)
    print(summary(content))
    print(f"report: {args.out / 'report.html'}")
    return 0
