"""Pyramid pooling: a feature map joined with averages of itself over ever finer grids.

Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcfm_ros.network.layers import ConvNorm

BINS = (1, 2, 3, 6)


class PyramidPooling(nn.Module):
    """(B, C, H, W) -> (B, 2C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(ConvNorm(channels, channels // len(BINS)) for _ in BINS)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2C, H, W), the input first."""
        size = x.shape[-2:]
        levels = [x]
        for bins, branch in zip(BINS, self.branches, strict=True):
            pooled = branch(F.adaptive_avg_pool2d(x, bins))  # (B, C/4, bins, bins)
            levels.append(F.interpolate(pooled, size=size, mode="bilinear", align_corners=True))
        return torch.cat(levels, dim=1)
