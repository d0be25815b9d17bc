"""`dcfm make-clips`: many short labelled clips of the synthetic street, to train on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_OPTIONS = ("clips", "frames_per_clip", "rate_hz", "width", "height", "seed")


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "make-clips",
        help="write short clips of the synthetic street to train on",
        description=(
            "Render many streets, each as a short clip: CLIP/rgb and CLIP/labels, which "
            "`data.clips` of `dcfm train` takes. Clips that are there already are kept; the same "
            "options always give the same files."
        ),
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the clips")
    parser.add_argument("--clips", type=int, required=True, metavar="N", help="number of clips")
    parser.add_argument(
        "--frames", dest="frames_per_clip", type=int, metavar="N", help="per clip (default 6)"
    )
    parser.add_argument(
        "--rate", "--rate-hz", dest="rate_hz", type=float, metavar="HZ", help="default 10"
    )
    parser.add_argument("--width", type=int, metavar="PX", help="default 480")
    parser.add_argument("--height", type=int, metavar="PX", help="default 360")
    parser.add_argument("--seed", type=int, help="draws the streets (default 0)")
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes (default: one per core)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the clips that are missing.

    Raises:
        DcfmError: a wrong setting, or the folder holds clips of other settings.
    """
    from dcfm_ros.cli.options import given
    from dcfm_ros.datasets.street_clips import StreetClips, write_street_clips

    settings = StreetClips(**given(args, _OPTIONS))
    written = write_street_clips(args.out, settings, workers=args.workers)
    print(f"{written} clips written, {settings.clips} in {args.out}")
    return 0
