"""Command-line options that several verbs share. Defaults live in the settings, not here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcfm_ros.evaluation.sources import SourceOptions
    from dcfm_ros.streaming import EngineSettings, KeyFrameSettings

_ENGINE = ("checkpoint", "device", "precision", "threads")
_KEY_FRAMES = ("policy", "interval")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """What the network runs on, and when the common feature is computed afresh."""
    group = parser.add_argument_group("network")
    group.add_argument("--checkpoint", metavar="CKPT", help="default: the shipped street model")
    group.add_argument("--device", help="auto (default), cpu, cuda, cuda:1, …")
    group.add_argument("--precision", help="auto (default), float32, float16, bfloat16")
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: all cores")
    group.add_argument("--policy", help="key frames: fixed (default) or always")
    group.add_argument(
        "--interval", type=int, metavar="N", help="frames from key frame to key frame (default 5)"
    )


def engine_settings(args: argparse.Namespace) -> EngineSettings:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.settings import from_flat
    from dcfm_ros.streaming import EngineSettings

    return from_flat(EngineSettings, given(args, _ENGINE))


def key_frame_settings(args: argparse.Namespace) -> KeyFrameSettings:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.settings import from_flat
    from dcfm_ros.streaming import KeyFrameSettings

    return from_flat(KeyFrameSettings, given(args, _KEY_FRAMES))


def add_source_options(parser: argparse.ArgumentParser, *, truth: bool) -> None:
    """Which topics of a bag to read, and the rate of pictures."""
    group = parser.add_argument_group("recording")
    group.add_argument(
        "--image-topic", metavar="TOPIC", help="default: the only camera topic of the bag"
    )
    if truth:
        group.add_argument(
            "--gt-topic", metavar="TOPIC", help="label images; default: the one below /gt/, if any"
        )
        group.add_argument(
            "--gt-tolerance-ms",
            type=float,
            default=10.0,
            metavar="MS",
            help="how far a label image's stamp may be off its image's; the nearest counts "
            "(default 10)",
        )
    group.add_argument(
        "--rate",
        type=float,
        metavar="HZ",
        help="of a folder of pictures (default 10), or of a video (default: its own)",
    )


def source_options(args: argparse.Namespace) -> SourceOptions:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.evaluation.sources import SourceOptions

    defaults = SourceOptions()
    return SourceOptions(
        image_topic=args.image_topic,
        label_topic=getattr(args, "gt_topic", None),
        tolerance_ms=getattr(args, "gt_tolerance_ms", defaults.tolerance_ms),
        rate_hz=args.rate,
    )


def output_option(parser: argparse.ArgumentParser, default: str, what: str) -> None:
    """Where results go."""
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path(default),
        metavar="OUT",
        help=f"{what} (default {default})",
    )


def given(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The options of these names that the user gave."""
    return {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}
