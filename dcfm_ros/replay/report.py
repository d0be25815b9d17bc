"""A recording through the live node, and its report: what `demo` and `evaluate` share."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from dcfm_ros.bags import open_bag
from dcfm_ros.bags.convert import frames_to_bag
from dcfm_ros.bags.video import is_video, open_video
from dcfm_ros.cli.progress import progress, seconds_bar
from dcfm_ros.datasets.source import Source, SourceOptions, open_source
from dcfm_ros.evaluation.report.write import write_report
from dcfm_ros.evaluation.run.costmap_published import PublishedGrids
from dcfm_ros.evaluation.run.costmap_run import costmap_of
from dcfm_ros.evaluation.run.recorded import rate_hz, recorded_frames
from dcfm_ros.evaluation.run.results import LIVE, Delivery, Results, Setup
from dcfm_ros.network import read_info
from dcfm_ros.replay.live import PICTURES, LiveSettings, run_live
from dcfm_ros.resources import resource
from dcfm_ros.streaming import Engine
from dcfm_ros.streaming.device import resolve_device
from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT

OUTPUTS = "outputs"
LOG = "node.log"
_RATE_FRAMES = 100


def check_engine(settings: LiveSettings) -> None:
    """Tell of a wrong checkpoint or device now, not in the node's log later.

    Raises:
        DcfmError: the checkpoint or the device cannot be used.
    """
    read_info(settings.engine.checkpoint or resource(SHIPPED_CHECKPOINT))
    resolve_device(settings.engine.device)


def as_bag(recording: Path, picture_rate_hz: float | None, folder: Path) -> Path:
    """The bag to play; a video or a folder of pictures becomes one in `folder` first."""
    if not is_video(recording):
        return recording
    video = open_video(recording, picture_rate_hz)
    bag = folder / recording.stem
    say(f"turning {recording} into a bag")
    frames_to_bag(progress(video.frames(), "converting", "frames", video.count), bag)
    return bag


def camera_hz(source: Source) -> float | None:
    """Frames per second by the stamps of the first frames; None if unknown."""
    stamps_ns = [frame.frame.stamp_ns for frame in itertools.islice(source.frames(), _RATE_FRAMES)]
    steps_ns = np.diff(stamps_ns)
    median_ns = float(np.median(steps_ns)) if steps_ns.size else 0.0
    return 1e9 / median_ns if median_ns > 0 else None


def play_and_report(
    bag: Path,
    options: SourceOptions,
    settings: LiveSettings,
    out: Path,
    stage: Path,
    *,
    outputs: Collection[str] = PICTURES,
    setup: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Play a bag into a node, record what comes back, and report.

    Args:
        out: where the report will be in the end; the node's log goes there at once.
        stage: where it is written.
        outputs: of the node to record.
        setup: further fields of `Setup`.
        extra: further content of metrics.json.

    Returns:
        The content of metrics.json.
    """
    with open_source(bag, options) as source:
        delivery = _play(source, settings, out, stage, outputs)
        return _report(source, delivery, settings, out, stage, setup or {}, extra or {})


def _play(
    source: Source, settings: LiveSettings, out: Path, stage: Path, outputs: Collection[str]
) -> Delivery:
    with open_bag(source.path, skip_missing=settings.skip_missing) as bag:
        duration_s = bag.duration_ns / 1e9
    say(f"playing {source.frame_count} images in {duration_s / settings.rate:.0f} s into the node")
    with seconds_bar("playing", duration_s) as bar:
        return run_live(
            source.path,
            source.image_topic,
            settings,
            stage / OUTPUTS,
            out / LOG,
            bar.update,
            outputs,
        )


def _report(
    source: Source,
    delivery: Delivery,
    settings: LiveSettings,
    out: Path,
    stage: Path,
    setup: dict[str, Any],
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Evaluate what the node published; nothing is segmented a second time."""
    say("evaluating what the node published")
    made = Setup.of(LIVE, Engine.load(settings.engine), settings.key_frames, **setup)
    log = stage / "frames.jsonl"
    with open_bag(stage / OUTPUTS) as outputs, log.open("w", encoding="utf-8") as frames_log:
        results = Results(made, frames_log)
        recording = results.begin(source)
        if source.path.is_relative_to(stage):
            recording.path = str(out / source.path.relative_to(stage))
        frames = recorded_frames(source, outputs, made.info.labels.classes)
        grids = PublishedGrids(outputs)
        labels = made.info.labels
        with costmap_of(source, settings.costmap, labels, published=grids) as costmap:
            recording.costmap = costmap
            frames = costmap.watch(frames) if costmap else frames
            results.gather(recording, progress(frames, "evaluating", "frames", delivery.segmented))
        recording.delivery = delivery
        recording.rate_hz = rate_hz(outputs)
    return write_report(results, stage, f"{recording.name}, live over DDS", extra)


def places(out: Path) -> str:
    """Where everything is, one line each."""
    names = {
        "report": "report.html",
        "pictures": "contact_sheet.png",
        "figures": "metrics.json",
        "outputs": f"{OUTPUTS}/",
        "node's log": LOG,
    }
    return "\n".join(f"{name:<12}{out / file}" for name, file in names.items())


def say(step: str) -> None:
    """What happens now, for people who wait."""
    print(step, file=sys.stderr, flush=True)
