"""`dcfm evaluate --live`: the bag over DDS into the real node, at one rate or at the highest."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.errors import SettingsError

_TRIAL_S = 30.0
"""Of bag time: how much of a recording each rate is tried on."""

_TRIAL_WALL_S = 60.0
"""The same in real time; low rates are tried on less of it."""

if TYPE_CHECKING:
    from dcfm_ros.evaluation.evaluate import RunSettings
    from dcfm_ros.replay.live import LiveSettings
    from dcfm_ros.replay.max_rate import MaxRate


def add_live_options(parser: argparse.ArgumentParser) -> None:
    """How to play a bag to the live node."""
    group = parser.add_argument_group("live")
    group.add_argument(
        "--live",
        action="store_true",
        help="play each bag over DDS into the real node: drops and latencies as they really are",
    )
    group.add_argument(
        "--rate", type=float, metavar="R", help="of playing, times real time (default 1)"
    )
    group.add_argument(
        "--find-max-rate",
        action="store_true",
        help="search the highest rate without drops first, and report that run and the curve",
    )


def check_live(args: argparse.Namespace, settings: RunSettings) -> None:
    """Raises SettingsError where options do not go together."""
    if not args.live:
        for name in ("rate", "find_max_rate"):
            if getattr(args, name):
                raise SettingsError(f"--{name.replace('_', '-')} is for --live: add it")
        return
    if args.rate is not None and not args.rate > 0:
        raise SettingsError(f"--rate: found {args.rate}, expected more than 0")
    refused = {
        "--reference": settings.reference and "it segments every frame again",
        "--measure calibration": settings.measures.calibration and "confidence is not recorded",
        "--depth-topic": settings.depth_topic and "the node is given none",
        "--bag": settings.write_bag and "outputs/ is written anyway",
    }
    for name, reason in refused.items():
        if reason:
            raise SettingsError(f"{name} does not go with --live: {reason}; leave it out")


def evaluate_live(args: argparse.Namespace, settings: RunSettings) -> dict[str, Any]:
    """Play one recording, and write the report.

    Returns:
        The content of metrics.json.

    Raises:
        DcfmError: the recording or the checkpoint cannot be used, or the node fails.
    """
    import_module("dcfm_ros.ros.recorder")  # says what is missing before anything is done
    from dcfm_ros.cli.options import key_frame_settings
    from dcfm_ros.evaluation.run.output import output_folder
    from dcfm_ros.replay.live import LiveSettings
    from dcfm_ros.replay.report import as_bag, check_engine, play_and_report

    (recording,) = args.recordings
    live = LiveSettings(
        settings.engine,
        key_frame_settings(args, live=True),
        args.rate or 1.0,
        settings.source.skip_missing,
        settings.costmap,
    )
    check_engine(live)
    setup = {"measures": settings.measures, "absent_as_zero": settings.absent_as_zero}
    with output_folder(args.out) as stage:
        bag = as_bag(recording, settings.source.rate_hz, stage)
        extra: dict[str, Any] = {}
        if args.find_max_rate:
            live, extra = _at_its_highest(bag, live, settings, args.out)
        return play_and_report(
            bag,
            settings.source,
            live,
            args.out,
            stage,
            outputs=live.outputs,
            setup=setup,
            extra=extra,
        )


def _at_its_highest(
    bag: Path, live: LiveSettings, settings: RunSettings, out: Path
) -> tuple[LiveSettings, dict[str, Any]]:
    """The settings with the highest rate without drops, and the search for metrics.json."""
    from dataclasses import replace

    from dcfm_ros.datasets.source import open_source
    from dcfm_ros.evaluation.report.max_rate import curve_text, sentence
    from dcfm_ros.replay.max_rate import plain
    from dcfm_ros.replay.report import camera_hz, say

    with open_source(bag, settings.source) as source:
        topic, hz = source.image_topic, camera_hz(source)
    found = plain(_search(bag, topic, live, hz, out), hz)
    say(curve_text(found))
    say(sentence(found))
    lowest = found["curve"][0]["rate"]
    return replace(live, rate=found["rate"] or lowest), {"max_rate": found}


def _search(bag: Path, topic: str, live: LiveSettings, hz: float | None, out: Path) -> MaxRate:
    import math

    import numpy as np

    from dcfm_ros.bags import open_bag
    from dcfm_ros.cli.progress import seconds_bar
    from dcfm_ros.replay.live import live_node
    from dcfm_ros.replay.max_rate import StatusLatencies, Trial, find_max_rate, kept_pace
    from dcfm_ros.replay.report import LOG, say

    with open_bag(bag, skip_missing=live.skip_missing) as reader:
        duration_s = min(reader.duration_ns / 1e9, _TRIAL_S)
    latencies = StatusLatencies()
    with live_node(bag, topic, live, latencies, live.outputs, out / LOG) as node:

        def play(rate: float) -> Trial:
            tried_s = min(duration_s, _TRIAL_WALL_S * rate)
            say(f"playing {tried_s / rate:.1f} s at {rate:.2f} times real time")
            with seconds_bar(f"rate {rate:.2f}", tried_s) as bar:
                delivery = node.play(rate, bar.update, tried_s)
            total_ms = latencies.take()
            known = total_ms.size > 0
            return Trial(
                rate=rate,
                camera_hz=math.nan if hz is None else hz * rate,
                sent=delivery.sent,
                segmented=delivery.segmented,
                dropped=delivery.dropped,
                lost=delivery.lost,
                latest_ms=delivery.latest_ms,
                p50_ms=float(np.percentile(total_ms, 50)) if known else math.nan,
                p99_ms=float(np.percentile(total_ms, 99)) if known else math.nan,
                kept_pace=kept_pace(delivery.latest_ms, tried_s, rate, delivery.sent),
            )

        return find_max_rate(play, live.rate)
