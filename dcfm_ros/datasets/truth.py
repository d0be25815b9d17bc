"""What is true of a frame: the label image that belongs to it, read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from dcfm_ros.bags import ImageFrame
from dcfm_ros.bags.ground_truth import LabelledFrame
from dcfm_ros.errors import EvaluationError, ImageError
from dcfm_ros.images import Pixels, to_labels


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """A camera frame and what is true of it, where that is known."""

    frame: ImageFrame
    truth: Callable[[], Pixels] | None
    """Reads the true class ids (h, w); raises EvaluationError where they cannot be read."""
    clip: str = ""
    """Of a data set; frames of different clips do not follow each other."""


def with_truth(labelled: LabelledFrame) -> SourceFrame:
    """A frame with the label image that was matched to it."""
    label = labelled.label
    return SourceFrame(labelled.frame, None if label is None else partial(read_label, label))


def read_truth(source_frame: SourceFrame) -> Pixels | None:
    """The true class ids (h, w) of a frame; None without ground truth.

    Raises:
        EvaluationError: the ground truth is no label image.
    """
    return None if source_frame.truth is None else source_frame.truth()


def read_label(label: ImageFrame) -> Pixels:
    """Class ids (h, w) of a label image.

    Raises:
        EvaluationError: it is none.
    """
    try:
        return np.asarray(to_labels(label.message), np.uint8)
    except ImageError as error:
        raise EvaluationError(
            f"ground truth on {label.topic} at stamp {label.stamp_ns / 1e9:.3f} s: {error}"
        ) from None
