"""Data sets by name, for the verbs that read them as a camera's video."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcfm_ros.datasets.source import Source

BEFORE = 19
"""Frames before a labelled one that are run by default: what a Cityscapes snippet has."""

DATASETS = {
    "camvid": "CamVid: ROOT/SPLIT and ROOT/SPLITannot, or as published",
    "cityscapes": "Cityscapes: gtFine and leftImg8bit_sequence",
    "vspw": "VSPW: data/VIDEO/origin and mask, SPLIT.txt",
    "clips": "ROOT/CLIP/rgb and ROOT/CLIP/labels with class ids",
}


def add_dataset_options(parser: argparse._ActionsContainer) -> None:
    """Which part of a data set to read."""
    parser.add_argument("--split", default="val", help="train, val (default) or test")
    parser.add_argument(
        "--clip", nargs="+", default=[], metavar="NAME", help="videos of it to read (default: all)"
    )
    parser.add_argument(
        "--before",
        type=int,
        default=BEFORE,
        metavar="N",
        help=f"frames before each labelled one (default {BEFORE}), where labels are sparse",
    )


def recordings(args: argparse.Namespace) -> list[Path | Source]:
    """What a verb is to evaluate: recordings, or the data set whose root was given in their place.

    Raises:
        DcfmError: the data set is not there, or does not suit the protocol.
    """
    from dcfm_ros.datasets.split import SplitOptions, open_split
    from dcfm_ros.errors import SettingsError
    from dcfm_ros.evaluation.run.protocols import PROTOCOLS

    protocol = PROTOCOLS[args.protocol] if args.protocol else None
    if protocol and args.dataset and args.dataset != protocol.dataset:
        raise SettingsError(
            f"protocol {protocol.name} evaluates {protocol.dataset}, not {args.dataset}"
        )
    if not args.dataset:
        return list(args.recordings)
    if len(args.recordings) != 1:
        raise SettingsError(
            f"--dataset {args.dataset}: found {len(args.recordings)} paths, expected its root alone"
        )
    windows = protocol is not None and protocol.windows
    options = SplitOptions(
        dataset=args.dataset,
        root=args.recordings[0],
        split=args.split,
        clips=tuple(args.clip),
        rate_hz=args.picture_rate,
        before=1 if windows else args.before,
        after=1 if windows else 0,
    )
    return [open_split(options).source()]
