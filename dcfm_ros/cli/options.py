"""Command-line options that several verbs share. Defaults live in the settings, not here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dcfm_ros.errors import SettingsError
from dcfm_ros.settings import flatten, from_flat
from dcfm_ros.streaming.settings import ORACLE, EngineSettings, KeyFrameSettings

if TYPE_CHECKING:
    from dcfm_ros.datasets.source import SourceOptions

S = TypeVar("S")

_METAVARS = {int: "N", float: "X"}
_FLAGS = {"mode": "--key-frame-mode", "duration_s": "--duration", "rate_hz": "--rate"}
"""Where the name of a setting says less, or more, than is wanted on a command line."""


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """What the network runs on, and when the common feature is computed afresh."""
    add_settings(parser.add_argument_group("network"), EngineSettings())
    key_frames = parser.add_argument_group(
        "key frames", "in the background they take one frame on recordings, unless said otherwise"
    )
    add_settings(key_frames, KeyFrameSettings())


def add_machine_options(group: argparse._ActionsContainer) -> None:
    """What any network runs on."""
    settings = EngineSettings()
    add_settings(group, settings, [name for name in flatten(settings) if name != "checkpoint"])


def add_settings(
    group: argparse._ActionsContainer, settings: Any, names: Sequence[str] = ()
) -> None:
    """An option for each setting; whether a value is valid is for the settings to say.

    Args:
        settings: their values are told as defaults.
        names: of those that are options; empty: all.
    """
    for name, option in flatten(settings).items():
        if names and name not in names:
            continue
        default = f"{option.value:g}" if option.type is float else option.value
        choices = option.choices or ()
        explained = all(choice in option.doc for choice in choices)
        said = [] if explained else [", ".join(choices)]
        said += [f"default {default}"] if default != "" else []
        told = f" ({'; '.join(said)})" if said else ""
        group.add_argument(
            _FLAGS.get(name, f"--{name.replace('_', '-')}"),
            dest=name,
            type=option.type,
            metavar=_METAVARS.get(option.type),
            help=f"{option.doc.rstrip('.')}{told}".replace("%", "%%"),
        )


def engine_settings(args: argparse.Namespace) -> EngineSettings:
    """Raises SettingsError on an invalid value."""
    return _given(args, EngineSettings)


def key_frame_settings(args: argparse.Namespace, *, live: bool = False) -> KeyFrameSettings:
    """When the common feature is computed afresh.

    For recordings a key frame in the background takes one frame where nothing else is said: their
    labels must not depend on time.

    Raises:
        SettingsError: an invalid value.
    """
    settings = _given(args, KeyFrameSettings)
    if live and settings.policy == ORACLE:
        from dcfm_ros.streaming.selector import NO_ORACLE

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
            "--gt-topic",
            dest="label_topic",
            metavar="TOPIC",
            help="label images; default: the one below /gt/, if any",
        )
        group.add_argument(
            "--gt-tolerance-ms",
            type=float,
            dest="tolerance_ms",
            metavar="MS",
            help="how far a label image's stamp may be off its image's; the nearest counts "
            "(default 10)",
        )
        group.add_argument(
            "--gt-folder",
            type=Path,
            dest="label_folder",
            metavar="DIR",
            help="PNG label images named by stamp or number, or as the pictures of a folder are; "
            "those of a recording NAME may lie in DIR/NAME",
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
        help="of a folder of pictures (default 10), or of a video (default: the times in it)",
    )
    group.add_argument(
        "--image-bits",
        type=int,
        metavar="N",
        help="significant bits of 16-bit images, such as 12 where a camera leaves the top bits at "
        "zero (default 16)",
    )


def source_options(args: argparse.Namespace) -> SourceOptions:
    """Raises SettingsError on an invalid value."""
    from dcfm_ros.datasets.source import SourceOptions

    names = (
        "image_topic",
        "label_topic",
        "tolerance_ms",
        "label_folder",
        "skip_missing",
        "image_bits",
    )
    return SourceOptions(rate_hz=args.picture_rate, **given(args, names))


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


def check_out_file(path: Path) -> None:
    """Make the folder of a file to be written.

    Raises:
        SettingsError: the path is a folder, or its folder cannot be made.
    """
    if path.is_dir():
        raise SettingsError(f"{path} is a folder, expected the path of a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"cannot write to {path}: {error.strerror}") from None


def _given(args: argparse.Namespace, settings: type[S]) -> S:
    return from_flat(settings, given(args, tuple(flatten(settings()))))


def given(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The options of these names that the user gave."""
    return {name: getattr(args, name) for name in names if getattr(args, name, None) is not None}
