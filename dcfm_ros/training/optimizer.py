"""Parameter groups, the learning rate at every step, and Muon, the optimiser of our own.

Muon steps along the orthogonalised momentum, for networks that are trained from scratch: Jordan et
al., "Muon: An optimizer for hidden layers in neural networks", 2024; step size after Liu et al.,
"Muon is Scalable for LLM Training", 2025. torch.optim.Muon takes no convolutions, and its bfloat16
products are dozens of times slower on CPUs without such instructions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from dcfm_ros.network.dcfm import Dcfm
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


_QUINTIC = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5
_ADAM_RMS = 0.2  # of AdamW's steps in practice, so that its rates and decays serve here too


class Muon(torch.optim.AdamW):
    """AdamW, but Muon for the parameter groups with `orthogonal` set.

    Args:
        groups: with `params`, `orthogonal`, `lr` and `weight_decay`; orthogonal ones hold tensors
            of at least two dimensions, of which the first counts outputs.
        momentum: of the orthogonal groups.
    """

    def __init__(self, groups: list[dict[str, Any]], momentum: float) -> None:
        super().__init__(groups)
        self._momentum = momentum

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every group."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group["orthogonal"]]
        try:
            loss: float | None = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group["orthogonal"]:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._orthogonal_step(parameter, group["lr"], group["weight_decay"])
        return loss

    def _orthogonal_step(self, parameter: Tensor, rate: float, decay: float) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["step"] = torch.zeros(())  # AdamW looks for it when a state is read back
            state["momentum_buffer"] = torch.zeros_like(parameter)
        state["step"] += 1
        momentum = state["momentum_buffer"].lerp_(gradient, 1.0 - self._momentum)
        ahead = gradient.lerp(momentum, self._momentum)  # Nesterov
        matrix = ahead.movedim(1, -1).flatten(1)  # convolutions: one row per output channel
        update = orthogonalize(matrix) * (_ADAM_RMS * max(matrix.shape) ** 0.5)
        outputs, inputs, *kernel = parameter.shape
        update = update.view(outputs, *kernel, inputs).movedim(-1, 1)
        parameter.mul_(1.0 - rate * decay).add_(update, alpha=-rate)


def orthogonalize(matrix: Tensor) -> Tensor:
    """The nearest matrix with orthonormal rows or columns, roughly: singular values in 0.7 … 1.2.

    Every Newton-Schulz round multiplies with a polynomial of the Gram matrix. Those products are
    gathered on the small side and applied once.

    Args:
        matrix: (m, n); directions below about 1e-3 of its length are lost in rounding and stay
            short.
    """
    a, b, c = _QUINTIC
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-12)
    gram = wide @ wide.T
    product = identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(_ROUNDS):
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c).add_(identity, alpha=a)
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    result = product @ wide
    return result if matrix.shape[0] <= matrix.shape[1] else result.T
