"""What a frame costs in multiply-adds, counted from the operations that the network really does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dcfm_ros.network import Dcfm, NetworkConfig


@dataclass(frozen=True)
class FrameCost:
    """Multiply-adds of convolutions and linear layers; products inside attention stand apart."""

    key: int
    non_key: int
    key_attention: int
    non_key_attention: int
    parameters: int


def mean_cost(frames: Sequence[int], costs: Sequence[FrameCost]) -> FrameCost:
    """Of a frame of several recordings, whose image sizes may differ.

    Args:
        frames: of each recording.
        costs: likewise.
    """
    total = dict.fromkeys((field.name for field in fields(FrameCost)), 0)
    for n, cost in zip(frames, costs, strict=True):
        total = {name: sum_ + n * getattr(cost, name) for name, sum_ in total.items()}
    return FrameCost(**{name: round(sum_ / sum(frames)) for name, sum_ in total.items()})


@cache
def frame_cost(config: NetworkConfig, size: tuple[int, int]) -> FrameCost:
    """Count a key and a non-key frame of one camera. Computes nothing: shapes alone decide.

    Args:
        size: (height, width) that the network sees, in px.
    """
    with torch.device("meta"):
        network = Dcfm(config)
        x = torch.empty(1, 3, *size)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    network.eval()
    common = network.fusion.project(network.common(network.independent(x)))
    key, key_attention = _count(network, lambda: network.forward_key(x))
    non_key, non_key_attention = _count(network, lambda: network.forward_non_key(x, common))
    return FrameCost(key, non_key, key_attention, non_key_attention, parameters)


@torch.inference_mode()
def _count(network: nn.Module, run: Callable[[], object]) -> tuple[int, int]:
    """Multiply-adds of layers, and of the matrix products that belong to no layer: attention."""
    linear = 0

    def add_linear(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal linear
        linear += output.numel() * inputs[0].shape[-1]

    hooks = [
        module.register_forward_hook(add_linear)
        for module in network.modules()
        if isinstance(module, nn.Linear)
    ]
    with FlopCounterMode(display=False) as counter:
        run()
    for hook in hooks:
        hook.remove()
    # Functional convolutions (the split fusion) have no module: the dispatcher sees them all.
    convolution = counter.get_flop_counts()["Global"].get(torch.ops.aten.convolution, 0) // 2
    products = counter.get_total_flops() // 2 - convolution - linear
    return convolution + linear, products
