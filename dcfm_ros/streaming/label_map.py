"""From logits at feature resolution to labels and confidence at image resolution."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def label_map(
    logits: Tensor, size: tuple[int, int], *, confidence: bool, trust: float = 1.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Resize logits bilinearly to (height, width) and take the best class.

    Args:
        logits: (1, classes, h, w) on any device.
        confidence: compute round(255 · trust · softmax maximum), too.

    Returns:
        labels (H, W), and confidence (H, W) or None.
    """
    if logits.device.type == "cpu":
        planes = logits[0].float().contiguous().numpy()
        return _on_cpu(planes, size, confidence, trust)
    return _on_device(logits, size, confidence, trust)


def mean_confidence(logits: Tensor) -> float:
    """Mean softmax maximum, 0 … 1, at feature resolution: cheap enough for every frame."""
    return float(torch.softmax(logits[0].float(), dim=0).amax(0).mean())


def _on_cpu(
    planes: NDArray[np.float32], size: tuple[int, int], confidence: bool, trust: float = 1.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """A running maximum over classes: the full-resolution logits never exist as a whole.

    Equals interpolation and argmax in torch, 15 times faster at 480x360 on two cores.
    """
    height, width = size
    best = cv2.resize(planes[0], (width, height), interpolation=cv2.INTER_LINEAR)
    labels = np.zeros(size, np.uint8)
    for class_id in range(1, len(planes)):
        plane = cv2.resize(planes[class_id], (width, height), interpolation=cv2.INTER_LINEAR)
        better = cv2.compare(plane, best, cv2.CMP_GT)
        cv2.copyTo(np.full(size, class_id, np.uint8), better, labels)
        cv2.max(plane, best, best)
    if not confidence:
        return labels, None
    total = np.zeros(size, np.float32)
    for plane in planes:
        resized = cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
        total += cv2.exp(resized - best)
    return labels, np.rint(255.0 * trust / total).astype(np.uint8)


def _on_device(
    logits: Tensor, size: tuple[int, int], confidence: bool, trust: float = 1.0
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    full = F.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)[0]
    best, labels = full.max(dim=0)
    ids: NDArray[np.uint8] = labels.to(torch.uint8).cpu().numpy()
    if not confidence:
        return ids, None
    share = trust / torch.exp(full - best).sum(0)
    return ids, (share * 255.0).round().to(torch.uint8).cpu().numpy()
