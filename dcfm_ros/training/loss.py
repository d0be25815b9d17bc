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
    network: Dcfm,
    labelled: Tensor,
    target: Tensor,
    class_weights: Tensor | None = None,
    normalizer: Tensor | None = None,
) -> LossTerms:
    """The first term alone: the labelled frame as its own key frame.

    Args:
        labelled: (B, 3, H, W) normalised RGB.
        target: (B, H, W) int64 class ids, 255 ignored.
        class_weights: (classes,) or None for equal ones.
        normalizer: see `cross_entropy`.
    """
    independent = network.independent(labelled)
    fused = network.fusion(network.fusion.project(network.common(independent)), independent)
    key = cross_entropy(network.head(fused), target, class_weights, normalizer)
    zero = key.new_zeros(())
    return LossTerms(key, zero, zero, key)


def symmetric_loss(
    network: Dcfm,
    labelled: Tensor,
    target: Tensor,
    neighbour: Tensor,
    class_weights: Tensor | None = None,
    normalizer: Tensor | None = None,
    *,
    non_key_weight: float = 0.4,
    consistency_weight: float = 10.0,
) -> LossTerms:
    """CE(F_L) + 0.4 CE(F̂_L) + 10 MSE(M F_L, M F_U); 0 where no pixel of the batch is labelled.

    Args:
        labelled: (B, 3, H, W) normalised RGB, the frames with labels.
        target: (B, H, W) int64 class ids, 255 ignored.
        neighbour: (B, 3, H, W), one unlabelled frame for each labelled one.
        class_weights: (classes,) or None for equal ones.
        normalizer: see `cross_entropy`.
        non_key_weight: of the second term.
        consistency_weight: of the third.
    """
    fuse, batch = network.fusion, len(labelled)
    independent = network.independent(torch.cat([labelled, neighbour]))
    projected = fuse.project(network.common(independent))
    own, common = independent[:batch], projected.split(batch)
    fused = fuse(projected, independent)  # F_L and F_U: each its own key frame
    fused_key, fused_neighbour = fused.split(batch)
    fused_non_key = fuse(common[1], own)  # F̂_L: the labelled frame as a non-key frame

    logits_key, logits_neighbour = network.head(fused).split(batch)
    logits_non_key = network.head(fused_non_key)
    key = cross_entropy(logits_key, target, class_weights, normalizer)
    non_key = cross_entropy(logits_non_key, target, class_weights, normalizer)
    agree = logits_key.argmax(1, keepdim=True) == logits_neighbour.argmax(1, keepdim=True)
    consistency = F.mse_loss((fused_key * agree).float(), (fused_neighbour * agree).float())
    if normalizer is None:
        normalizer = labelled_weight(target, class_weights)
    consistency = consistency * (normalizer > 0)  # a batch without labels contributes nothing
    total = key + non_key_weight * non_key + consistency_weight * consistency
    return LossTerms(key, non_key, consistency, total)


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    class_weights: Tensor | None = None,
    normalizer: Tensor | None = None,
) -> Tensor:
    """Mean over labelled pixels, at the target's size; 0 where no pixel is labelled.

    Args:
        logits: (B, classes, h, w).
        target: (B, H, W) int64, 255 ignored.
        class_weights: (classes,) or None for equal ones.
        normalizer: scalar that the sum over pixels is divided by; None for the target's
            `labelled_weight`. With N processes it is theirs together over N, so that the mean of
            their losses is that of one batch.
    """
    logits = resize(logits.float(), target.shape[-2:])
    losses = F.cross_entropy(
        logits, target, class_weights, ignore_index=UNLABELLED, reduction="sum"
    )
    if normalizer is None:
        normalizer = labelled_weight(target, class_weights)
    return losses / normalizer.clamp(min=1e-6)


def labelled_weight(target: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Number of labelled pixels, or the sum of the weights of their classes: a float scalar."""
    if class_weights is None:
        return (target != UNLABELLED).sum(dtype=torch.float32)
    table = F.pad(class_weights, (0, UNLABELLED + 1 - len(class_weights)))
    return table[target].sum()
