"""`dcfm calibrate`: fit key-frame selection to a network on unlabelled video."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import Any

from dcfm_ros.cli.options import (
    add_machine_options,
    add_source_options,
    check_out_file,
    engine_settings,
    source_options,
)
from dcfm_ros.progress import progress


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "calibrate",
        help="fit key-frame selection to a network on unlabelled video",
        description=(
            "Measure on video how many labels reuse changes, fit the signals that tell it, and "
            "write the checkpoint again with the result. Needs no labels. Take video of the "
            "camera and of the places where the robot will be, a minute or two, moving as it will."
        ),
    )
    parser.add_argument("checkpoint", metavar="CKPT", help="checkpoint to calibrate")
    parser.add_argument(
        "videos", type=Path, nargs="+", metavar="VIDEO", help="videos, folders of pictures or bags"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="OUT", help="calibrated checkpoint"
    )
    parser.add_argument(
        "--ages", type=int, default=12, metavar="N", help="longest reuse in frames (default 12)"
    )
    parser.add_argument(
        "--frames", type=int, metavar="N", help="of each video at most (default: all)"
    )
    parser.add_argument(
        "--discount", action="store_true", help="lower the confidence of reused labels, too"
    )
    add_machine_options(parser)
    add_source_options(parser, truth=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, fit, write.

    Raises:
        DcfmError: a video, the checkpoint or the device cannot be used.
    """
    from dcfm_ros.calibration.fit import fit, summary
    from dcfm_ros.calibration.reuse_table import measure_reuse
    from dcfm_ros.datasets.source import open_source, rgb_frames
    from dcfm_ros.errors import SettingsError
    from dcfm_ros.evaluation.run.exact import check_sources
    from dcfm_ros.network import calibrated
    from dcfm_ros.streaming import Engine

    if args.ages < 1 or (args.frames is not None and args.frames < 1):
        raise SettingsError("--ages and --frames: expected 1 or more")
    check_out_file(args.out)
    check_sources(args.videos, source_options(args))
    engine = Engine.load(engine_settings(args))
    tables = []
    for path in args.videos:
        with open_source(path, source_options(args)) as source:
            frames = progress(
                islice(rgb_frames(source), args.frames), source.name, "frames", source.frame_count
            )
            tables.append(measure_reuse(engine, source.name, frames, ages=args.ages))
            if source.decoder.hint:
                print(f"note: {source.path}: {source.decoder.hint}")
    calibration = fit(tables, discount=args.discount)
    calibrated(Path(args.checkpoint), calibration.to_plain(), args.out)
    print(summary(calibration, tables))
    print(f"{args.out}: calibrated on {', '.join(calibration.fitted_on)}")
    return 0
