"""`dcfm train`: symmetric training, on one device or, under torchrun, on many."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a network on labelled videos, pictures or bags",
        description=(
            "Train as a YAML file says: one of your own, or one of config/train by name. Started "
            "again with the same folder, an interrupted run goes on. On several devices or "
            "machines, which share the batch: torchrun --nproc-per-node N -m dcfm_ros.cli train "
            "CONFIG …"
        ),
    )
    parser.add_argument("config", metavar="CONFIG", help="YAML file, or name of one: street, …")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="RUN", help="folder of the run (default out/train/CONFIG)"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        dest="changes",
        metavar="NAME=VALUE",
        help="change settings, e.g. --set data.camvid=CamVid optimizer.batch=4",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, …")
    parser.add_argument(
        "--settings", action="store_true", help="only list all settings with their values and sense"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, or list the settings.

    Raises:
        DcfmError: settings, data or device that cannot be used, or memory runs out.
    """
    from dcfm_ros.training.settings_file import find_config, read_settings

    path = find_config(args.config)
    settings = read_settings(path, args.changes)
    if args.settings:
        print(_listing(settings))
        return 0

    from dcfm_ros.processes import joined_processes
    from dcfm_ros.training.trainer import Trainer

    folder = args.out or Path("out/train") / path.stem
    with joined_processes(args.device) as processes:
        Trainer(settings, folder, processes).run()
        if processes.is_first:
            weights = folder / "last.safetensors"
            print(f"weights: {weights}{_without_costs(weights)}")
    return 0


def _without_costs(weights: Path) -> str:
    """A line where the network's classes mean nothing to the costmap yet."""
    from dcfm_ros.costmap import CostmapSettings
    from dcfm_ros.costmap.shipped import classes_of
    from dcfm_ros.errors import DcfmError
    from dcfm_ros.network import read_info

    if not weights.is_file():
        return ""
    labels = read_info(weights).labels
    try:
        classes_of(CostmapSettings(), labels.name, labels.classes)
    except DcfmError as error:
        return f"\nnote: no costmap from these weights as they are: {error}"
    return ""


def _listing(settings: Any) -> str:
    from dcfm_ros.settings import flatten

    lines = []
    for option in flatten(settings).values():
        choices = f" ({', '.join(option.choices)})" if option.choices else ""
        lines.append(f"{option.name}: {option.value!r}\n    {option.doc}{choices}")
    return "\n".join(lines)
