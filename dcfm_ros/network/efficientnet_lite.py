"""EfficientNet-Lite 0 to 2: EfficientNet without squeeze-and-excitation, ReLU6, made for int8.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019;
the Lite variants are described in the TensorFlow TPU repository. Strided convolutions pad as
TensorFlow does for even sizes: nothing before the first pixel with 3x3, one pixel with 5x5, one
more behind the last.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from dcfm_ros.network.layers import Normalized

STEM_CHANNELS = 32
# expansion, channels, blocks, stride, kernel of each stage of lite0
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
SCALES = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}
"""Width and depth, in multiples of lite0's; the first and the last stage keep their depth."""

_AFTER_STRIDE = (1, 2, 4, 6)  # last stage at strides 4, 8, 16 and 32


class EfficientNetLite(nn.Module):
    """The seven stages without the classifier, split inside or after the stride-4 stage.

    Args:
        width: channels in multiples of lite0's.
        depth: blocks per stage likewise.
        shallow_blocks: blocks of the stride-4 stage that every frame computes; 0: all of them.
    """

    def __init__(self, width: float, depth: float, shallow_blocks: int = 0) -> None:
        super().__init__()
        channels = [_rounded(width * stage[1]) for stage in _STAGES]
        depths = block_counts(depth)
        self.channels = tuple(channels[i] for i in _AFTER_STRIDE)
        self.stem = Convolution(3, STEM_CHANNELS, 3, stride=2)
        stages = [
            nn.Sequential(
                *(
                    InvertedResidual(before if i == 0 else after, after, expansion, kernel, strides)
                    for i, strides in enumerate((stride, *(1,) * (depths[number] - 1)))
                )
            )
            for number, ((before, after), (expansion, _, _, stride, kernel)) in enumerate(
                zip(pairwise([STEM_CHANNELS, *channels]), _STAGES, strict=True)
            )
        ]
        self.stages = nn.ModuleList(stages)
        self._shallow_blocks = shallow_blocks or depths[1]

    def shallow(self, x: Tensor) -> Tensor:
        """The stem and the stages to stride 4: (B, 3, H, W) -> (B, C1, H/4, W/4), linear."""
        x = self.stages[0](self.stem(x))
        return self._stage(1)[: self._shallow_blocks](x)

    def deep(self, shallow: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The rest, on the output of `shallow`; returns features at strides 4, 8, 16 and 32."""
        x = self._stage(1)[self._shallow_blocks :](shallow)
        outputs = [x]
        for number in range(2, len(_STAGES)):
            x = self.stages[number](x)
            if number in _AFTER_STRIDE:
                outputs.append(x)
        return outputs[0], outputs[1], outputs[2], outputs[3]

    def _stage(self, number: int) -> nn.Sequential:
        stage = self.stages[number]
        assert isinstance(stage, nn.Sequential)
        return stage


class InvertedResidual(nn.Module):
    """1x1 expansion, depth-wise convolution, 1x1 projection without activation."""

    def __init__(
        self, in_channels: int, channels: int, expansion: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand: nn.Module = nn.Identity()
        if expansion > 1:
            self.expand = Convolution(in_channels, hidden)
        self.depthwise = Convolution(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = Convolution(hidden, channels, relu=False)
        self._adds = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/stride, W/stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self._adds else y


class Convolution(Normalized):
    """Convolution without bias, batch normalisation and, where asked for, ReLU6."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False
        )
        super().__init__(conv, eps=1e-3, momentum=0.01)
        self._relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        if self.conv.stride[0] > 1:
            x = F.pad(x, self._padding(x.shape[-1]) + self._padding(x.shape[-2]))
        x = self.norm(self.conv(x))
        return F.relu6(x, inplace=True) if self._relu else x

    def _padding(self, size: int) -> tuple[int, int]:
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        before = (kernel - stride) // 2
        whole = stride * (math.ceil(size / stride) - 1) + kernel
        return before, whole - size - before


def block_counts(depth: float) -> tuple[int, ...]:
    """Blocks of each stage; the first and the last are not scaled."""
    last = len(_STAGES) - 1
    return tuple(
        stage[2] if i in (0, last) else math.ceil(depth * stage[2])
        for i, stage in enumerate(_STAGES)
    )


def _rounded(channels: float) -> int:
    """To the nearest multiple of 8, but not below 90 % of what was asked for."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
