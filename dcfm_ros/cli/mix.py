"""`dcfm mix`: the mean of two networks' weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dcfm_ros.cli.options import check_out_file
from dcfm_ros.errors import SettingsError


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "mix",
        help="mean of the weights of two checkpoints, one trained further from the other",
        description="Mix the weights of two checkpoints of which one was trained further from the "
        "other, or both from a third. A network trained further on your own frames, mixed with "
        "the one it started from, often keeps what that knew of other places.",
    )
    parser.add_argument("first", type=Path, metavar="CKPT", help="gives the name and the notes")
    parser.add_argument("second", type=Path, metavar="OTHER")
    parser.add_argument(
        "--share", type=float, default=0.5, metavar="S", help="of OTHER, 0 to 1 (default 0.5)"
    )
    parser.add_argument("--half", action="store_true", help="store float16: half the size")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Mix.

    Raises:
        DcfmError: a share outside of 0 to 1, or checkpoints that cannot be mixed.
    """
    from dcfm_ros.network.mix import mix

    if not 0.0 <= args.share <= 1.0:
        raise SettingsError(f"--share: found {args.share}, expected 0 to 1")
    check_out_file(args.out)
    mix(args.first, args.second, args.share, args.out, half=args.half)
    kept = 1.0 - args.share
    print(f"{args.out}: {kept:.3g} of {args.first}, {args.share:.3g} of {args.second}")
    print(f"key-frame selection is to be calibrated anew: dcfm calibrate {args.out} VIDEO…")
    return 0
