"""The fusion of a common and an independent feature, split so that reuse costs little."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dcfm_ros.network.layers import l2_normalize, resize


class Fusion(nn.Module):
    """1x1 convolution of the concatenated features, BN, ReLU, unit length.

    The convolution is linear: W · concat(c, s) + b = (W_c · c + b) + W_s · s. The first summand
    depends on the key frame alone, so `project` computes it once per key frame.

    Args:
        common_channels: d, channels of the common and of the fused feature.
        independent_channels: the first n channels of the independent feature take part.
    """

    def __init__(self, common_channels: int, independent_channels: int) -> None:
        super().__init__()
        self._split = (common_channels, independent_channels)
        self.conv = nn.Conv2d(common_channels + independent_channels, common_channels, 1)
        self.norm: nn.Module = nn.BatchNorm2d(common_channels)

    def project(self, common: Tensor) -> Tensor:
        """W_c · c + b: (B, d, h, w) -> (B, d, h, w)."""
        weight = self.conv.weight.split(self._split, dim=1)[0]
        return F.conv2d(common, weight, self.conv.bias)

    def forward(self, projected_common: Tensor, independent: Tensor) -> Tensor:
        """(B, d, h, w) and (B, C1, H/4, W/4) -> the fused feature (B, d, h, w), unit vectors."""
        weight = self.conv.weight.split(self._split, dim=1)[1]
        own = self._own(independent, projected_common)
        fused = self.norm(projected_common + F.conv2d(own, weight))
        return l2_normalize(F.relu(fused))

    def fold(self) -> None:
        """Multiply the batch normalisation into the convolution; for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()

    def _own(self, independent: Tensor, projected_common: Tensor) -> Tensor:
        size, n = projected_common.shape[-2:], self._split[1]
        if self.training:  # the published weights were trained in this order ...
            return l2_normalize(resize(independent, size))[:, :n]
        return resize(l2_normalize(independent)[:, :n], size)  # ... and evaluated in this one
