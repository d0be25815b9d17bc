"""Parameter groups and the learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.training.settings import OptimizerSettings

_BACKBONE = ("backbone.", "context.")


def build_optimizer(network: Dcfm, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """AdamW or SGD, in four groups: backbone or not, vectors (biases and norms) or not.

    The context (pyramid pooling, all-MLP) goes with the backbone, as in the reference. Each group
    keeps its highest learning rate as `peak`.
    """
    groups = []
    for of_backbone in (True, False):
        peak = settings.learning_rate
        if of_backbone and settings.backbone_rate:
            peak = settings.backbone_rate
        for vectors in (True, False):
            decays = settings.decay_vectors or not vectors
            groups.append(
                {
                    "params": list(_parameters(network, of_backbone, vectors)),
                    "weight_decay": settings.weight_decay if decays else 0.0,
                    "peak": peak,
                    "lr": peak,
                }
            )
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def set_learning_rates(
    optimizer: torch.optim.Optimizer, settings: OptimizerSettings, step: int
) -> float:
    """Set every group's rate for a step; returns that of the last group, the decoder's."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(settings, group["peak"], step)
    return float(optimizer.param_groups[-1]["lr"])


def learning_rate(settings: OptimizerSettings, peak: float, step: int) -> float:
    """Polynomial decay from the first step on, multiplied by a linear warm-up.

    Args:
        peak: highest learning rate of the group.
        step: counted from 0.
    """
    done = min(step / settings.iterations, 1.0)
    floor = min(settings.floor, peak)
    rate = floor + (peak - floor) * math.pow(1.0 - done, settings.power)
    if step < settings.warmup:
        factor = settings.warmup_factor
        rate *= factor + (1.0 - factor) * step / settings.warmup
    return rate


def _parameters(network: Dcfm, of_backbone: bool, vectors: bool) -> Iterable[nn.Parameter]:
    for name, parameter in network.named_parameters():
        if name.startswith(_BACKBONE) == of_backbone and (parameter.ndim <= 1) == vectors:
            yield parameter
