"""`dcfm train`: symmetric training from a YAML file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a network as a YAML file says",
        description=(
            "Train a network with the symmetric loss. Started again with the same folder, a run "
            "goes on where it was."
        ),
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="YAML file with the settings")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="RUN", help="folder of the run"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, …")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train to the end.

    Raises:
        DcfmError: a wrong setting, missing data, or no such device.
    """
    from dcfm_ros.streaming.device import resolve_device
    from dcfm_ros.training.settings import read_train_settings
    from dcfm_ros.training.trainer import Trainer

    settings = read_train_settings(args.config)
    device = str(resolve_device(args.device))
    Trainer(settings, args.out, device).run()
    print(f"checkpoints: {args.out / 'best.safetensors'}, {args.out / 'last.safetensors'}")
    return 0
