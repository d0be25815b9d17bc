"""The options of `dcfm evaluate`, and the settings that they come to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dcfm_ros.cli.datasets import DATASETS, add_dataset_options
from dcfm_ros.cli.judge import add_judge_options
from dcfm_ros.cli.options import (
    add_engine_options,
    add_source_options,
    engine_settings,
    key_frame_settings,
    output_option,
    source_options,
)
from dcfm_ros.errors import SettingsError

if TYPE_CHECKING:
    from dcfm_ros.costmap import CostmapSettings
    from dcfm_ros.evaluation.evaluate import RunSettings
    from dcfm_ros.evaluation.fleet.request import Live

_MEASURES = ("boundary", "flow", "calibration")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them all."""
    parser.add_argument(
        "recordings", nargs="*", type=Path, metavar="BAG", help="or video, or folder of pictures"
    )
    output_option(parser, "out/evaluate", "folder for the report")
    add_source_options(parser, truth=True)
    _add_datasets(parser)
    _add_measures(parser)
    _add_costmap(parser)
    add_engine_options(parser)
    _add_live(parser)
    _add_fleet(parser)
    add_judge_options(parser)


def _add_datasets(parser: argparse.ArgumentParser) -> None:
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
    add_dataset_options(group)


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
        default="",
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


def _add_costmap(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("costmap, of bags with camera_info and tf")
    group.add_argument("--no-costmap", action="store_true", help="make none")
    group.add_argument(
        "--depth-topic",
        default="",
        metavar="TOPIC",
        help="project by depth instead of the ground plane: aligned to the images, or registered "
        "by its own camera_info and tf",
    )
    group.add_argument(
        "--depth-camera-info-topic",
        default="",
        metavar="TOPIC",
        help="the depth camera's own calibration (default: beside the depth topic, where it is)",
    )
    group.add_argument(
        "--costmap-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the node's costmap, e.g. projection.max_range_m=20; may be repeated",
    )


def _add_live(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("live")
    group.add_argument(
        "--live",
        action="store_true",
        help="play each bag over DDS into the real node: drops and latencies as they really are",
    )
    group.add_argument(
        "--rate", type=float, metavar="R", help="of playing, times real time (default 1)"
    )
    group.add_argument(
        "--find-max-rate",
        action="store_true",
        help="search the highest rate without drops first, and report that run and the curve",
    )


def _add_fleet(parser: argparse.ArgumentParser) -> None:
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


def run_settings(args: argparse.Namespace) -> RunSettings:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.evaluation.evaluate import RunSettings
    from dcfm_ros.evaluation.measure.tally import Measures

    return RunSettings(
        engine=engine_settings(args),
        key_frames=key_frame_settings(args, live=args.live),
        source=source_options(args),
        measures=Measures(**{name: bool({name, "all"} & set(args.measure)) for name in _MEASURES}),
        reference=args.reference,
        protocol=args.protocol or "",
        absent_as_zero=args.absent_as_zero,
        write_bag=args.bag,
        costmap=_costmap_settings(args),
        depth_topic=args.depth_topic,
        depth_camera_info_topic=args.depth_camera_info_topic,
    )


def _costmap_settings(args: argparse.Namespace) -> CostmapSettings | None:
    import yaml

    from dcfm_ros.costmap import CostmapSettings
    from dcfm_ros.settings import from_flat

    if args.no_costmap:
        return None
    values = {}
    for given in args.costmap_set:
        name, sign, value = given.partition("=")
        if not sign:
            raise SettingsError(f"--costmap-set: found {given!r}, expected NAME=VALUE")
        values[name.strip()] = yaml.safe_load(value)
    return from_flat(CostmapSettings, values)


def live_of(args: argparse.Namespace, settings: RunSettings) -> Live | None:
    """How to play recordings into the live node; None for exact mode.

    Raises:
        SettingsError: options that do not go together.
    """
    from dcfm_ros.evaluation.fleet.request import Live

    if not args.live:
        for name in ("rate", "find_max_rate"):
            if getattr(args, name):
                raise SettingsError(f"--{name.replace('_', '-')} is for --live: add it")
        return None
    if args.rate is not None and not args.rate > 0:
        raise SettingsError(f"--rate: found {args.rate}, expected more than 0")
    refused = {
        "--dataset": args.dataset and "a bag is played, which `dcfm make-bag` makes of it",
        "--protocol": settings.protocol and "it is measured offline",
        "--reference": settings.reference and "it segments every frame again",
        "--measure calibration": settings.measures.calibration and "confidence is not recorded",
        "--depth-topic": settings.depth_topic and "the node is given none",
        "--bag": settings.write_bag and "outputs/ is written anyway",
    }
    for name, reason in refused.items():
        if reason:
            raise SettingsError(f"{name} does not go with --live: {reason}; leave it out")
    return Live(args.rate or 1.0, args.find_max_rate)


def is_fleet(args: argparse.Namespace) -> bool:
    """Whether there is more to do than one recording in this process."""
    from dcfm_ros.processes import started_processes

    if args.jobs is not None and args.jobs < 1:
        raise SettingsError(f"--jobs: found {args.jobs}, expected at least 1")
    if args.dataset:
        if args.jobs or args.resume:
            raise SettingsError("--jobs and --resume are for recordings, not for --dataset")
        return False
    return len(args.recordings) > 1 or bool(args.jobs or args.resume) or started_processes() > 1
