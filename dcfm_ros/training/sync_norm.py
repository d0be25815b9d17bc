"""Batch normalisation over all processes' batches together."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Sum(torch.autograd.Function):
    """The sum over all processes; each one's gradient is the sum of all, too."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        """(…) -> (…)."""
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        """(…) -> (…)."""
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class SyncBatchNorm2d(nn.BatchNorm2d):
    """What torch's SyncBatchNorm computes, on any device: torch's own refuses the CPU."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (the name of the base class)
        """(B, C, H, W) -> the same, normalised over B, H, W of all processes while training."""
        if not self.training:
            return super().forward(input)
        x = input.float()
        count = _total(x.new_tensor(x.numel() / x.shape[1]))
        mean = _total(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        variance = _total(centred.square().sum((0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach(), float(count))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: float) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)


def synchronize_norms(network: nn.Module, device: torch.device) -> None:
    """Replace every BatchNorm2d inside a network by one over all processes, with the same state."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, _synchronized(child, device))


def _synchronized(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(norm)
        return converted
    copy = SyncBatchNorm2d(norm.num_features, norm.eps, norm.momentum)
    copy.load_state_dict(norm.state_dict())
    return copy


def _total(value: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return total
