"""DCFM: a common feature that key frames compute and all frames share, fused with a frame's own.

Zheng et al., "Deep Common Feature Mining for Efficient Video Semantic Segmentation", IEEE TCSVT
2024.
B, H, W: batch and input size; h, w: feature size (H/8, W/8 with pyramid pooling, else H/4,
W/4); d: `NetworkConfig.common_channels`.
"""

from __future__ import annotations

from torch import Tensor, nn

from dcfm_ros.network.all_mlp import AllMlp
from dcfm_ros.network.config import EFFICIENTNETS, MIT_CHANNELS, MIT_DEPTHS, NetworkConfig
from dcfm_ros.network.efficientnet_lite import SCALES, Convolution, EfficientNetLite
from dcfm_ros.network.fusion import Fusion
from dcfm_ros.network.layers import ConvNorm, l2_normalize, resize
from dcfm_ros.network.mix_transformer import MixTransformer
from dcfm_ros.network.pyramid_pooling import PyramidPooling
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
            if isinstance(module, (ConvNorm, Convolution, Fusion)):
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
