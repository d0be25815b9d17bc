"""A whole run in exact mode: recordings in, a folder with the report out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dcfm_ros.calibration.oracle import oracle_policy
from dcfm_ros.costmap import CostmapSettings
from dcfm_ros.datasets.source import Source, SourceOptions, open_source
from dcfm_ros.evaluation.measure.tally import Measures
from dcfm_ros.evaluation.report.write import write_report
from dcfm_ros.evaluation.run.costmap_run import costmap_of
from dcfm_ros.evaluation.run.exact import (
    Extras,
    ReferenceSegmenter,
    evaluate_source,
    read_decoded,
)
from dcfm_ros.evaluation.run.output import output_folder
from dcfm_ros.evaluation.run.protocols import PROTOCOLS, evaluate_by
from dcfm_ros.evaluation.run.results import EXACT, Results, Setup
from dcfm_ros.evaluation.run.writers import LabelBag
from dcfm_ros.network import LabelSet
from dcfm_ros.pipeline import CameraPipeline
from dcfm_ros.progress import progress
from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings, Segmenter
from dcfm_ros.streaming.keyframes import KeyFramePolicy
from dcfm_ros.streaming.settings import ORACLE

SAME = "same"
"""As a reference: the checkpoint that is measured."""

OUTPUT = "output"
"""Folder of the output bag, or bags, in the folder of the report."""


@dataclass(frozen=True)
class RunSettings:
    """What to run, and what to measure."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    key_frames: KeyFrameSettings = field(default_factory=KeyFrameSettings)
    source: SourceOptions = field(default_factory=SourceOptions)
    measures: Measures = field(default_factory=Measures)
    reference: str = ""
    """Checkpoint to compare the labels with, `SAME`, or none."""
    protocol: str = ""
    """Of `PROTOCOLS`; empty: frames as a robot sees them."""
    absent_as_zero: bool = False
    write_bag: bool = False
    """Write label images and statuses as a bag."""
    costmap: CostmapSettings | None = field(default_factory=CostmapSettings)
    """Of the costmap that bags with transforms and calibration get; None for none."""
    depth_topic: str = ""
    """Of depth for the costmap; empty: the ground plane."""
    depth_camera_info_topic: str = ""
    """Of the depth camera's own calibration; empty: beside the depth topic, if there."""


def run_exact(
    recordings: Sequence[Path | Source], settings: RunSettings, out: Path
) -> dict[str, Any]:
    """Evaluate and write the report.

    Args:
        recordings: paths of bags, videos or folders of pictures, or sources that are open.
        out: folder of the report; appears whole or not at all.

    Returns:
        The content of metrics.json.

    Raises:
        DcfmError: a recording, a checkpoint or the device cannot be used.
    """
    for recording in recordings:  # a wrong path fails before hours of work, not after them
        with _opened(recording, settings.source):
            pass
    engine = Engine.load(settings.engine)
    reference = _reference(engine, settings)
    setup = Setup.of(
        EXACT,
        engine,
        settings.key_frames,
        measures=settings.measures,
        reference=reference.about if reference else None,
        protocol=settings.protocol,
        absent_as_zero=settings.absent_as_zero or bool(settings.protocol),
    )
    extras = Extras(settings.measures.calibration, reference)
    with output_folder(out) as stage:
        with (stage / "frames.jsonl").open("w", encoding="utf-8") as log:
            results = Results(setup, log)
            for recording in recordings:
                with _opened(recording, settings.source) as source, ExitStack() as stack:
                    policy = _oracle(engine, source, settings.key_frames)
                    pipeline = CameraPipeline(Segmenter(engine, settings.key_frames, policy=policy))
                    bag = None
                    if settings.write_bag:
                        bag = _output_bag(stage, source, len(recordings), engine.info.labels)
                        stack.callback(bag.close)
                    if settings.protocol:
                        evaluate_by(PROTOCOLS[settings.protocol], source, engine, results, bag)
                        continue
                    costmap = stack.enter_context(
                        costmap_of(
                            source,
                            settings.costmap,
                            engine.info.labels,
                            settings.depth_topic,
                            settings.depth_camera_info_topic,
                        )
                    )
                    if costmap is not None and bag is not None:
                        frame_id = costmap.settings.global_frame
                        costmap.on_grid = partial(bag.write_grid, frame_id=frame_id)
                    evaluate_source(source, pipeline, results, extras, costmap, bag)
        return write_report(results, stage)


@contextmanager
def _opened(recording: Path | Source, options: SourceOptions) -> Iterator[Source]:
    if isinstance(recording, Source):
        yield recording
        return
    with open_source(recording, options) as source:
        yield source


def _reference(engine: Engine, settings: RunSettings) -> ReferenceSegmenter | None:
    if not settings.reference:
        return None
    if settings.reference == SAME:
        return ReferenceSegmenter(engine, engine)
    other = replace(settings.engine, checkpoint=settings.reference)
    return ReferenceSegmenter(engine, Engine.load(other))


def _oracle(engine: Engine, source: Source, settings: KeyFrameSettings) -> KeyFramePolicy | None:
    """Key frames in retrospect, where the settings name them: all that can be read is run first."""
    if settings.policy != ORACLE:
        return None
    frames = (
        (decoded.rgb, decoded.frame.frame.stamp_ns)
        for decoded in read_decoded(source, engine.info.labels.classes)
        if decoded.rgb is not None
    )
    watched = progress(frames, source.name, "frames, both ways", source.frame_count)
    return oracle_policy(engine, source.name, watched, settings)


def _output_bag(stage: Path, source: Source, count: int, labels: LabelSet) -> LabelBag:
    """One bag for the only recording, else one for each, in a folder by its name."""
    if count == 1:
        return LabelBag(stage / OUTPUT, labels)
    folder = stage / OUTPUT
    folder.mkdir(exist_ok=True)
    name, number = source.name, 2
    while (folder / name).exists():
        name, number = f"{source.name}_{number}", number + 1
    return LabelBag(folder / name, labels)
