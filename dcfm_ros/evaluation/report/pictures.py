"""Frames as pictures for a report: overlays, truth and mistakes."""

from __future__ import annotations

import base64

import numpy as np

from dcfm_ros.evaluation.run.samples import Sample
from dcfm_ros.images import Pixels, overlay, rgb_to_jpeg
from dcfm_ros.network import LabelSet

_WRONG = np.array((255, 176, 0), np.float32)  # stands out from grey for every kind of colour vision
_ALPHA = 0.6


def prediction(sample: Sample, labels: LabelSet) -> Pixels:
    """The class colours over the picture: (h, w, 3)."""
    return np.asarray(overlay(sample.rgb, sample.labels, labels.palette(), _ALPHA), np.uint8)


def ground_truth(sample: Sample, labels: LabelSet) -> Pixels | None:
    """The true classes over the picture; unlabelled pixels stay as they are."""
    if sample.truth is None:
        return None
    truth = np.where(sample.truth < len(labels.classes), sample.truth, 255).astype(np.uint8)
    return np.asarray(overlay(sample.rgb, truth, labels.palette(), _ALPHA), np.uint8)


def mistakes(sample: Sample, labels: LabelSet) -> Pixels | None:
    """Wrong pixels in orange on the picture in grey; unlabelled pixels are dark."""
    if sample.truth is None:
        return None
    known = sample.truth < len(labels.classes)
    wrong = known & (sample.truth != sample.labels)
    grey = sample.rgb.astype(np.float32).mean(axis=2, keepdims=True).repeat(3, axis=2)
    shown = 0.55 * grey + 70.0
    shown[~known] = 0.3 * grey[~known]
    shown[wrong] = 0.25 * grey[wrong] + 0.75 * _WRONG
    return np.asarray(np.clip(shown, 0, 255), np.uint8)


def jpeg_uri(rgb: Pixels, quality: int = 86) -> str:
    """(h, w, 3) as a data URI, so that a page needs no other file."""
    return "data:image/jpeg;base64," + base64.b64encode(rgb_to_jpeg(rgb, quality)).decode("ascii")


def svg_uri(svg: bytes) -> str:
    """A drawing as a data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")
