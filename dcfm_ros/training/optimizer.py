"""Parameter groups and the learning rate at every step."""

from __future__ import annotations

import math

import torch
from torch import nn

from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.training.muon import Muon
from dcfm_ros.training.settings import OptimizerSettings

_BACKBONE = ("backbone.", "context.")


def build_optimizer(network: Dcfm, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """AdamW, SGD or Muon, in groups: backbone or not, vectors (biases and norms) or not.

    With Muon, AdamW moves the vectors, the first convolution and the classifier. The context
    (pyramid pooling, all-MLP) goes with the backbone, as in the reference. Each group keeps its
    highest learning rate as `peak`.
    """
    groups = []
    ends = _ends(network) if settings.name == "muon" else set()
    for of_backbone in (True, False):
        peak = settings.learning_rate
        if of_backbone and settings.backbone_rate:
            peak = settings.backbone_rate
        for kind in ("vectors", "ends", "matrices"):
            parameters = [
                parameter
                for name, parameter in network.named_parameters()
                if name.startswith(_BACKBONE) == of_backbone and _kind(parameter, ends) == kind
            ]
            if parameters:
                decays = settings.decay_vectors or kind != "vectors"
                groups.append(
                    {
                        "params": parameters,
                        "weight_decay": settings.weight_decay if decays else 0.0,
                        "peak": peak,
                        "lr": peak,
                        "orthogonal": kind == "matrices" and settings.name == "muon",
                    }
                )
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    if settings.name == "muon":
        return Muon(groups, settings.momentum)
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


def _ends(network: Dcfm) -> set[nn.Parameter]:
    """The weights of the first convolution and of the classifier."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    return {matrices[0], matrices[-1]}


def _kind(parameter: nn.Parameter, ends: set[nn.Parameter]) -> str:
    if parameter.ndim <= 1:
        return "vectors"
    return "ends" if parameter in ends else "matrices"
