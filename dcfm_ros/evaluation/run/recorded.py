"""Live mode: what a node published, matched by stamp with the recording that was played to it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dcfm_ros.bags import BagReader, ImageFrame, stamp_ns
from dcfm_ros.datasets.class_names import id_table
from dcfm_ros.datasets.source import Source
from dcfm_ros.evaluation.measure.frames import STAGES, SegmentedFrame
from dcfm_ros.images import Pixels, to_labels
from dcfm_ros.streaming import FrameResult, KeyFrameReason

LABEL_TOPIC = "/segmenter/label_image"
STATUS_TOPIC = "/segmenter/status"


def recorded_frames(
    source: Source, outputs: BagReader, classes: Sequence[str] = ()
) -> Iterator[SegmentedFrame]:
    """The frames that came back from the node, in the order in which it took them.

    Frames without a label image are left out; their places show in the others' index.

    Args:
        source: what was played.
        outputs: the label images and statuses that were recorded meanwhile.
        classes: names of the network's; empty where the ground truth has its ids anyway.

    Raises:
        BagError: one of the recordings is damaged.
        EvaluationError: a ground-truth message is no label image, or of other classes altogether.
    """
    table = id_table(source.truth_classes, classes) if classes else None
    statuses = _statuses(outputs)
    labels = outputs.frames(LABEL_TOPIC)
    label = next(labels, None)
    for index, played in enumerate(source.frames()):
        if label is None:
            return
        if played.frame.stamp_ns != label.stamp_ns:
            continue
        if statuses[label.stamp_ns]:
            truth = played.read_truth()
            if truth is not None and table is not None:
                truth = table[truth]
            status = statuses[label.stamp_ns].popleft()
            rgb = source.decoder.rgb(played.frame.message)
            yield _segmented(index, rgb, label, status, truth)
        label = next(labels, None)


def rate_hz(outputs: BagReader) -> float:
    """Label images per second of wall time, from the first to the last; 0 if under two came."""
    times_ns = [message.log_ns for message in outputs.raw_messages([LABEL_TOPIC])]
    if len(times_ns) < 2 or times_ns[-1] <= times_ns[0]:
        return 0.0
    return 1e9 * (len(times_ns) - 1) / (times_ns[-1] - times_ns[0])


def _statuses(outputs: BagReader) -> dict[int, deque[Any]]:
    """FrameStatus messages by stamp, each in the order they came."""
    found: dict[int, deque[Any]] = defaultdict(deque)
    for record in outputs.messages([STATUS_TOPIC]):
        found[stamp_ns(record.message.header)].append(record.message)
    return found


def _segmented(
    index: int, rgb: Pixels, label: ImageFrame, status: Any, truth: Pixels | None
) -> SegmentedFrame:
    age = status.common_age
    times_ms = {stage: float(getattr(status, f"{stage}_ms")) for stage in STAGES}
    result = FrameResult(
        labels=np.asarray(to_labels(label.message), np.uint8),
        confidence=None,
        mean_confidence=float(status.mean_confidence),
        is_key_frame=bool(status.is_key_frame),
        reason=KeyFrameReason(int(status.reason)),
        age=int(status.common_age_frames),
        age_ns=int(age.sec) * 1_000_000_000 + int(age.nanosec),
        expected_label_change=float(status.expected_label_change),
        key_budget=float(status.key_budget),
        preprocess_ms=times_ms["preprocess"],
        network_ms=times_ms["network"],
        postprocess_ms=times_ms["postprocess"],
    )
    return SegmentedFrame(
        index=index,
        stamp_ns=label.stamp_ns,
        frame_id=label.frame_id,
        rgb=rgb,
        result=result,
        stages_ms=times_ms,
        truth=truth,
    )
