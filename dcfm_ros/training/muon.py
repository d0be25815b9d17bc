"""Muon: steps along the orthogonalised momentum, for networks that are trained from scratch.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; step size after Liu
et al., "Muon is Scalable for LLM Training", 2025. torch.optim.Muon takes no convolutions, and its
bfloat16 products are dozens of times slower on CPUs without such instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

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
