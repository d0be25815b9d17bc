"""Validation frames to look at: the truth beside what the network says."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dcfm_ros.datasets.clips import Clips
from dcfm_ros.images import overlay
from dcfm_ros.training.samples import read_labelled
from dcfm_ros.training.validation import Predictor, spread

_WIDTH = 480
"""Each picture is at most this wide, px."""


@torch.inference_mode()
def overlays(
    predictor: Predictor,
    clips: Clips,
    palette: NDArray[np.uint8],
    ages: int,
    count: int,
    height: int = 0,
) -> Iterator[NDArray[np.uint8]]:
    """Frames spread over the clips, each (h, 3 w, 3): truth, key frame, oldest non-key frame."""
    for index in spread(len(clips), count) if count else ():
        rgb, labels = read_labelled(clips, int(index), height)
        _, predictions = predictor.segment(clips, int(index), range(ages + 1))
        oldest = predictions[max(predictions)]
        panels = [overlay(rgb, shown, palette) for shown in (labels, predictions[0], oldest)]
        yield np.concatenate([_small(panel) for panel in panels], axis=1)


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    if width <= _WIDTH:
        return rgb
    size = (_WIDTH, round(height * _WIDTH / width))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
