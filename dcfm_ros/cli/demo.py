"""`dcfm demo`: a bag played over DDS into the live node, ending in a report with pictures."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.cli.options import (
    add_engine_options,
    add_source_options,
    engine_settings,
    key_frame_settings,
    output_option,
    source_options,
)
from dcfm_ros.cli.progress import progress, seconds_bar

if TYPE_CHECKING:
    from dcfm_ros.cli.live import LiveSettings
    from dcfm_ros.evaluation.results import Delivery
    from dcfm_ros.evaluation.sources import Source

_RATE_HZ = 10.0
_STREET = "street"
_OUTPUTS = "outputs"
_LOG = "node.log"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="play a bag over DDS into the live node and report",
        description=(
            "Play a rendered street, or your bag or video, at its real rate over DDS into the real "
            "node, record what it publishes, and report: report.html, contact_sheet.png, "
            "metrics.json, a bag of the outputs and the node's log."
        ),
    )
    parser.add_argument(
        "bag", nargs="?", type=Path, metavar="BAG", help="or video; default: a rendered street"
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=18.0,
        metavar="S",
        help="of the rendered street (default 18)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the rendered street (default 1)")
    output_option(parser, "out/demo", "folder for the report")
    add_source_options(parser, truth=True)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo.

    Raises:
        DcfmError: the recording or the checkpoint cannot be used, or the node fails.
    """
    from dcfm_ros.cli.live import LiveSettings
    from dcfm_ros.evaluation.output import output_folder
    from dcfm_ros.evaluation.sources import open_source
    from dcfm_ros.evaluation.summary import summary

    import_module("dcfm_ros.ros.recorder")  # says what is missing before anything is rendered
    settings = LiveSettings(engine_settings(args), key_frame_settings(args, live=True))
    options = source_options(args)
    _check_engine(settings)
    with (
        output_folder(args.out) as stage,
        open_source(recording_to_play(args.bag, args, stage), options) as source,
    ):
        delivery = _play(source, settings, args.out, stage)
        content = _report(source, delivery, settings, args.out, stage)
    print(summary(content))
    print(_places(args.out))
    return 0


def _check_engine(settings: LiveSettings) -> None:
    """Tell of a wrong checkpoint or device now, not in the node's log later."""
    from dcfm_ros.network import read_info
    from dcfm_ros.resources import resource
    from dcfm_ros.streaming.device import resolve_device
    from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT

    read_info(settings.engine.checkpoint or resource(SHIPPED_CHECKPOINT))
    resolve_device(settings.engine.device)


def recording_to_play(given: Path | None, args: argparse.Namespace, folder: Path) -> Path:
    """The bag to play; a street or a video becomes one in `folder` first."""
    from dcfm_ros.bags.convert import frames_to_bag
    from dcfm_ros.bags.video import is_video, open_video

    if given is None:
        return _render(args, folder / _STREET)
    if not is_video(given):
        return given
    video = open_video(given, args.picture_rate)
    bag = folder / given.stem
    _say(f"turning {given} into a bag")
    frames_to_bag(progress(video.frames(), "converting", "frames", video.count), bag)
    return bag


def _render(args: argparse.Namespace, bag: Path) -> Path:
    from dcfm_ros.synthetic import StreetSettings
    from dcfm_ros.synthetic.bag import write_street_bag

    settings = StreetSettings(seed=args.seed, duration_s=args.duration, rate_hz=_RATE_HZ)
    _say(
        f"rendering a street: {settings.duration_s:g} s at {settings.rate_hz:g} Hz, "
        f"{settings.width}x{settings.height}"
    )
    write_street_bag(bag, settings, depth="none", progress=sys.stderr.isatty())
    return bag


def _play(source: Source, settings: LiveSettings, out: Path, stage: Path) -> Delivery:
    from dcfm_ros.bags import open_bag
    from dcfm_ros.cli.live import run_live

    with open_bag(source.path) as bag:
        duration_s = bag.duration_ns / 1e9
    _say(f"playing {source.frame_count} images in {duration_s:.0f} s into the node")
    with seconds_bar("playing", duration_s) as bar:
        return run_live(
            source.path,
            source.image_topic,
            settings,
            stage / _OUTPUTS,
            out / _LOG,
            bar.update,
        )


def _report(
    source: Source, delivery: Delivery, settings: LiveSettings, out: Path, stage: Path
) -> dict[str, Any]:
    """Evaluate what the node published; nothing is segmented a second time."""
    from dcfm_ros.bags import open_bag
    from dcfm_ros.evaluation.recorded import rate_hz, recorded_frames
    from dcfm_ros.evaluation.report import write_report
    from dcfm_ros.evaluation.results import LIVE, Results, Setup
    from dcfm_ros.streaming import Engine

    _say("evaluating what the node published")
    setup = Setup.of(LIVE, Engine.load(settings.engine), settings.key_frames)
    log = stage / "frames.jsonl"
    with open_bag(stage / _OUTPUTS) as outputs, log.open("w", encoding="utf-8") as frames_log:
        results = Results(setup, frames_log)
        recording = results.begin(source)
        if source.path.is_relative_to(stage):
            recording.path = str(out / source.path.relative_to(stage))
        frames = recorded_frames(source, outputs, setup.info.labels.classes)
        results.gather(recording, progress(frames, "evaluating", "frames", delivery.segmented))
        recording.delivery = delivery
        recording.rate_hz = rate_hz(outputs)
    return write_report(results, stage, f"{recording.name}, live over DDS")


def _places(out: Path) -> str:
    names = {
        "report": "report.html",
        "pictures": "contact_sheet.png",
        "figures": "metrics.json",
        "outputs": f"{_OUTPUTS}/",
        "node's log": _LOG,
    }
    return "\n".join(f"{name:<12}{out / file}" for name, file in names.items())


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)
