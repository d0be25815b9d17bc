"""`dcfm evaluate`: run recordings through the pipeline and report how good and how fast it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.cli.costmap_options import add_costmap_options, costmap_settings
from dcfm_ros.cli.datasets import DATASETS, add_dataset_options, recordings
from dcfm_ros.cli.evaluate_fleet import add_fleet_options, evaluate_fleet, is_fleet
from dcfm_ros.cli.evaluate_live import add_live_options, check_live, evaluate_live
from dcfm_ros.cli.judge import Judge, add_judge_options
from dcfm_ros.cli.options import (
    add_engine_options,
    add_source_options,
    engine_settings,
    key_frame_settings,
    output_option,
    source_options,
)
from dcfm_ros.cli.progress import progress

if TYPE_CHECKING:
    from dcfm_ros.evaluation.evaluate import RunSettings


_MEASURES = ("boundary", "flow", "calibration")


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
        "recordings", nargs="*", type=Path, metavar="BAG", help="or video, or folder of pictures"
    )
    output_option(parser, "out/evaluate", "folder for the report")
    add_source_options(parser, truth=True)
    add_dataset_options(_add_datasets(parser))
    _add_measures(parser)
    add_costmap_options(parser)
    add_engine_options(parser)
    add_live_options(parser)
    add_fleet_options(parser)
    add_judge_options(parser)
    parser.set_defaults(run=run)


def _add_datasets(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("data set")
    group.add_argument(
        "--dataset",
        choices=DATASETS,
        help="evaluate a data set as published; BAG is its root folder",
    )
    group.add_argument(
        "--protocol",
        choices=("dcfm-cityscapes", "dcfm-vspw", "camvid"),
        help="as the published figures were measured: offline, each reused frame between the key "
        "frame before and the one after it, absent classes as 0",
    )
    return group


def _add_measures(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to measure")
    group.add_argument(
        "--measure",
        nargs="+",
        choices=(*_MEASURES, "all"),
        default=[],
        help="what takes time of its own: boundary F-score, temporal consistency along the optical "
        "flow, calibration of the confidence",
    )
    group.add_argument(
        "--reference",
        metavar="CKPT",
        help="compare with the labels of this checkpoint, a key frame in every place; 'same': what "
        "reuse has truly changed",
    )
    group.add_argument(
        "--absent-as-zero",
        action="store_true",
        help="count classes that the ground truth never shows as 0 in mIoU, as DCFM's authors do",
    )
    group.add_argument(
        "--bag", action="store_true", help="write label images and statuses as a bag, output/"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report; compare it with a former one.

    Returns:
        1 if a gate trips, else 0.

    Raises:
        DcfmError: a recording, the checkpoint or the device cannot be used.
    """
    evaluates = bool(args.recordings)
    judge = Judge(args, evaluates=evaluates)
    if not evaluates:
        return judge.verdict(args.out)
    with judge.watching([str(path) for path in args.recordings]):
        settings = run_settings(args)
        check_live(args, settings)
        if is_fleet(args):
            return evaluate_fleet(args, settings, judge)
        evaluate_one(args)
    return judge.verdict(args.out)


def evaluate_one(args: argparse.Namespace) -> int:
    """Evaluate what `args.recordings` holds in this process, and write the report.

    Raises:
        DcfmError: a recording, the checkpoint or the device cannot be used.
    """
    from dcfm_ros.cli.oracle import oracle_plan
    from dcfm_ros.evaluation.evaluate import run_exact
    from dcfm_ros.evaluation.report.summary import summary
    from dcfm_ros.streaming.settings import ORACLE

    settings = run_settings(args)
    if args.live:
        content = evaluate_live(args, settings)
    else:
        plan = oracle_plan if settings.key_frames.policy == ORACLE else None
        content = run_exact(recordings(args), settings, args.out, progress, plan)
    print(summary(content))
    print(f"report: {args.out / 'report.html'}")
    return 0


def run_settings(args: argparse.Namespace) -> RunSettings:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.evaluation.evaluate import RunSettings
    from dcfm_ros.evaluation.measure.tally import Measures

    return RunSettings(
        engine=engine_settings(args),
        key_frames=key_frame_settings(args),
        source=source_options(args),
        measures=Measures(**{name: bool({name, "all"} & set(args.measure)) for name in _MEASURES}),
        reference=args.reference or "",
        protocol=args.protocol or "",
        absent_as_zero=args.absent_as_zero,
        write_bag=args.bag,
        costmap=costmap_settings(args),
        depth_topic=args.depth_topic,
    )
