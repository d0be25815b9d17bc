"""Exact mode: every frame of a recording once, in order, through the pipeline of the node."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from dcfm_ros.datasets.class_names import id_table
from dcfm_ros.datasets.source import Source, SourceFrame, SourceOptions, open_source
from dcfm_ros.errors import EvaluationError, ImageError
from dcfm_ros.evaluation.measure.frames import SegmentedFrame, stages_ms
from dcfm_ros.evaluation.run.costmap_run import CostmapRun
from dcfm_ros.evaluation.run.results import Recording, Reference, Results, sha256_of
from dcfm_ros.evaluation.run.writers import LabelBag
from dcfm_ros.images import Pixels, to_rgb
from dcfm_ros.pipeline import CameraPipeline, decode
from dcfm_ros.progress import progress
from dcfm_ros.streaming import Engine, FrameResult, KeyFrameSettings, Segmenter


@dataclass(frozen=True)
class Extras:
    """What else is computed of each frame."""

    confidence: bool = False
    reference: ReferenceSegmenter | None = None


@dataclass(frozen=True)
class Decoded:
    """A frame that has been read and decoded; `error` instead of a picture that is none."""

    index: int
    frame: SourceFrame
    rgb: Pixels | None
    truth: Pixels | None
    decode_ms: float
    error: str = ""


def check_sources(paths: Sequence[Path], options: SourceOptions) -> None:
    """Open every recording once, so that a wrong path fails before hours of work, not after them.

    Raises:
        BagError: one cannot be read, or does not hold what the options name.
    """
    for path in paths:
        with open_source(path, options):
            pass


def evaluate_source(
    source: Source,
    pipeline: CameraPipeline,
    results: Results,
    extras: Extras | None = None,
    costmap: CostmapRun | None = None,
    bag: LabelBag | None = None,
) -> None:
    """Segment a source and gather what its frames come to; they go into costmap and bag, too.

    Raises:
        BagError: the recording is damaged.
        EvaluationError: none of its frames, or a ground-truth message, can be read.
    """
    recording = results.begin(source)
    recording.costmap = costmap
    warm_up(source, pipeline)
    extras = extras or Extras()
    if costmap is None:
        frames = segment(source, pipeline, recording.left_out, extras)
    else:  # with the confidence, as in the node
        sure = replace(extras, confidence=True)
        frames = costmap.watch(segment(source, pipeline, recording.left_out, sure))
        if not extras.confidence:
            frames = map(_without_confidence, frames)
    gather(source, frames, recording, results, bag)


def _without_confidence(frame: SegmentedFrame) -> SegmentedFrame:
    return replace(frame, result=replace(frame.result, confidence=None))


def gather(
    source: Source,
    frames: Iterable[SegmentedFrame],
    recording: Recording,
    results: Results,
    bag: LabelBag | None = None,
) -> None:
    """Count the frames of a source, and write them into a bag.

    Raises:
        EvaluationError: there are none.
    """
    if bag is not None:
        frames = _written(frames, bag)
    results.gather(recording, progress(frames, recording.name, "frames", source.frame_count))
    if not recording.tally.frames:
        reason = recording.unreadable[0] if recording.unreadable else "it has none"
        raise EvaluationError(f"no frame of {source.path} could be segmented: {reason}")


def _written(frames: Iterable[SegmentedFrame], bag: LabelBag) -> Iterator[SegmentedFrame]:
    for frame in frames:
        bag.write(frame)
        yield frame


def warm_up(source: Source, pipeline: CameraPipeline) -> None:
    """Run the network once at the size of the first image, so that no frame that counts is slow."""
    for source_frame in source.frames():
        try:
            height, width = to_rgb(source_frame.frame.message).shape[:2]
        except ImageError:
            continue
        pipeline.segmenter.engine.warm_up(height, width)
        return


def segment(
    source: Source,
    pipeline: CameraPipeline,
    on_unreadable: Callable[[str], None],
    extras: Extras | None = None,
) -> Iterator[SegmentedFrame]:
    """Segment a recording from its first frame on; reading and decoding run ahead in a thread.

    Labels depend on frames and stamps, never on time.

    Args:
        pipeline: is reset first, and between the clips of a data set.
        on_unreadable: called with the reason for each message that is no image; as in the live node
            such a frame is left out.

    Raises:
        BagError: the recording is damaged.
        EvaluationError: a ground-truth message is no label image.
    """
    extras = extras or Extras()
    clip: str | None = None
    for decoded in read_decoded(source, pipeline.segmenter.engine.info.labels.classes):
        if decoded.rgb is None:
            on_unreadable(f"frame {decoded.index}: {decoded.error}")
            continue
        if decoded.frame.clip != clip:
            pipeline.segmenter.reset()
            clip = decoded.frame.clip
        yield _segmented(decoded, decoded.rgb, pipeline, extras)


def read_decoded(source: Source, classes: Sequence[str]) -> Iterator[Decoded]:
    """The frames of a source, decoded by another thread, with truth in the network's class ids.

    Raises:
        EvaluationError: the classes of the ground truth are none of the network's.
    """
    return read_ahead(partial(_decoded, source, id_table(source.truth_classes, classes)))


def _decoded(source: Source, table: Pixels | None) -> Iterator[Decoded]:
    for index, frame in enumerate(source.frames()):
        try:
            image = decode(frame.frame.message, source.decoder)
        except ImageError as error:
            yield Decoded(index, frame, None, None, 0.0, str(error))
            continue
        truth = frame.read_truth()
        if truth is not None and table is not None:
            truth = table[truth]
        yield Decoded(index, frame, image.rgb, truth, image.decode_ms)


def _segmented(
    decoded: Decoded, rgb: Pixels, pipeline: CameraPipeline, extras: Extras
) -> SegmentedFrame:
    frame = decoded.frame.frame
    result = pipeline.segment(rgb, frame.stamp_ns, confidence=extras.confidence)
    reference = None
    if extras.reference is not None:
        reference = extras.reference.labels(rgb, frame.stamp_ns, result)
    return SegmentedFrame(
        index=decoded.index,
        stamp_ns=frame.stamp_ns,
        frame_id=frame.frame_id,
        rgb=rgb,
        result=result,
        stages_ms=stages_ms(result, decoded.decode_ms),
        truth=decoded.truth,
        reference=reference,
        clip=decoded.frame.clip,
    )


class ReferenceSegmenter:
    """Labels of a reference engine, of the same or of another checkpoint.

    Args:
        engine: that is measured.
        reference: may be the same.

    Raises:
        EvaluationError: the reference knows other classes.
    """

    def __init__(self, engine: Engine, reference: Engine) -> None:
        theirs, ours = reference.info.labels.classes, engine.info.labels.classes
        if theirs != ours:
            raise EvaluationError(
                f"the reference {reference.info.name!r} knows {len(theirs)} classes "
                f"({', '.join(theirs[:4])}, …), the checkpoint {engine.info.name!r} {len(ours)} "
                f"({', '.join(ours[:4])}, …): expected the same"
            )
        digest = sha256_of(reference)
        self.about = Reference(reference.info.name, digest, own=digest == sha256_of(engine))
        self._segmenter = Segmenter(reference, KeyFrameSettings(policy="always"))

    def labels(self, rgb: Pixels, stamp_ns: int, result: FrameResult) -> Pixels:
        """(H, W) class ids of a frame that came out as `result`."""
        if self.about.own and result.age == 0:
            return result.labels  # computed with the frame's own common feature already
        return self._segmenter.step(rgb, stamp_ns).labels


T = TypeVar("T")
DEPTH = 4
"""Items that are held ready."""

_POLL_S = 0.1


def read_ahead(start: Callable[[], Iterator[T]], depth: int = DEPTH) -> Iterator[T]:
    """Iterate in a thread of its own, at most `depth` items ahead.

    Args:
        start: called in that thread, so that files are opened and closed where they are read.

    Raises:
        BaseException: what the iterator raises, where its item would have been.
    """
    ready: queue.Queue[_Ahead[T]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(ahead: _Ahead[T]) -> None:
        while not stopped.is_set():  # else nobody takes items any more
            with suppress(queue.Full):
                ready.put(ahead, timeout=_POLL_S)
                return

    def read() -> None:
        try:
            for item in start():
                put(_Ahead((item,)))
                if stopped.is_set():
                    return
        except BaseException as error:  # raised again by the other thread
            put(_Ahead(error=error))
        else:
            put(_Ahead())

    thread = threading.Thread(target=read, name="dcfm_reader", daemon=True)
    thread.start()
    try:
        while (ahead := ready.get()).items:
            yield ahead.items[0]
        if ahead.error is not None:
            raise ahead.error
    finally:
        stopped.set()
        thread.join()


@dataclass(frozen=True)
class _Ahead(Generic[T]):
    """An item that was read, or how reading ended."""

    items: tuple[T, ...] = ()
    """One; empty after the last."""
    error: BaseException | None = None
