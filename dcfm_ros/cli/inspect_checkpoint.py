"""`dcfm inspect`: what a checkpoint is, and what its frames cost."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcfm_ros.evaluation.measure.cost import FrameCost
    from dcfm_ros.network import CheckpointInfo


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "inspect",
        help="classes, architecture, parameters and cost of a checkpoint",
        description="Show what a checkpoint says of itself, and what its frames cost.",
    )
    parser.add_argument(
        "checkpoint", nargs="?", type=Path, metavar="CKPT", help="default: the shipped street model"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the checkpoint.

    Raises:
        CheckpointError: it is missing or damaged, or its tensors do not fit what it says.
    """
    from dcfm_ros.evaluation.measure.cost import frame_cost
    from dcfm_ros.network import load, read_info
    from dcfm_ros.resources import resource
    from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT

    path = args.checkpoint or resource(SHIPPED_CHECKPOINT)
    info = read_info(path)
    load(path)  # whether the tensors fit
    cost = frame_cost(info.network, info.training_size)
    if args.json:
        print(json.dumps(_plain(info, cost, path), indent=2))
    else:
        print(_text(info, cost, path))
    return 0


def _text(info: CheckpointInfo, cost: FrameCost, path: Path) -> str:
    height, width = info.training_size
    network = info.network
    blocks = "-".join(map(str, network.stage_depths))
    saving = cost.key / cost.non_key
    lines = [
        f"{path} ({path.stat().st_size / 1e6:.1f} MB)",
        _line("name", info.name),
        _line("backbone", f"{network.backbone}, blocks {blocks}, context {network.context}"),
        _line(
            "features",
            f"{network.common_channels} common channels, {network.independent_channels} of "
            "the independent feature",
        ),
        _line("parameters", f"{cost.parameters / 1e6:.2f} M"),
        _line("input", f"{width}x{height} px, RGB, mean {info.mean}, std {info.std}"),
        _line("key frame", _giga(cost.key, cost.key_attention)),
        _line("non-key", f"{_giga(cost.non_key, cost.non_key_attention)}: {saving:.1f} times less"),
        _line("calibrated", _calibration(info)),
        _line("classes", f"{len(info.labels.classes)} ({info.labels.name})"),
        *(
            f"  {index:3d} {name:<20} rgb{color}"
            for index, (name, color) in enumerate(
                zip(info.labels.classes, info.labels.colors, strict=True)
            )
        ),
    ]
    if info.notes:
        lines += ["notes", *(f"  {line}" for line in _notes(info.notes))]
    return "\n".join(lines)


def _line(name: str, value: str) -> str:
    return f"{name:<12}{value}"


def _calibration(info: CheckpointInfo) -> str:
    from dcfm_ros.streaming.label_change import Calibration

    videos = Calibration.from_plain(info.calibration).fitted_on
    return f"on {', '.join(videos)}" if videos else "no: key frames at fixed intervals by default"


def _giga(layers: int, products: int) -> str:
    attention = f" and {products / 1e9:.1f} G in attention" if products > 0.05 * layers else ""
    return f"{layers / 1e9:.2f} G multiply-adds{attention}"


def _notes(notes: dict[str, Any]) -> list[str]:
    import yaml

    text: str = yaml.safe_dump(notes, sort_keys=False, default_flow_style=None, width=96)
    return text.splitlines()


def _plain(info: CheckpointInfo, cost: FrameCost, path: Path) -> dict[str, Any]:
    return {"path": str(path), **asdict(info), "cost": asdict(cost)}
