"""Small building blocks that every part of the network shares."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Normalized(nn.Module):
    """A convolution and the batch normalisation of what it gives."""

    def __init__(self, conv: nn.Conv2d, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.conv = conv
        self.norm: nn.Module = nn.BatchNorm2d(conv.out_channels, eps, momentum)

    def fold(self) -> None:
        """Multiply the batch normalisation into the convolution; for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class ConvNorm(Normalized):
    """Convolution without bias, batch normalisation and, where asked for, ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        relu: bool = True,
    ) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False)
        )
        self._relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/stride, W/stride)."""
        x = self.norm(self.conv(x))
        return F.relu(x, inplace=True) if self._relu else x

    def start_at_zero(self) -> None:
        """Let a new layer's output be 0 until it is trained."""
        assert isinstance(self.norm, nn.BatchNorm2d)
        nn.init.zeros_(self.norm.weight)


def l2_normalize(x: Tensor) -> Tensor:
    """Scale the channel vector of every position to length 1: (B, C, H, W)."""
    # 1e-12 is zero in float16, and a vector of zeros must stay one.
    return F.normalize(x, dim=1, eps=max(1e-12, torch.finfo(x.dtype).tiny))


def resize(x: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Bilinear, corners not aligned; returns `x` itself where the size already fits."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def enlarge(x: Tensor, factor: int, size: torch.Size | tuple[int, int]) -> Tensor:
    """Bilinear by a whole factor, cut to `size`, which may not be larger than that."""
    height, width = size
    whole = (x.shape[-2] * factor, x.shape[-1] * factor)
    return resize(x, whole)[..., :height, :width]
