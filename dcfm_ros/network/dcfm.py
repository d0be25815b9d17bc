"""DCFM: a common feature that key frames compute and all frames share, fused with a frame's own.

Zheng et al., "Deep Common Feature Mining for Efficient Video Semantic Segmentation", IEEE TCSVT
2024.
B, H, W: batch and input size; h, w: feature size (H/8, W/8 with pyramid pooling, else H/4,
W/4); d: `NetworkConfig.common_channels`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from dcfm_ros.network.config import EFFICIENTNETS, MIT_CHANNELS, MIT_DEPTHS, NetworkConfig
from dcfm_ros.network.context import AllMlp, PyramidPooling
from dcfm_ros.network.efficientnet_lite import SCALES, EfficientNetLite
from dcfm_ros.network.layers import ConvNorm, Normalized, l2_normalize, resize
from dcfm_ros.network.mix_transformer import MixTransformer
from dcfm_ros.network.resnet import BasicBlock, Bottleneck, ResNet


class Dcfm(nn.Module):
    """The whole network; inputs are (B, 3, H, W) RGB, normalised as the checkpoint says."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        d = config.common_channels
        self.backbone = _backbone(config)
        self.context: nn.Module
        if config.context == "pyramid":
            deepest = self.backbone.channels[-1]
            self.context = PyramidPooling(deepest)
            self.bottleneck: nn.Module = nn.Conv2d(2 * deepest, d, 1, bias=False)
        else:
            self.context = AllMlp(
                self.backbone.channels, config.embedding, d, whole_strides=config.whole_strides
            )
            self.bottleneck = nn.Identity()
        self.fusion = Fusion(d, config.independent_channels)
        self.head = _head(config)

    def forward_key(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Segment a key frame.

        Returns:
            logits (B, classes, H, W), and the common feature to pass to `forward_non_key`
            (B, d, h, w): opaque, already multiplied into the fusion.
        """
        independent = self.independent(x)
        common = self.fusion.project(self.common(independent))
        return resize(self.decode(common, independent), x.shape[-2:]), common

    def forward_non_key(self, x: Tensor, common: Tensor) -> Tensor:
        """Segment a frame with the common feature of an earlier one; logits (B, classes, H, W)."""
        return resize(self.decode(common, self.independent(x)), x.shape[-2:])

    def independent(self, x: Tensor) -> Tensor:
        """The shallow feature of a frame: (B, C1, H/4, W/4)."""
        return self.backbone.shallow(x)

    def common(self, independent: Tensor) -> Tensor:
        """The deep feature of the frame whose shallow one is given: (B, d, h, w), unit vectors."""
        features = self.backbone.deep(independent)
        gathered = self.context(features if isinstance(self.context, AllMlp) else features[-1])
        return l2_normalize(self.bottleneck(gathered))

    def decode(self, projected_common: Tensor, independent: Tensor) -> Tensor:
        """Fuse and classify: logits (B, classes, h, w)."""
        return self.head(self.fusion(projected_common, independent))

    def fold(self) -> Dcfm:
        """Multiply every batch normalisation into its convolution; for inference only."""
        self.eval()
        for module in self.modules():
            if isinstance(module, Normalized):
                module.fold()
        return self


def _backbone(config: NetworkConfig) -> ResNet | MixTransformer | EfficientNetLite:
    if config.backbone in EFFICIENTNETS:
        return EfficientNetLite(*SCALES[config.backbone], config.shallow_blocks)
    if config.backbone in MIT_DEPTHS:
        return MixTransformer(MIT_CHANNELS[config.backbone], config.stage_depths)
    block = BasicBlock if config.backbone == "resnet18" else Bottleneck
    return ResNet(
        block,
        config.stage_depths,
        width=config.width,
        stem=config.stem,
        dilated=config.context == "pyramid",
    )


def _head(config: NetworkConfig) -> nn.Sequential:
    d = config.common_channels
    hidden = [ConvNorm(d, d)] if config.hidden_head else []
    return nn.Sequential(*hidden, nn.Dropout2d(0.1), nn.Conv2d(d, config.classes, 1, bias=False))


class Fusion(Normalized):
    """1x1 convolution of the concatenated features, BN, ReLU, unit length.

    The convolution is linear: W · concat(c, s) + b = (W_c · c + b) + W_s · s. The first summand
    depends on the key frame alone, so `project` computes it once per key frame.

    Args:
        common_channels: d, channels of the common and of the fused feature.
        independent_channels: the first n channels of the independent feature take part.
    """

    def __init__(self, common_channels: int, independent_channels: int) -> None:
        super().__init__(nn.Conv2d(common_channels + independent_channels, common_channels, 1))
        self._split = (common_channels, independent_channels)

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

    def _own(self, independent: Tensor, projected_common: Tensor) -> Tensor:
        size, n = projected_common.shape[-2:], self._split[1]
        if self.training:  # the published weights were trained in this order ...
            return l2_normalize(resize(independent, size))[:, :n]
        return resize(l2_normalize(independent)[:, :n], size)  # ... and evaluated in this one
