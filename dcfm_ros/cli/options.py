"""Command-line options that several verbs share. Defaults live in the settings, not here."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcfm_ros.datasets.source import SourceOptions
    from dcfm_ros.streaming import EngineSettings, KeyFrameSettings

_ENGINE = ("checkpoint", "device", "precision", "threads", "network_height", "network_width")
_KEY_FRAMES = (
    "policy",
    "interval",
    "max_label_change",
    "target_key_share",
    "input_threshold",
    "min_interval",
    "max_age_s",
    "max_key_rate_hz",
    "mode",
    "background_frames",
)


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """What the network runs on, and when the common feature is computed afresh."""
    group = parser.add_argument_group("network")
    group.add_argument("--checkpoint", metavar="CKPT", help="default: the shipped street model")
    add_machine_options(group)
    add_key_frame_options(parser)


def add_machine_options(group: argparse._ActionsContainer) -> None:
    """What the network runs on."""
    group.add_argument("--device", help="auto (default), cpu, cuda, cuda:1, …")
    group.add_argument("--precision", help="auto (default), float32, float16, bfloat16")
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: all cores")
    group.add_argument(
        "--network-height",
        type=int,
        metavar="PX",
        help="height that the network sees: less is faster; default: the checkpoint's",
    )
    group.add_argument(
        "--network-width", type=int, metavar="PX", help="and width; default: by the image's aspect"
    )


def add_key_frame_options(parser: argparse.ArgumentParser) -> None:
    """When the common feature is computed afresh."""
    group = parser.add_argument_group("key frames")
    group.add_argument(
        "--policy",
        help="auto (default: adaptive where the checkpoint is calibrated, else fixed), always, "
        "fixed, adaptive, input_difference; on recordings also oracle: the best in retrospect",
    )
    group.add_argument(
        "--interval", type=int, metavar="N", help="fixed: frames from key to key frame (default 5)"
    )
    group.add_argument(
        "--max-label-change",
        type=float,
        metavar="SHARE",
        help="adaptive: mean share of labels that may differ from what key frames would give "
        "(default 0.03)",
    )
    group.add_argument(
        "--target-key-share",
        type=float,
        metavar="SHARE",
        help="adaptive: mean share of key frames to hold instead",
    )
    group.add_argument(
        "--input-threshold",
        type=float,
        metavar="X",
        help="input_difference: difference of the normalised image (default 0.3)",
    )
    group.add_argument(
        "--min-interval", type=int, metavar="N", help="frames between key frames at least"
    )
    group.add_argument(
        "--max-age-s", type=float, metavar="S", help="longest reuse (default 3; 0: no limit)"
    )
    group.add_argument(
        "--max-key-rate-hz", type=float, metavar="HZ", help="most key frames a second of stamps"
    )
    group.add_argument(
        "--key-frame-mode",
        dest="mode",
        help="blocking (default) or background: labels do not wait for deep features",
    )
    group.add_argument(
        "--background-frames",
        type=int,
        metavar="N",
        help="background: use new deep features N frames later (default 1; live: when ready)",
    )


def engine_settings(args: argparse.Namespace) -> EngineSettings:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.settings import from_flat
    from dcfm_ros.streaming import EngineSettings

    return from_flat(EngineSettings, given(args, _ENGINE))


def key_frame_settings(args: argparse.Namespace, *, live: bool = False) -> KeyFrameSettings:
    """When the common feature is computed afresh.

    For recordings a key frame in the background takes one frame where nothing else is said: their
    labels must not depend on time.

    Raises:
        SettingsError: an invalid value.
    """
    from dcfm_ros.errors import SettingsError
    from dcfm_ros.settings import from_flat
    from dcfm_ros.streaming import KeyFrameSettings
    from dcfm_ros.streaming.selector import NO_ORACLE
    from dcfm_ros.streaming.settings import ORACLE

    settings = from_flat(KeyFrameSettings, given(args, _KEY_FRAMES))
    if live and settings.policy == ORACLE:
        raise SettingsError(NO_ORACLE)
    if settings.mode == "background" and not settings.background_frames and not live:
        return replace(settings, background_frames=1)
    return settings


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
            "--gt-folder",
            type=Path,
            metavar="DIR",
            help="PNG label images named by stamp, or as the pictures of a folder are; those of a "
            "recording NAME may lie in DIR/NAME",
        )
    group.add_argument(
        "--skip-missing",
        action="store_true",
        help="read what is there where splits of a bag are missing",
    )
    group.add_argument(
        "--picture-rate",
        type=float,
        metavar="HZ",
        help="of a folder of pictures (default 10), or of a video (default: its own)",
    )


def source_options(args: argparse.Namespace) -> SourceOptions:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.datasets.source import SourceOptions

    defaults = SourceOptions()
    return SourceOptions(
        image_topic=args.image_topic,
        label_topic=getattr(args, "gt_topic", None),
        tolerance_ms=getattr(args, "gt_tolerance_ms", defaults.tolerance_ms),
        rate_hz=args.picture_rate,
        label_folder=getattr(args, "gt_folder", None),
        skip_missing=args.skip_missing,
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
