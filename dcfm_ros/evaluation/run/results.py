"""Gathers the frames of one or several recordings into what a report is made from."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, TextIO

from dcfm_ros.datasets.class_names import foreign_classes
from dcfm_ros.datasets.source import Source
from dcfm_ros.evaluation.measure.cost import FrameCost, frame_cost
from dcfm_ros.evaluation.measure.counts import Counts, added, counts_of
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.measure.latency import Latencies
from dcfm_ros.evaluation.measure.metrics import Conventions
from dcfm_ros.evaluation.measure.tally import Measures, Tally
from dcfm_ros.evaluation.run.costmap_run import CostmapRun
from dcfm_ros.evaluation.run.samples import Samples
from dcfm_ros.images import PictureDecoder
from dcfm_ros.network import CheckpointInfo
from dcfm_ros.resources import resource
from dcfm_ros.streaming import Engine, KeyFrameSettings
from dcfm_ros.streaming.engine import ResolvedEngine
from dcfm_ros.streaming.network_input import network_size

EXACT, LIVE = "exact", "live"


@dataclass(frozen=True)
class Reference:
    """A network whose labels, with a key frame in every place, stand beside those measured."""

    name: str
    checkpoint_sha256: str
    own: bool
    """It is the same checkpoint: labels differ by reuse alone."""


@dataclass(frozen=True)
class Setup:
    """What the figures were measured with; equal set-ups and frames give equal labels."""

    mode: str
    """`EXACT` or `LIVE`."""
    info: CheckpointInfo
    checkpoint_sha256: str
    engine: ResolvedEngine
    key_frames: KeyFrameSettings
    measures: Measures = field(default_factory=Measures)
    reference: Reference | None = None
    protocol: str = ""
    """Of published figures; empty: frames as a robot sees them."""
    absent_as_zero: bool = False
    """Classes that the ground truth never shows count as 0 in every mIoU."""

    @classmethod
    def of(cls, mode: str, engine: Engine, key_frames: KeyFrameSettings, **more: Any) -> Setup:
        """What an engine has been loaded with; `more` are further fields."""
        return cls(mode, engine.info, sha256_of(engine), engine.resolved, key_frames, **more)

    @property
    def conventions(self) -> Conventions:
        """How the figures are to be read."""
        return Conventions(
            absent_as_zero=self.absent_as_zero,
            own_reference=self.reference is not None and self.reference.own,
        )


@dataclass(frozen=True)
class Delivery:
    """How many frames of a live run went where; sent = lost + dropped + segmented, always."""

    sent: int
    """Published by the player."""
    lost: int
    """Sent, but never seen by the node."""
    dropped: int
    """Seen by the node, but replaced by a newer frame before their turn, or unreadable."""
    segmented: int
    """Label images that came back."""
    latest_ms: float
    """By how much the player was behind the recording's timing at worst."""
    rate: float = 1.0
    """Of playing, times real time."""


@dataclass
class Recording:
    """One recording and what its frames came to."""

    name: str
    path: str
    image_topic: str
    label_topic: str
    frame_count: int
    label_count: int
    tally: Tally
    image_size: tuple[int, int] = (0, 0)
    """(height, width) of the first frame in px."""
    foreign_classes: list[str] = field(default_factory=list)
    """Classes of the ground truth that the network lacks: they count as unlabelled."""
    classes: tuple[str, ...] = ()
    """Of the network, by id."""
    truth_is_named: bool = True
    """Whether names of classes say what the ids of the ground truth mean."""
    labels_by: str = "stamp"
    """What tells which frame a label image belongs to: its stamp, number or name."""
    decoder: PictureDecoder = field(default_factory=PictureDecoder)
    """Of its images."""
    remarks: list[str] = field(default_factory=list)
    """What else a reader of the figures has to know."""
    unreadable: list[str] = field(default_factory=list)
    """Why frames were left out: the first few; `unreadable_count` counts all."""
    unreadable_count: int = 0
    rate_hz: float = 0.0
    """Frames segmented per second of wall time."""
    delivery: Delivery | None = None
    """Of a live run."""
    costmap: CostmapRun | None = None
    """Where the recording has what it needs."""

    def left_out(self, reason: str) -> None:
        """Note a frame that could not be read."""
        self.unreadable_count += 1
        if len(self.unreadable) < 3:
            self.unreadable.append(reason)


class Results:
    """Everything that was measured.

    Args:
        frames_log: receives one line of JSON for each frame.
    """

    def __init__(self, setup: Setup, frames_log: TextIO) -> None:
        self.setup = setup
        self.recordings: list[Recording] = []
        self.samples = Samples()
        self._log = frames_log

    def begin(self, source: Source) -> Recording:
        """Start on a recording; its name is made unique."""
        taken = {recording.name for recording in self.recordings}
        name, number = source.name, 2
        while name in taken:
            name, number = f"{source.name}_{number}", number + 1
        classes = self.setup.info.labels.classes
        recording = Recording(
            name=name,
            path=str(source.path),
            image_topic=source.image_topic,
            label_topic=source.label_topic,
            frame_count=source.frame_count,
            label_count=source.label_count,
            decoder=source.decoder,
            remarks=source.remarks,
            tally=Tally(len(classes), self.setup.measures),
            foreign_classes=foreign_classes(source.truth_classes, classes),
            classes=classes,
            truth_is_named=any(source.truth_classes),
            labels_by=source.labels_by,
        )
        self.recordings.append(recording)
        return recording

    def gather(self, recording: Recording, frames: Iterable[SegmentedFrame]) -> None:
        """Count the frames of a recording.

        Raises:
            EvaluationError: a predicted label is no class, or ground truth that cannot be read.
        """
        started_s = time.monotonic()
        for frame in frames:
            record = recording.tally.add(frame, recording.name)
            if not recording.image_size[0]:
                height, width = frame.result.labels.shape
                recording.image_size = (height, width)
            self.samples.offer(frame, record)
            self._log.write(record.to_json() + "\n")
        passed_s = time.monotonic() - started_s
        recording.rate_hz = recording.tally.frames / passed_s if passed_s else 0.0

    def counts(self) -> Counts:
        """Of all recordings together."""
        first, *others = (counts_of(recording.tally) for recording in self.recordings)
        return reduce(added, others, first)

    def latencies(self) -> Latencies:
        """Of all recordings together."""
        return Latencies.joined([recording.tally.latencies for recording in self.recordings])

    def cost(self, recording: Recording) -> FrameCost:
        """Of a frame as the network saw it."""
        engine, info = self.setup.engine, self.setup.info
        requested = (engine.network_height, engine.network_width)
        return frame_cost(
            info.network, network_size(recording.image_size, info.training_size, requested)
        )


def sha256_of(engine: Engine) -> str:
    """Of the checkpoint that an engine has loaded."""
    given = Path(engine.resolved.checkpoint)
    path = given if given.is_file() else resource(engine.resolved.checkpoint)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plain(setup: Setup) -> dict[str, object]:
    """A set-up as JSON can hold it."""
    return {
        "mode": setup.mode,
        "checkpoint": {
            "file": Path(setup.engine.checkpoint).name,
            "name": setup.info.name,
            "sha256": setup.checkpoint_sha256,
        },
        "classes": list(setup.info.labels.classes),
        "engine": asdict(setup.engine),
        "key_frames": asdict(setup.key_frames),
        "measures": asdict(setup.measures),
        "reference": asdict(setup.reference) if setup.reference else None,
        "protocol": setup.protocol or None,
        "absent_as_zero": setup.absent_as_zero,
    }
