"""How steady labels are from frame to frame: VC of VSPW, and consistency along the optical flow."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.images import Pixels

WINDOWS = (8, 16)
"""Lengths in frames for which VSPW gives VC."""

_FLOW_WIDTH = 640
"""Flow is computed on pictures of at most this width, in px."""


class VideoConsistency:
    """VC_n: where the truth is constant over n frames, the share where the prediction is, too.

    As published with VSPW (Miao et al., CVPR 2021): the mean over the windows of n frames that
    start at 0 … L − n − 1 of a video of L frames, pooled from all videos; any value of the truth
    counts as a label. Windows in which no true pixel is constant are left out. It does not ask
    whether labels are right.
    """

    def __init__(self) -> None:
        self.sums = dict.fromkeys(WINDOWS, 0.0)
        self.windows = dict.fromkeys(WINDOWS, 0)
        self._former: tuple[Pixels, Pixels] | None = None
        self._runs: tuple[Pixels, Pixels] | None = None
        """(H, W) each: for how many frames the truth, and the prediction, have not changed."""
        self._length = 0

    def add(self, truth: Pixels, prediction: Pixels) -> None:
        """The next frame of a video; both (H, W) labels. Another size starts a new video."""
        if self._former is None or self._former[0].shape != truth.shape:
            self.end_video()
            self._runs = np.ones(truth.shape, np.uint8), np.ones(truth.shape, np.uint8)
        else:
            assert self._runs is not None
            for n in WINDOWS:  # now that another frame follows, windows may end at the last one
                self._close(n)
            _prolong(self._runs[0], truth == self._former[0])
            _prolong(self._runs[1], prediction == self._former[1])
        self._former = truth, prediction
        self._length += 1

    def end_video(self) -> None:
        """Begin a new video with the next frame."""
        self._former = self._runs = None
        self._length = 0

    def value(self, n: int) -> float:
        """VC_n in 0 … 1; NaN without a window."""
        return self.sums[n] / self.windows[n] if self.windows[n] else math.nan

    def _close(self, n: int) -> None:
        """Count the window of n frames that ends at the last frame."""
        if self._length < n or self._runs is None:
            return
        still = self._runs[0] >= n
        pixels = np.count_nonzero(still)
        if pixels:
            self.sums[n] += np.count_nonzero(still & (self._runs[1] >= n)) / pixels
            self.windows[n] += 1


def _prolong(runs: Pixels, unchanged: NDArray[np.bool_]) -> None:
    """One frame more where a pixel has not changed, a new run elsewhere; up to the windows'."""
    np.minimum(runs, max(WINDOWS) - 1, out=runs)
    np.multiply(runs, unchanged, out=runs)
    np.add(runs, 1, out=runs)


class FlowConsistency:
    """mIoU between a frame's labels and the frame before's, moved along the optical flow.

    The temporal consistency of Liu et al., "Efficient semantic video segmentation with per-frame
    inference", ECCV 2020, with dense inverse search (OpenCV's DIS) for the flow; pixels that come
    from outside of the picture are left out. It needs no ground truth.

    Args:
        classes: number of classes.
    """

    def __init__(self, classes: int) -> None:
        self.counts = ConfusionMatrix(classes)
        self._former: tuple[Pixels, Pixels] | None = None

    def add(self, rgb: Pixels, labels: Pixels) -> None:
        """The next frame of a video, (H, W, 3) and (H, W). Another size starts a new video."""
        grey, labels = _reduced(rgb, labels)
        if self._former is not None and self._former[0].shape == grey.shape:
            self.counts.add(warp(self._former[1], self._former[0], grey), labels)
        self._former = grey, labels

    def end_video(self) -> None:
        """Begin a new video with the next frame."""
        self._former = None

    def value(self) -> float:
        """In 0 … 1; NaN without two frames that follow each other."""
        return self.counts.miou()


def warp(labels: Pixels, former: Pixels, current: Pixels) -> Pixels:
    """Labels of the former frame, moved to where its pixels are in the current one.

    Args:
        labels: (H, W) of the former frame.
        former: (H, W) grey, as `current`.

    Returns:
        (H, W); 255 where a pixel comes from outside of the picture.
    """
    # From the current frame back, so that each of its pixels knows where it comes from.
    flow: NDArray[np.float32] = np.asarray(_flow().calc(current, former, None), np.float32)  # type: ignore[call-overload]
    height, width = labels.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(
        labels, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=255
    )
    return np.asarray(moved, np.uint8)


@cache
def _flow() -> cv2.DISOpticalFlow:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)


def _reduced(rgb: Pixels, labels: Pixels) -> tuple[Pixels, Pixels]:
    """Grey (h, w) and labels (h, w) at the width at which flow is computed."""
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    scale = _FLOW_WIDTH / grey.shape[1]
    if scale >= 1.0:
        return grey, labels
    size = (_FLOW_WIDTH, max(1, round(grey.shape[0] * scale)))
    return (
        np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8),
    )
