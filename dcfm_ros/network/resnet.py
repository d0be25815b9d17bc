"""ResNet-18/50/101 as DCFM uses them: plain or deep stem, dilated or not, any width.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; dilation after DeepLab.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from dcfm_ros.network.layers import ConvNorm


class BasicBlock(nn.Module):
    """Two 3x3 convolutions. Only the second one dilates, as in the published DCFM networks."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(in_channels, channels, 3, stride=stride)
        self.conv2 = ConvNorm(channels, channels, 3, dilation=dilation, relu=False)
        self.shortcut = _shortcut(in_channels, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/stride, W/stride)."""
        return F.relu(self.conv2(self.conv1(x)) + self.shortcut(x), inplace=True)

    def make_identity(self) -> None:
        """Let what is not negative pass as it is, until training makes use of the block."""
        self.conv2.start_at_zero()


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1; stride and dilation are in the 3x3."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = ConvNorm(in_channels, channels)
        self.conv2 = ConvNorm(channels, channels, 3, stride=stride, dilation=dilation)
        self.conv3 = ConvNorm(channels, out_channels, relu=False)
        self.shortcut = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 4C', H/stride, W/stride)."""
        y = self.conv3(self.conv2(self.conv1(x)))
        return F.relu(y + self.shortcut(x), inplace=True)

    def make_identity(self) -> None:
        """Let what is not negative pass as it is, until training makes use of the block."""
        self.conv3.start_at_zero()


class ResNet(nn.Module):
    """The four stages of a ResNet, split after stage 1.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        depths: blocks per stage.
        width: channels of stage 1 before expansion; doubled from stage to stage.
        stem: output channels of the stem's convolutions; one: a 7x7, several: 3x3 each.
        dilated: stages 3 and 4 keep stride 8 and dilate instead.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        depths: tuple[int, int, int, int],
        *,
        width: int = 64,
        stem: tuple[int, ...] = (64,),
        dilated: bool = True,
    ) -> None:
        super().__init__()
        self.stem = _stem(stem)
        self.channels = tuple(width * 2**i * block.expansion for i in range(4))
        strides = (1, 2, 1, 1) if dilated else (1, 2, 2, 2)
        dilations = (1, 1, 2, 4) if dilated else (1, 1, 1, 1)
        inputs = (stem[-1], *self.channels[:3])
        stages = [
            _stage(block, inputs[i], width * 2**i, depths[i], strides[i], dilations[i])
            for i in range(4)
        ]
        self.stage1, self.stage2, self.stage3, self.stage4 = stages

    def make_identities(self, depths: tuple[int, int, int, int]) -> None:
        """Let the blocks after the first `depths` of each stage change nothing at first."""
        stages = (self.stage1, self.stage2, self.stage3, self.stage4)
        for stage, depth in zip(stages, depths, strict=True):
            for block in list(stage)[depth:]:
                assert isinstance(block, (BasicBlock, Bottleneck))
                block.make_identity()

    def shallow(self, x: Tensor) -> Tensor:
        """Stem and stage 1: (B, 3, H, W) -> (B, C1, H/4, W/4)."""
        x = F.max_pool2d(self.stem(x), kernel_size=3, stride=2, padding=1)
        return self.stage1(x)

    def deep(self, shallow: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Stages 2 to 4 on the output of `shallow`; returns the output of every stage."""
        c2 = self.stage2(shallow)
        c3 = self.stage3(c2)
        return shallow, c2, c3, self.stage4(c3)


def _stem(channels: tuple[int, ...]) -> nn.Sequential:
    if len(channels) == 1:
        return nn.Sequential(ConvNorm(3, channels[0], 7, stride=2))
    inputs = (3, *channels[:-1])
    return nn.Sequential(
        *(
            ConvNorm(inputs[i], channels[i], 3, stride=2 if i == 0 else 1)
            for i in range(len(channels))
        )
    )


def _stage(
    block: type[BasicBlock | Bottleneck],
    in_channels: int,
    channels: int,
    depth: int,
    stride: int,
    dilation: int,
) -> nn.Sequential:
    first = block(in_channels, channels, stride, dilation)
    rest = [block(channels * block.expansion, channels, 1, dilation) for _ in range(depth - 1)]
    return nn.Sequential(first, *rest)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ConvNorm(in_channels, out_channels, stride=stride, relu=False)
