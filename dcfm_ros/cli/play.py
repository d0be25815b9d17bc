"""`dcfm play`: publish a bag's messages with their timing, for machines without rosbag2."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.errors import SettingsError
from dcfm_ros.progress import seconds_bar

if TYPE_CHECKING:
    from dcfm_ros.ros.player import PlaySettings


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "play",
        help="publish a bag's messages with their timing",
        description="Publish the messages of a ROS 1 or ROS 2 bag over DDS with their timing.",
    )
    parser.add_argument("bag", type=Path, metavar="BAG")
    parser.add_argument("--rate", type=float, default=1.0, help="times real time (default 1)")
    parser.add_argument("--loop", action="store_true", help="start again at the end")
    parser.add_argument(
        "--clock",
        type=float,
        nargs="?",
        const=100.0,
        default=0.0,
        metavar="HZ",
        help="publish /clock, 100 times per second by default, unless the bag holds one",
    )
    parser.add_argument(
        "--start-offset", type=float, default=0.0, metavar="S", help="skip the first S seconds"
    )
    parser.add_argument(
        "--max-pause",
        type=float,
        default=0.0,
        metavar="S",
        help="shorten longer pauses of the recording to S seconds (default: keep them)",
    )
    parser.add_argument(
        "--topics", nargs="+", default=[], metavar="TOPIC", help="play only these (default all)"
    )
    parser.add_argument(
        "--remap",
        nargs="+",
        default=[],
        metavar="FROM:=TO",
        help="publish a topic under another name",
    )
    parser.add_argument(
        "--wait-for",
        nargs="*",
        metavar="TOPIC",
        help="start when these have subscribers; without names: when any image topic has one",
    )
    parser.add_argument(
        "--skip-missing",
        action="store_true",
        help="play what is there where splits of the bag are missing",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the bag.

    Returns:
        0 at the end of the bag and after SIGINT or SIGTERM.

    Raises:
        BagError: no such bag or topic, or one that cannot be read.
        SettingsError: a value on the command line that makes no sense.
    """
    _check(args)
    with _set_by_signals() as stop:
        _play(args, stop)
    return 0


@contextmanager
def _set_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, which is how playing usually ends."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _play(args: argparse.Namespace, stop: threading.Event) -> None:
    from dcfm_ros.bags import open_bag
    from dcfm_ros.ros.environment import use_fast_dds_profile
    from dcfm_ros.ros.executor import running
    from dcfm_ros.ros.player import Player

    settings = _settings(args)
    use_fast_dds_profile()
    with open_bag(args.bag, skip_missing=args.skip_missing) as bag, running():
        total_s = None if args.loop else max(0.0, bag.duration_ns / 1e9 - args.start_offset)
        with seconds_bar(str(args.bag), total_s) as progress:
            player = Player(bag, settings, progress.update, _tell)
            _tell_skipped(player.played.skipped)
            progress.set_description_str(f"{args.bag} waiting for a subscriber")
            player.wait(stop)
            progress.set_description_str(str(args.bag))
            played = player.play(stop)
            player.close()
    messages = ", ".join(f"{name} {count}" for name, count in sorted(played.messages.items()))
    print(f"published {messages or 'nothing'}; at most {played.latest_s * 1e3:.0f} ms late")


def _settings(args: argparse.Namespace) -> PlaySettings:
    from dcfm_ros.ros.player import PlaySettings

    return PlaySettings(
        rate=args.rate,
        loop=args.loop,
        clock_hz=args.clock,
        start_offset_s=args.start_offset,
        most_pause_s=args.max_pause,
        topics=tuple(_full_name(topic) for topic in args.topics),
        remaps=_remaps(args.remap),
        wait_for=None if args.wait_for is None else tuple(_full_name(t) for t in args.wait_for),
    )


def _check(args: argparse.Namespace) -> None:
    if not args.rate > 0:
        raise SettingsError(f"--rate: found {args.rate}, expected more than 0")
    if not args.clock >= 0:
        raise SettingsError(f"--clock: found {args.clock}, expected at least 0")
    if not args.max_pause >= 0:
        raise SettingsError(f"--max-pause: found {args.max_pause}, expected at least 0")
    if not args.start_offset >= 0:
        raise SettingsError(f"--start-offset: found {args.start_offset}, expected at least 0")


def _remaps(rules: list[str]) -> dict[str, str]:
    remaps: dict[str, str] = {}
    for rule in rules:
        source, separator, target = rule.partition(":=")
        if not (source and separator and target):
            raise SettingsError(f"--remap: found {rule!r}, expected FROM:=TO")
        remaps[_full_name(source)] = _full_name(target)
    return remaps


def _full_name(topic: str) -> str:
    return "/" + topic.strip("/")


def _tell(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def _tell_skipped(skipped: dict[str, str]) -> None:
    for topic, kind in sorted(skipped.items()):
        print(f"not played: {topic}, there is no Python package for {kind} here", file=sys.stderr)
