"""`dcfm bench`: what frames take on this machine, networks and key and other frames in turns."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.cli.options import add_machine_options, engine_settings
from dcfm_ros.errors import SettingsError

if TYPE_CHECKING:
    from dcfm_ros.evaluation.measure.frame_time import Contender, FrameTime


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "bench",
        help="time of key and other frames, side by side",
        description="Time frames from image to labels. All take turns, so that ratios hold on a "
        "busy machine too.",
    )
    parser.add_argument(
        "checkpoints",
        nargs="*",
        type=Path,
        metavar="CKPT",
        help="default: the shipped street model",
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="FILE.py:NAME",
        help="another network to compare with: NAME(classes) gives a torch module from normalised "
        "(1, 3, H, W) to logits; runs that file",
    )
    parser.add_argument(
        "--size",
        default="480x360",
        metavar="WxH",
        help="of the camera's image in px (default 480x360)",
    )
    parser.add_argument(
        "--interval", type=int, default=5, metavar="N", help="one key frame in N (default 5)"
    )
    parser.add_argument("--rounds", type=int, default=50, metavar="N", help="default 50")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    add_machine_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print.

    Raises:
        DcfmError: an option, checkpoint or device that cannot be used.
    """
    import numpy as np

    from dcfm_ros.evaluation.measure.frame_time import amortised, foreign, key_and_other, measure
    from dcfm_ros.network import read_info
    from dcfm_ros.resources import resource
    from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT

    width, height = _size(args.size)
    for name in ("interval", "rounds"):
        if getattr(args, name) < 1:
            raise SettingsError(f"--{name}: found {getattr(args, name)}, expected at least 1")
    settings = engine_settings(args)
    paths = args.checkpoints or [resource(SHIPPED_CHECKPOINT)]
    contenders: list[Contender] = []
    for path in paths:
        contenders += key_and_other(replace(settings, checkpoint=str(path)), path.stem)
    classes = len(read_info(paths[0]).labels.classes)
    contenders += [foreign(spec, classes, settings) for spec in args.peer]
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    found = measure(contenders, image, args.rounds)
    for index, path in enumerate(paths):
        pair = found[2 * index], found[2 * index + 1]
        found.append(amortised(*pair, f"{path.stem} 1:{args.interval}", args.interval))
    print(_table(found))
    if args.json:
        content = {
            "machine": platform.processor() or platform.machine(),
            "image_size": {"width": width, "height": height},
            "interval": args.interval,
            "rounds": args.rounds,
            "frames": [asdict(time) for time in found],
        }
        args.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) for part in parts):
        raise SettingsError(f"--size: found {text!r}, expected WIDTHxHEIGHT in px, as 480x360")
    return int(parts[0]), int(parts[1])


def _table(found: list[FrameTime]) -> str:
    widest = max(len(time.name) for time in found)
    rows = [f"{'':<{widest}}  median ms    p95 ms   ratio"]
    rows += [
        f"{time.name:<{widest}}  {time.median_ms:9.1f} {time.p95_ms:9.1f} {time.ratio:7.2f}"
        for time in found
    ]
    return "\n".join(rows)
