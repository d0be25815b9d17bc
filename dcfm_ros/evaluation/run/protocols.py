"""Published figures measured as their authors measured them: offline, with a look at the future.

DCFM's reference implementation is not causal: a frame that is no key frame adds the logits from the
common features of the key frame before it and of the key frame after it. Every second frame is a
key frame, logits are resized to the size of the labels before the best class is taken, and classes
that the ground truth never shows count as 0.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from torch import Tensor

from dcfm_ros.datasets.source import Source
from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.frames import SegmentedFrame, stages_ms
from dcfm_ros.evaluation.run.exact import Decoded, gather, read_decoded
from dcfm_ros.evaluation.run.results import Results
from dcfm_ros.evaluation.run.writers import LabelBag
from dcfm_ros.streaming import Engine, FrameResult, KeyFrameReason
from dcfm_ros.streaming.label_map import label_map, mean_confidence


@dataclass(frozen=True)
class Protocol:
    """How a data set is evaluated."""

    name: str
    dataset: str
    windows: bool
    """Labelled frames only, each with the frame before and the frame after it, in two passes that
    count together: once as a key frame, once between two. Otherwise whole videos in one pass, whose
    first key frame is frame 0 and frame 1 in turns."""
    about: str


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "dcfm-cityscapes",
            "cityscapes",
            windows=True,
            about="each labelled frame as a key frame and between the key frames beside it",
        ),
        Protocol(
            "camvid",
            "camvid",
            windows=True,
            about="each labelled frame as a key frame and between the key frames beside it",
        ),
        Protocol(
            "dcfm-vspw",
            "vspw",
            windows=False,
            about="whole videos, every second frame a key frame, the others between two",
        ),
    )
}


def evaluate_by(
    protocol: Protocol,
    source: Source,
    engine: Engine,
    results: Results,
    bag: LabelBag | None = None,
) -> None:
    """Evaluate a source as a protocol does, and write its frames into a bag.

    Raises:
        EvaluationError: ground truth that cannot be read, or none at all.
    """
    if not source.label_count:
        raise EvaluationError(
            f"{source.path} has no ground truth, which the protocol {protocol.name} evaluates"
        )
    recording = results.begin(source)
    recording.remarks.append(f"Protocol {protocol.name}: {protocol.about}.")
    frames = segment_by(protocol, source, engine, recording.left_out)
    gather(source, frames, recording, results, bag)


def segment_by(
    protocol: Protocol,
    source: Source,
    engine: Engine,
    on_unreadable: Callable[[str], None],
) -> Iterator[SegmentedFrame]:
    """The frames that a protocol evaluates."""
    if protocol.windows:
        yield from _windows(source, engine, on_unreadable, between=False)
        yield from _windows(source, engine, on_unreadable, between=True)
    else:
        for number, frames in enumerate(_videos(source, engine, on_unreadable)):
            yield from _alternating(frames, engine, phase=number % 2)


class _Frame:
    """A frame with its features, each computed once it is asked for."""

    def __init__(self, decoded: Decoded, engine: Engine) -> None:
        assert decoded.rgb is not None
        self.decoded = decoded
        self.rgb = decoded.rgb
        self._engine = engine

    @cached_property
    def shallow(self) -> Tensor:
        return self._engine.shallow(self._engine.upload(self._engine.resize(self.rgb)))

    @cached_property
    def deep(self) -> Tensor:
        return self._engine.deep(self.shallow)


def _videos(
    source: Source, engine: Engine, on_unreadable: Callable[[str], None]
) -> Iterator[Iterator[_Frame]]:
    """The frames of each clip."""

    def readable() -> Iterator[Decoded]:
        for decoded in read_decoded(source, engine.info.labels.classes):
            if decoded.rgb is None:
                on_unreadable(f"frame {decoded.index}: {decoded.error}")
            else:
                yield decoded

    for _, clip in groupby(readable(), key=lambda decoded: decoded.frame.clip):
        yield (_Frame(decoded, engine) for decoded in clip)


def _windows(
    source: Source, engine: Engine, on_unreadable: Callable[[str], None], *, between: bool
) -> Iterator[SegmentedFrame]:
    """The labelled frames, all as key frames or all between those beside them.

    A frame at the end of a clip has one neighbour; one without any counts as a key frame only.
    """
    for frames in _videos(source, engine, on_unreadable):
        for before, frame, after in _neighbours(frames):
            if frame.decoded.truth is None:
                continue
            keys = [key for key in (before, after) if key is not None] if between else [frame]
            if keys:
                yield _segmented(frame, keys, engine)


def _alternating(frames: Iterable[_Frame], engine: Engine, phase: int) -> Iterator[SegmentedFrame]:
    """All frames of a video; every second one is a key frame, the first of them frame `phase`."""
    for number, (before, frame, after) in enumerate(_neighbours(frames)):
        is_key = number % 2 == phase
        beside = [key for key in (before, after) if key is not None]
        # A video of a single frame has no key frame beside it.
        yield _segmented(frame, [frame] if is_key or not beside else beside, engine)


def _neighbours(
    frames: Iterable[_Frame],
) -> Iterator[tuple[_Frame | None, _Frame, _Frame | None]]:
    """Each frame with the one before and the one after it."""
    before: _Frame | None = None
    current: _Frame | None = None
    for after in frames:
        if current is not None:
            yield before, current, after
        before, current = current, after
    if current is not None:
        yield before, current, None


def _segmented(frame: _Frame, keys: Sequence[_Frame], engine: Engine) -> SegmentedFrame:
    """A frame by the common features of its key frames, whose logits are added."""
    decoded = frame.decoded
    started = time.perf_counter()
    logits = engine.decode(keys[0].deep, frame.shallow)
    for key in keys[1:]:
        logits = logits + engine.decode(key.deep, frame.shallow)
    engine.synchronize()
    computed = time.perf_counter()
    size = decoded.truth.shape if decoded.truth is not None else frame.rgb.shape[:2]
    labels, _ = label_map(logits, (size[0], size[1]), confidence=False)
    finished = time.perf_counter()
    is_key = keys[0] is frame
    image = decoded.frame.frame
    result = FrameResult(
        labels=labels,
        confidence=None,
        mean_confidence=mean_confidence(logits / len(keys)),
        is_key_frame=is_key,
        reason=KeyFrameReason.INTERVAL if is_key else KeyFrameReason.REUSE,
        age=0 if is_key else 1,
        age_ns=0 if is_key else image.stamp_ns - keys[0].decoded.frame.frame.stamp_ns,
        expected_label_change=math.nan,
        key_budget=math.nan,
        preprocess_ms=0.0,
        network_ms=1e3 * (computed - started),
        postprocess_ms=1e3 * (finished - computed),
    )
    return SegmentedFrame(
        index=decoded.index,
        stamp_ns=image.stamp_ns,
        frame_id=image.frame_id,
        rgb=frame.rgb,
        result=result,
        stages_ms=stages_ms(result, decoded.decode_ms),
        truth=decoded.truth,
        clip=decoded.frame.clip,
    )
