"""How deep features are gathered into one: PSPNet's pyramid pooling, or SegFormer's all-MLP head.

Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017; Xie et al., "SegFormer", NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dcfm_ros.network.layers import ConvNorm, enlarge, resize

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


class AllMlp(nn.Module):
    """A linear layer per level, bilinear to the finest level, concatenation, 1x1 convolution.

    Nothing non-linear stands between a level's linear layer and the 1x1 convolution, and resizing
    commutes with both. So each level goes through the product of its two matrices at its own
    resolution: the same sums for a fraction of the multiply-adds.

    Args:
        whole_strides: as in `NetworkConfig`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        embedding: int,
        out_channels: int,
        *,
        whole_strides: bool = False,
    ) -> None:
        super().__init__()
        self._whole_strides = whole_strides
        self._embedding = embedding
        self.levels = nn.ModuleList(nn.Linear(c, embedding) for c in in_channels)
        self.fuse = ConvNorm(embedding * len(in_channels), out_channels)
        self.dropout = nn.Dropout2d(0.1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features from the finest level to the coarsest -> (B, out_channels, H/4, W/4)."""
        # The concatenation that the weights were trained with runs from the coarsest to the finest.
        shares = reversed(self.fuse.conv.weight.flatten(1).split(self._embedding, dim=1))
        size = features[0].shape[-2:]
        bias = self.fuse.conv.bias
        total: Tensor | None = None
        levels = zip(features, self.levels, shares, strict=True)
        for depth, (feature, level, share) in enumerate(levels):
            weight = share @ level.weight  # (out_channels, C)
            coarse = F.conv2d(feature, weight[..., None, None])
            if self._whole_strides:
                level_map = enlarge(coarse, 2**depth, size)
            else:
                level_map = resize(coarse, size)
            level_bias = share @ level.bias
            total = level_map if total is None else total + level_map
            bias = level_bias if bias is None else bias + level_bias
        assert total is not None
        assert bias is not None
        x = self.fuse.norm(total + bias[:, None, None])
        return self.dropout(F.relu(x, inplace=True))
