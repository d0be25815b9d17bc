"""`dcfm import`: the authors' published checkpoint pair as one file of this package."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dcfm_ros.cli.options import check_out_file


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "import",
        help="turn a published checkpoint pair into one file",
        description=(
            "Turn the pair of files that the authors of DCFM publish into one safetensors file "
            "with class names, colours, normalisation and input size."
        ),
    )
    parser.add_argument("encoder", type=Path, metavar="ENCODER", help="encoder_epoch_N.pth")
    parser.add_argument("decoder", type=Path, metavar="DECODER", help="decoder_epoch_N.pth")
    parser.add_argument(
        "--config",
        required=True,
        metavar="NAME",
        help="the configuration it was trained with, e.g. cityscapes_resnet50",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="CKPT")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Import.

    Raises:
        CheckpointError: a file is missing, damaged, unsafe, or of another configuration.
    """
    from dcfm_ros.network.published import import_published

    check_out_file(args.out)
    info = import_published(args.encoder, args.decoder, args.config, args.out)
    height, width = info.training_size
    print(f"{args.out}: {info.name}, {len(info.labels.classes)} classes, {width}x{height}")
    return 0
