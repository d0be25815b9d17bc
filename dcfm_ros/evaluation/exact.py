"""Exact mode: every frame of a recording once, in order, through the pipeline of the node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from dcfm_ros.bags.ground_truth import LabelledFrame
from dcfm_ros.errors import EvaluationError, ImageError
from dcfm_ros.evaluation.frames import SegmentedFrame
from dcfm_ros.evaluation.results import Results
from dcfm_ros.evaluation.sources import Source, SourceOptions, open_source, read_truth
from dcfm_ros.images import to_rgb
from dcfm_ros.pipeline import CameraPipeline, ProcessedFrame

Watch = Callable[[Iterable[SegmentedFrame], str, str, int], Iterable[SegmentedFrame]]
"""Given frames, the recording's name, the unit and how many to expect, gives the same frames."""


def check_sources(paths: Sequence[Path], options: SourceOptions) -> None:
    """Open every recording once, so that a wrong path fails before hours of work, not after them.

    Raises:
        BagError: one cannot be read, or does not hold what the options name.
    """
    for path in paths:
        with open_source(path, options):
            pass


def evaluate(
    path: Path, options: SourceOptions, pipeline: CameraPipeline, results: Results, watch: Watch
) -> None:
    """Segment a recording and gather what its frames come to.

    Raises:
        BagError: the recording is damaged.
        EvaluationError: none of its frames, or a ground-truth message, can be read.
    """
    with open_source(path, options) as source:
        recording = results.begin(source)
        warm_up(source, pipeline)
        frames = segment(source, pipeline, recording.left_out)
        results.gather(recording, watch(frames, recording.name, "frames", source.frame_count))
        if not recording.tally.frames:
            reason = recording.unreadable[0] if recording.unreadable else "it has none"
            raise EvaluationError(f"no frame of {path} could be segmented: {reason}")


def warm_up(source: Source, pipeline: CameraPipeline) -> None:
    """Run the network once at the size of the first image, so that no frame that counts is slow."""
    for labelled in source.frames():
        try:
            height, width = to_rgb(labelled.frame.message).shape[:2]
        except ImageError:
            continue
        pipeline.segmenter.engine.warm_up(height, width)
        return


def segment(
    source: Source, pipeline: CameraPipeline, on_unreadable: Callable[[str], None]
) -> Iterator[SegmentedFrame]:
    """Segment a recording from its first frame on.

    Labels depend on frames and stamps, never on time.

    Args:
        pipeline: is reset first.
        on_unreadable: called with the reason for each message that is no image; as in the live node
            such a frame is left out.

    Raises:
        BagError: the recording is damaged.
        EvaluationError: a ground-truth message is no label image.
    """
    pipeline.segmenter.reset()
    for index, labelled in enumerate(source.frames()):
        frame = labelled.frame
        try:
            processed = pipeline.process(frame.message, frame.stamp_ns)
        except ImageError as error:
            on_unreadable(f"frame {index}: {error}")
            continue
        yield _segmented(index, labelled, processed)


def _segmented(index: int, labelled: LabelledFrame, processed: ProcessedFrame) -> SegmentedFrame:
    result = processed.result
    preprocess_ms = processed.decode_ms + result.preprocess_ms
    return SegmentedFrame(
        index=index,
        stamp_ns=processed.stamp_ns,
        frame_id=labelled.frame.frame_id,
        is_key_frame=result.is_key_frame,
        reason=result.reason,
        age=result.age,
        age_ns=result.age_ns,
        mean_confidence=result.mean_confidence,
        stages_ms={
            "preprocess": preprocess_ms,
            "network": result.network_ms,
            "postprocess": result.postprocess_ms,
            "total": preprocess_ms + result.network_ms + result.postprocess_ms,
        },
        rgb=processed.rgb,
        labels=result.labels,
        truth=read_truth(labelled),
    )
