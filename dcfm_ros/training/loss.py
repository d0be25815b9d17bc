"""The three terms of symmetric training (section Training of the DCFM paper)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.labels import UNLABELLED
from dcfm_ros.network.layers import resize


@dataclass(frozen=True)
class LossTerms:
    """Each term before its weight; `total` is their weighted sum."""

    key: Tensor
    non_key: Tensor
    consistency: Tensor
    total: Tensor


def labelled_loss(
    network: Dcfm, labelled: Tensor, target: Tensor, class_weights: Tensor | None = None
) -> LossTerms:
    """The first term alone: the labelled frame as its own key frame.

    Args:
        labelled: (B, 3, H, W) normalised RGB.
        target: (B, H, W) int64 class ids, 255 ignored.
        class_weights: (classes,) or None for equal ones.
    """
    independent = network.independent(labelled)
    fused = network.fusion(network.fusion.project(network.common(independent)), independent)
    key = cross_entropy(network.head(fused), target, class_weights)
    zero = key.new_zeros(())
    return LossTerms(key, zero, zero, key)


def symmetric_loss(
    network: Dcfm,
    labelled: Tensor,
    target: Tensor,
    neighbour: Tensor,
    class_weights: Tensor | None = None,
    *,
    non_key_weight: float = 0.4,
    consistency_weight: float = 10.0,
) -> LossTerms:
    """CE(F_L) + 0.4 CE(F̂_L) + 10 MSE(M F_L, M F_U).

    Args:
        labelled: (B, 3, H, W) normalised RGB, the frames with labels.
        target: (B, H, W) int64 class ids, 255 ignored.
        neighbour: (B, 3, H, W), one unlabelled frame for each labelled one.
        class_weights: (classes,) or None for equal ones.
    """
    fuse, batch = network.fusion, len(labelled)
    independent = network.independent(torch.cat([labelled, neighbour]))
    projected = fuse.project(network.common(independent))
    own, common = independent[:batch], projected.split(batch)
    fused = fuse(projected, independent)  # F_L and F_U: each its own key frame
    fused_key, fused_neighbour = fused.split(batch)
    fused_non_key = fuse(common[1], own)  # F̂_L: the labelled frame as a non-key frame

    logits_key, logits_neighbour = network.head(fused).split(batch)
    key = cross_entropy(logits_key, target, class_weights)
    non_key = cross_entropy(network.head(fused_non_key), target, class_weights)
    agree = logits_key.argmax(1, keepdim=True) == logits_neighbour.argmax(1, keepdim=True)
    consistency = F.mse_loss(fused_key * agree, fused_neighbour * agree)
    total = key + non_key_weight * non_key + consistency_weight * consistency
    return LossTerms(key, non_key, consistency, total)


def cross_entropy(logits: Tensor, target: Tensor, class_weights: Tensor | None) -> Tensor:
    """Mean over labelled pixels, at the target's size; 0 where no pixel is labelled.

    Args:
        logits: (B, classes, h, w).
        target: (B, H, W) int64, 255 ignored.
    """
    logits = resize(logits, target.shape[-2:])
    losses = F.cross_entropy(
        logits, target, class_weights, ignore_index=UNLABELLED, reduction="sum"
    )
    labelled = target[target != UNLABELLED]
    weight = len(labelled) if class_weights is None else class_weights[labelled].sum()
    return losses / max(float(weight), 1e-6)
