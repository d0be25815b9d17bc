"""`dcfm demo`: a bag played over DDS into the live node, ending in a report with pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dcfm_ros.cli.options import (
    add_engine_options,
    add_settings,
    add_source_options,
    engine_settings,
    given,
    key_frame_settings,
    output_option,
    source_options,
)
from dcfm_ros.settings import replace_flat
from dcfm_ros.synthetic.settings import StreetSettings

_STREET = StreetSettings(duration_s=18.0)


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="play a bag over DDS into the live node and report",
        description=(
            "Play a rendered street, or your bag or video, at its real rate over DDS into the real "
            "node, record what it publishes, and report: report.html, contact_sheet.png, "
            "metrics.json, a bag of the outputs and the node's log."
        ),
    )
    parser.add_argument(
        "bag", nargs="?", type=Path, metavar="BAG", help="or video; default: a rendered street"
    )
    add_settings(parser.add_argument_group("rendered street"), _STREET, ("seed", "duration_s"))
    output_option(parser, "out/demo", "folder for the report")
    add_source_options(parser, truth=True)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo.

    Raises:
        DcfmError: the recording or the checkpoint cannot be used, or the node fails.
    """
    from dcfm_ros.evaluation.evaluate import RunSettings
    from dcfm_ros.evaluation.report.summary import summary
    from dcfm_ros.evaluation.run.output import output_folder
    from dcfm_ros.replay.recording import as_bag, street_bag
    from dcfm_ros.replay.report import check_engine, places, play_and_report

    settings = RunSettings(
        engine_settings(args), key_frame_settings(args, live=True), source_options(args)
    )
    street = replace_flat(_STREET, given(args, ("seed", "duration_s")))
    check_engine(settings.engine)
    with output_folder(args.out) as stage:
        bag = as_bag(args.bag, args.picture_rate, stage) if args.bag else street_bag(street, stage)
        content = play_and_report(bag, settings, 1.0, args.out, stage)
    print(summary(content))
    print(places(args.out))
    return 0
