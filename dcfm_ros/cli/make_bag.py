"""`dcfm make-bag`: a data set or the synthetic street as a bag with ground truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from dcfm_ros.cli.datasets import DATASETS, add_dataset_options
from dcfm_ros.cli.options import add_settings, given
from dcfm_ros.settings import from_flat
from dcfm_ros.synthetic.settings import StreetSettings

_AFTER = 10
"""What a Cityscapes snippet has after its labelled frame."""
_STREET = ("seed", "width", "height", "rate_hz", "duration_s", "motion", "cars", "people")


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "make-bag",
        help="write a data set or the synthetic street as a bag",
        description="Write a bag with camera images and ground-truth label images.",
    )
    kinds = parser.add_subparsers(dest="dataset", required=True, metavar="DATASET")
    _add_street(kinds)
    for name, about in DATASETS.items():
        _add_dataset(kinds, name, about)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the bag.

    Raises:
        DcfmError: the data is not there, a wrong setting, or the bag exists already.
    """
    count = _dataset(args) if args.dataset in DATASETS else _street(args)
    print(f"{args.out}: {count} frames")
    return 0


def _add_street(kinds: Any) -> None:
    street = kinds.add_parser(
        "street",
        help="the rendered street: images, depth, camera_info, tf, ground truth",
        description="Render a street; the same seed always gives the same bag.",
    )
    add_settings(street, StreetSettings(), _STREET)
    street.add_argument("--image", default="compressed", help="compressed (default) or raw")
    street.add_argument("--depth", default="16UC1", help="16UC1 (default, mm), 32FC1 (m) or none")
    _add_out(street)


def _add_dataset(kinds: Any, name: str, about: str) -> None:
    dataset = kinds.add_parser(
        name,
        help=about,
        description=f"{about}. Pictures are written as they are, label images as class ids with "
        "the names of the classes beside them; clips follow each other after a pause.",
    )
    dataset.add_argument("root", type=Path, metavar="ROOT")
    add_dataset_options(dataset)
    dataset.add_argument(
        "--after",
        type=int,
        default=_AFTER,
        metavar="N",
        help=f"frames after each labelled one (default {_AFTER}), where labels are sparse",
    )
    dataset.add_argument(
        "--rate", type=float, metavar="HZ", help="frames per second; default: the data set's own"
    )
    _add_out(dataset)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="BAG", help="a new folder")


def _street(args: argparse.Namespace) -> int:
    from dcfm_ros.synthetic.bag import write_street_bag

    settings = from_flat(StreetSettings, given(args, _STREET))
    return write_street_bag(
        args.out,
        settings,
        image=args.image,
        depth=args.depth,
        progress=sys.stderr.isatty(),
    )


def _dataset(args: argparse.Namespace) -> int:
    from dcfm_ros.datasets.split import SplitOptions, open_split, write_dataset_bag

    options = SplitOptions(
        args.dataset, args.root, args.split, tuple(args.clip), args.rate, args.before, args.after
    )
    return write_dataset_bag(open_split(options), args.out)
