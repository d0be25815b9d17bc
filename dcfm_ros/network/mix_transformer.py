"""Mix Transformer (MiT-B0 to B5), the encoder of SegFormer.

Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers",
NeurIPS 2021.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)
MLP_RATIO = 4


class MixTransformer(nn.Module):
    """Four stages of overlapping patch embedding and efficient self-attention.

    Args:
        channels: channels of the stages.
        depths: blocks per stage.
        drop_path: probability of dropping a residual branch in training, at the last block;
            it grows linearly from 0 at the first.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        depths: tuple[int, int, int, int],
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.channels = channels
        rates = np.linspace(0.0, drop_path, sum(depths)).tolist()
        inputs = (3, *channels[:3])
        self.embeddings = nn.ModuleList(
            PatchEmbedding(inputs[i], channels[i], *((7, 4) if i == 0 else (3, 2)))
            for i in range(4)
        )
        stages = []
        for i in range(4):
            stage_rates, rates = rates[: depths[i]], rates[depths[i] :]
            stages.append(
                nn.ModuleList(
                    Block(channels[i], HEADS[i], REDUCTIONS[i], rate) for rate in stage_rates
                )
            )
        self.stages = nn.ModuleList(stages)
        self.norms = nn.ModuleList(nn.LayerNorm(c, eps=1e-6) for c in channels)

    def shallow(self, x: Tensor) -> Tensor:
        """First block of stage 1, before the stage's norm: (B, 3, H, W) -> (B, C1, H/4, W/4)."""
        tokens, size = self.embeddings[0](x)
        return _to_map(self.stages[0][0](tokens, size), size)  # type: ignore[index]

    def deep(self, shallow: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The rest, on the output of `shallow`; returns the output of every stage."""
        size = shallow.shape[-2:]
        tokens = shallow.flatten(2).transpose(1, 2)  # (B, N, C)
        outputs = [self._finish_stage(0, tokens, size, skip=1)]
        for i in range(1, 4):
            tokens, size = self.embeddings[i](outputs[-1])
            outputs.append(self._finish_stage(i, tokens, size))
        return outputs[0], outputs[1], outputs[2], outputs[3]

    def _finish_stage(self, i: int, tokens: Tensor, size: torch.Size, skip: int = 0) -> Tensor:
        stage = self.stages[i]
        assert isinstance(stage, nn.ModuleList)
        for block in stage[skip:]:
            tokens = block(tokens, size)
        return _to_map(self.norms[i](tokens), size)


class PatchEmbedding(nn.Module):
    """Strided convolution to tokens: (B, C, H, W) -> (B, N, C'), size."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(channels, eps=1e-5)

    def forward(self, x: Tensor) -> tuple[Tensor, torch.Size]:
        """Tokens (B, N, C') and the size (h, w) of the map that they stand for."""
        x = self.proj(x)
        return self.norm(x.flatten(2).transpose(1, 2)), x.shape[-2:]


class Block(nn.Module):
    """Efficient self-attention, then Mix-FFN, each with a residual connection."""

    def __init__(self, channels: int, heads: int, reduction: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attention = Attention(channels, heads, reduction)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = MixFeedForward(channels)
        self.drop_path = drop_path

    def forward(self, tokens: Tensor, size: torch.Size) -> Tensor:
        """(B, N, C) of a map of `size` -> (B, N, C)."""
        tokens = tokens + self._drop(self.attention(self.norm1(tokens), size))
        return tokens + self._drop(self.mlp(self.norm2(tokens), size))

    def _drop(self, branch: Tensor) -> Tensor:
        """Stochastic depth: drop a sample's whole branch, scale up the others."""
        if not self.training or self.drop_path == 0.0:
            return branch
        keep = 1.0 - self.drop_path
        mask = branch.new_empty((branch.shape[0], 1, 1)).bernoulli_(keep)
        return branch * mask / keep


class Attention(nn.Module):
    """Multi-head self-attention whose keys and values come from a spatially reduced map."""

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self._heads = heads
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        self.reduce: nn.Conv2d | None = None
        self.norm: nn.LayerNorm | None = None
        if reduction > 1:
            self.reduce = nn.Conv2d(channels, channels, reduction, reduction)
            self.norm = nn.LayerNorm(channels, eps=1e-5)

    def forward(self, tokens: Tensor, size: torch.Size) -> Tensor:
        """(B, N, C) of a map of `size` -> (B, N, C)."""
        source = tokens
        if self.reduce is not None and self.norm is not None:
            reduced = self.reduce(_to_map(tokens, size))
            source = self.norm(reduced.flatten(2).transpose(1, 2))  # (B, N/r^2, C)
        key, value = self.kv(source).chunk(2, dim=-1)
        query, key, value = (self._split(t) for t in (self.q(tokens), key, value))
        mixed = F.scaled_dot_product_attention(query, key, value)  # (B, heads, N, C/heads)
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self._heads, -1)).transpose(1, 2)


class MixFeedForward(nn.Module):
    """Two linear layers around a 3x3 depth-wise convolution that carries position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels * MLP_RATIO
        self.fc1 = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor, size: torch.Size) -> Tensor:
        """(B, N, C) of a map of `size` -> (B, N, C)."""
        x = self.depthwise(_to_map(self.fc1(tokens), size))
        return self.fc2(F.gelu(x.flatten(2).transpose(1, 2)))


def _to_map(tokens: Tensor, size: torch.Size) -> Tensor:
    """(B, N, C) -> (B, C, H, W)."""
    return tokens.transpose(1, 2).unflatten(2, tuple(size))
