"""Muon against its definition, and against AdamW where it is AdamW."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dcfm_ros.network import Dcfm, NetworkConfig
from dcfm_ros.training.optimizer import Muon, build_optimizer, orthogonalize
from dcfm_ros.training.settings import OptimizerSettings

NETWORK = NetworkConfig("resnet18", 4, 16, 8, context="all_mlp", width=8, stem=(4, 8), embedding=16)


def newton_schulz(matrix: Tensor) -> Tensor:
    """As published: five rounds on the whole matrix."""
    x = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (7, 7), (1, 9)])
def test_directions_stay_and_lengths_become_about_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = left.T @ orthogonalize(matrix) @ right.T
    lengths = turned.diagonal()
    assert turned.sub(lengths.diag()).abs().max() < 1e-9
    assert lengths.min() > 0.6
    assert lengths.max() < 1.3


def test_products_on_the_small_side_are_the_published_rounds() -> None:
    generator = torch.Generator().manual_seed(2)
    scales = torch.logspace(0, -2, 16)[:, None]
    matrix = scales * torch.randn(16, 90, generator=generator)
    found, expected = orthogonalize(matrix), newton_schulz(matrix)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(orthogonalize(matrix.T), found.T, rtol=0, atol=0)
    assert orthogonalize(torch.zeros(3, 5)).abs().max() == 0


def test_two_steps_of_a_convolution_are_those_written_out() -> None:
    weight = nn.Parameter(torch.randn(6, 4, 3, 3, dtype=torch.float64))
    gradients = [torch.randn_like(weight) for _ in range(2)]
    expected, momentum = weight.detach().clone(), torch.zeros_like(weight)
    group = {"params": [weight], "orthogonal": True, "lr": 0.1, "weight_decay": 0.5}
    optimizer = Muon([group], momentum=0.9)
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
        momentum = 0.9 * momentum + 0.1 * gradient
        ahead = 0.9 * momentum + 0.1 * gradient
        step = 0.2 * 36**0.5 * newton_schulz(ahead.flatten(1)).view_as(weight)
        expected = (1 - 0.1 * 0.5) * expected - 0.1 * step
    torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=1e-9)


def test_vectors_and_both_ends_of_the_network_move_as_with_adamw() -> None:
    networks = [Dcfm(NETWORK), Dcfm(NETWORK)]
    networks[1].load_state_dict(networks[0].state_dict())
    for network, name in zip(networks, ("muon", "adamw"), strict=True):
        optimizer = build_optimizer(network, OptimizerSettings(name=name))
        assert isinstance(optimizer, Muon) == (name == "muon")
        for step in range(3):
            generator = torch.Generator().manual_seed(step)
            for parameter in network.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            optimizer.step()
    adam = dict(networks[1].named_parameters())
    ends = {"backbone.stem.0.conv.weight", "head.2.weight"}
    assert ends <= adam.keys()
    for name, parameter in networks[0].named_parameters():
        alike = parameter.ndim == 1 or name in ends
        assert torch.equal(parameter, adam[name]) == alike, name


def test_parameters_without_gradient_stay() -> None:
    network = Dcfm(NETWORK)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = build_optimizer(network, OptimizerSettings(name="muon"))
    moved = network.fusion.conv.weight
    moved.grad = torch.ones_like(moved)
    optimizer.step()
    changed = [n for n, p in network.named_parameters() if not torch.equal(p, before[n])]
    assert changed == ["fusion.conv.weight"]
