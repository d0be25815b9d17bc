"""The verbs for checkpoint files: `dcfm mix`, `dcfm import` and `dcfm inspect`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.cli.options import check_out_file
from dcfm_ros.errors import SettingsError

if TYPE_CHECKING:
    from dcfm_ros.evaluation.measure.cost import FrameCost
    from dcfm_ros.network import CheckpointInfo


def add_parser(subparsers: Any) -> None:
    """Add the verbs to the command line."""
    _add_mix(subparsers)
    _add_import(subparsers)
    _add_inspect(subparsers)


def _add_mix(subparsers: Any) -> None:
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
    parser.set_defaults(run=_mix)


def _mix(args: argparse.Namespace) -> int:
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


def _add_import(subparsers: Any) -> None:
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
    parser.set_defaults(run=_import)


def _import(args: argparse.Namespace) -> int:
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


def _add_inspect(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "inspect",
        help="classes, architecture, parameters and cost of a checkpoint",
        description="Show what a checkpoint says of itself, and what its frames cost.",
    )
    parser.add_argument(
        "checkpoint", nargs="?", type=Path, metavar="CKPT", help="default: the shipped street model"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_inspect)


def _inspect(args: argparse.Namespace) -> int:
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
