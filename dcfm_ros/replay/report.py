"""A bag through the live node, and its report: what `demo` and `evaluate` share."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any

from dcfm_ros.bags import open_bag, write_bag
from dcfm_ros.datasets.source import Source, open_source
from dcfm_ros.evaluation.evaluate import RunSettings
from dcfm_ros.evaluation.report.write import write_report
from dcfm_ros.evaluation.run.costmap_run import costmap_of
from dcfm_ros.evaluation.run.grid_messages import PublishedGrids
from dcfm_ros.evaluation.run.recorded import rate_hz, recorded_frames
from dcfm_ros.evaluation.run.results import LIVE, Delivery, Results, Setup
from dcfm_ros.network import read_info
from dcfm_ros.progress import progress, seconds_bar
from dcfm_ros.replay.live import PICTURES, live_node
from dcfm_ros.replay.recording import say
from dcfm_ros.resources import resource
from dcfm_ros.streaming import Engine, EngineSettings
from dcfm_ros.streaming.device import resolve_device
from dcfm_ros.streaming.engine import SHIPPED_CHECKPOINT

OUTPUTS = "outputs"
LOG = "node.log"


def check_engine(settings: EngineSettings) -> None:
    """Tell what is missing now, not in the node's log later.

    Raises:
        DcfmError: the checkpoint or the device cannot be used.
        ModuleNotFoundError: no ROS here.
    """
    import_module("dcfm_ros.ros.recorder")
    read_info(settings.checkpoint or resource(SHIPPED_CHECKPOINT))
    resolve_device(settings.device)


def play_and_report(
    bag: Path,
    settings: RunSettings,
    rate: float,
    out: Path,
    stage: Path,
    outputs: Collection[str] = PICTURES,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Play a bag into a node, record what comes back, and report.

    Args:
        rate: of playing, times real time.
        out: where the report will be in the end; the node's log goes there at once.
        stage: where it is written.
        outputs: of the node to record.
        extra: further content of metrics.json.

    Returns:
        The content of metrics.json.
    """
    with open_source(bag, settings.source) as source:
        delivery = _play(source, settings, rate, out, stage, outputs)
        return _report(source, delivery, settings, out, stage, extra or {})


def _play(
    source: Source,
    settings: RunSettings,
    rate: float,
    out: Path,
    stage: Path,
    outputs: Collection[str],
) -> Delivery:
    with open_bag(source.path, skip_missing=settings.source.skip_missing) as bag:
        duration_s = bag.duration_ns / 1e9
    say(f"playing {source.frame_count} images in {duration_s / rate:.0f} s into the node")
    with (
        write_bag(stage / OUTPUTS) as writer,
        live_node(source.path, source.image_topic, settings, writer, outputs, out / LOG) as node,
        seconds_bar("playing", duration_s) as bar,
    ):
        return node.play(rate, bar.update)


def _report(
    source: Source,
    delivery: Delivery,
    settings: RunSettings,
    out: Path,
    stage: Path,
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Evaluate what the node published; nothing is segmented a second time."""
    say("evaluating what the node published")
    setup = Setup.of(
        LIVE,
        Engine.load(settings.engine),
        settings.key_frames,
        measures=settings.measures,
        absent_as_zero=settings.absent_as_zero,
    )
    log = stage / "frames.jsonl"
    with open_bag(stage / OUTPUTS) as outputs, log.open("w", encoding="utf-8") as frames_log:
        results = Results(setup, frames_log)
        recording = results.begin(source)
        if source.path.is_relative_to(stage):
            recording.path = str(out / source.path.relative_to(stage))
        labels = setup.info.labels
        frames = recorded_frames(source, outputs, labels.classes)
        grids = PublishedGrids(outputs)
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
