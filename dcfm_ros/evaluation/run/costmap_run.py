"""The costmap of a recording, from its labels, transforms and calibration, as the node makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dcfm_ros.bags import BagMessage, BagReader, open_bag, stamp_ns
from dcfm_ros.costmap import (
    ClassTable,
    CostGrid,
    CostmapBuilder,
    CostmapFeed,
    CostmapSettings,
    LabelledImage,
    MapUpdate,
)
from dcfm_ros.costmap.shipped import classes_of
from dcfm_ros.costmap.timeline import MOST, Timeline
from dcfm_ros.datasets.source import Source
from dcfm_ros.errors import DcfmError, ResourceError, TransformError
from dcfm_ros.evaluation.measure.costmap_score import CostmapScore, true_classes
from dcfm_ros.evaluation.measure.frames import SegmentedFrame
from dcfm_ros.evaluation.run.costmap_messages import (
    CostmapMessages,
    CostmapTopics,
    missing_for_costmap,
)
from dcfm_ros.evaluation.run.grid_messages import PublishedGrids
from dcfm_ros.evaluation.run.samples import Spread, resized_to, small_size
from dcfm_ros.geometry import Matrix, TransformBuffer, camera_info_hints
from dcfm_ros.images import Pixels
from dcfm_ros.network import LabelSet
from dcfm_ros.settings import to_dict

_CAMERA = ""
_PICTURE_WIDTH = 480
_MOST_SHOTS = 6
_TRUTH_NS = 150_000_000
_END_NS = 1 << 63


@dataclass(frozen=True, eq=False)
class CostmapShot:
    """A grid and the frame that it came with, kept for its picture.

    Attributes:
        index: of the frame in its recording.
        rgb: (h, w, 3) reduced.
        labels: (h, w) likewise.
        grid: after this frame.
        truth: (H, W) true classes of its cells, or None.
        global_from_base: (4, 4) where the robot was, m.
    """

    index: int
    rgb: Pixels
    labels: Pixels
    grid: CostGrid
    truth: Pixels | None
    global_from_base: Matrix


class CostmapRun:
    """Takes the frames of a recording as they pass.

    Args:
        bag: opened for this alone.
        topics: of the bag.
        settings: of the node's costmap.
        classes: what the labels mean.
        published: grids of a live node, to look at instead of those made here.

    Attributes:
        added: frames in the grid.
        problems: why frames were not, by reason, with how often.
        published: whether the grids are those that a live node published; else they are made here,
            at the stamps at which a node would publish them.
        grids: how many.
        score: against the true grids of the bag.
        warnings: what a user should know.
        on_grid: called with every grid, if given.
    """

    def __init__(
        self,
        bag: BagReader,
        topics: CostmapTopics,
        settings: CostmapSettings,
        classes: ClassTable,
        published: PublishedGrids | None = None,
    ) -> None:
        self.settings, self.classes = settings, classes
        self.published = published is not None and published.recorded
        self._published = published
        self.added, self.grids = 0, 0
        self.problems: dict[str, int] = {}
        self.score = CostmapScore()
        self.warnings: list[str] = []
        self.on_grid: Callable[[CostGrid], None] | None = None
        self._buffer = TransformBuffer()
        self._feed = CostmapFeed(CostmapBuilder(settings, classes, self._buffer))
        self._feed.info_topics[_CAMERA] = topics.camera_info
        self._feed.depth_topics[_CAMERA] = topics.depth
        self._feed.expect_depth(_CAMERA, bool(topics.depth), bool(topics.depth_info))
        for usual, name in topics.remappings.items():
            self.warnings.append(
                f"transforms are those of {name}; a node needs them remapped: -r {usual}:={name}"
            )
        self._topics = topics
        self._messages = CostmapMessages(bag, topics, self._take)
        self._frames: dict[LabelledImage, SegmentedFrame] = {}
        """Those in the feed, oldest first."""
        self._truth: Timeline[object] = Timeline()
        self._shots: Spread[CostmapShot] = Spread(_MOST_SHOTS)

    def watch(self, frames: Iterable[SegmentedFrame]) -> Iterator[SegmentedFrame]:
        """Give the same frames, each after it was handed to the costmap, as live."""
        for frame in frames:
            now_ns = self._messages.until_image(frame.index)
            self._place(now_ns)
            self._put(frame, now_ns)
            self._place(now_ns)
            yield frame
        while self._feed.waiting and self._messages.step(_END_NS) is not None:
            pass
        self._place(None)
        self._warn_of_depth()
        self._warn_of_frames()

    @property
    def by_depth(self) -> bool:
        """Whether depth is used."""
        return bool(self._topics.depth)

    def figures(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "frames_added": self.added,
            "frames_not_added": self.problems,
            "grids": self.grids,
            "grids_of_the_node": self.published,
            "depth_topic": self._topics.depth or None,
            "depth_camera_info_topic": self._topics.depth_info or None,
            "truth_topic": self._topics.truth or None,
            "against_truth": self.score.figures() if self.score.grids else None,
            "warnings": self.warnings,
            "settings": to_dict(self.settings),
        }

    def shots(self, count: int = _MOST_SHOTS) -> list[CostmapShot]:
        """Evenly spread ones in the order they came."""
        return self._shots.chosen(count)

    def _as_published(self, update: MapUpdate) -> MapUpdate:
        if not self.published or self._published is None:
            return update
        unknown = self.settings.grid.unknown_value
        grid = self._published.at(update.image.stamp_ns, self.classes, unknown)
        return replace(update, grid=grid)

    def _put(self, frame: SegmentedFrame, now_ns: int) -> None:
        image = LabelledImage(
            _CAMERA,
            frame.frame_id,
            frame.stamp_ns,
            frame.result.labels,
            frame.result.confidence,
            frame.result.age_ns / 1e9,
        )
        self._frames[image] = frame
        self._feed.put(image, now_ns)

    def _place(self, now_ns: int | None) -> None:
        """Place what waits no longer at a time; None: nothing more will come."""
        for update in self._feed.take(now_ns):
            self._count(self._frames[update.image], self._as_published(update))
            for image in list(self._frames):  # those before it made way
                del self._frames[image]
                if image is update.image:
                    break
        if self._feed.overtaken:
            self.problems[f"more than {MOST} images waited"] = self._feed.overtaken
        warnings = self._feed.builder.warnings
        self.warnings += [warning for warning in warnings if warning not in self.warnings]
        warnings.clear()

    def _warn_of_frames(self) -> None:
        """Name the frames that there are in place of one that the settings name."""
        there = self._buffer.frames
        for setting in ("global_frame", "robot_base_frame"):
            name = getattr(self.settings, setting)
            if there and name not in there:
                self.warnings.append(
                    f"no transform names the frame {name!r}, only {', '.join(there)}; set "
                    f"costmap.{setting} (--costmap-set {setting}=…)"
                )

    def _warn_of_depth(self) -> None:
        matches = self._feed.depth_matches.get(_CAMERA)
        if matches is not None and matches.missed:
            self.warnings.append(matches.summary)

    def _take(self, message: BagMessage, static: bool) -> None:
        """Hand on what was recorded, between what could not wait for it and what did."""
        self._place(message.log_ns)
        self._hand_on(message, static)
        self._place(message.log_ns)

    def _hand_on(self, message: BagMessage, static: bool) -> None:
        content = message.message
        if message.topic in self._topics.transforms:
            self._buffer.feed(content, static=static)
        elif message.topic == self._topics.camera_info:
            self._feed.camera_info(_CAMERA, stamp_ns(content.header), content)
            rectified = self.settings.projection.rectified
            hints = camera_info_hints(self._topics.image, content, rectified=rectified)
            self.warnings += [hint for hint in hints if hint not in self.warnings]
        elif message.topic == self._topics.depth_info:
            self._feed.depth_info(_CAMERA, stamp_ns(content.header), content)
        elif message.topic == self._topics.truth:
            self._truth.add(stamp_ns(content.header), content)
        else:
            self._feed.depth(_CAMERA, stamp_ns(content.header), content)

    def _refuse(self, error: DcfmError) -> None:
        reason = str(error)
        if isinstance(error, TransformError):
            reason = f"no transform from {error.source!r} to {error.target!r} at their stamps"
        self.problems[reason] = self.problems.get(reason, 0) + 1

    def _count(self, frame: SegmentedFrame, update: MapUpdate) -> None:
        if update.error is not None:
            self._refuse(update.error)
            return
        self.added += 1
        if update.grid is None:
            return
        self.grids += 1
        message = self._truth.near(frame.stamp_ns, _TRUTH_NS)
        truth = None if message is None else true_classes(message, update.grid)
        if truth is not None:
            self.score.add(update.grid, truth, self.classes)
        self._shots.offer(partial(self._shot, frame, update.grid, truth))
        if self.on_grid is not None:
            self.on_grid(update.grid)

    def _shot(self, frame: SegmentedFrame, grid: CostGrid, truth: Pixels | None) -> CostmapShot:
        labels = frame.result.labels
        size = small_size(labels, _PICTURE_WIDTH)
        pose = self._buffer.lookup(
            self.settings.global_frame, self.settings.robot_base_frame, frame.stamp_ns
        )
        return CostmapShot(
            frame.index,
            resized_to(size, frame.rgb, nearest=False),
            resized_to(size, labels, nearest=True),
            grid,
            truth,
            pose,
        )


@contextmanager
def costmap_of(
    source: Source,
    settings: CostmapSettings | None,
    labels: LabelSet,
    depth_topic: str = "",
    depth_camera_info_topic: str = "",
    published: PublishedGrids | None = None,
) -> Iterator[CostmapRun | None]:
    """Prepare the costmap of a recording.

    None where none is wanted, where it is no bag with calibration and transforms, or where nobody
    says what its classes mean to a planner.

    Raises:
        BagError: the bag cannot be read, or lacks the depth topic or that of its calibration.
        CostmapError: the file of classes that the settings name cannot be used.
    """
    if settings is None or not source.image_topic:
        yield None
        return
    with open_bag(source.path, skip_missing=True) as bag:
        topics = CostmapTopics.of(bag, source.image_topic, depth_topic, depth_camera_info_topic)
        if topics is None:
            missing = missing_for_costmap(bag, source.image_topic)
            source.remarks.extend([missing] if missing else [])
            yield None
            return
        try:
            classes = classes_of(settings, labels.name, labels.classes)
        except ResourceError as error:
            source.remarks.append(f"No costmap: {error}.")
            yield None
            return
        yield CostmapRun(bag, topics, settings, classes, published)
