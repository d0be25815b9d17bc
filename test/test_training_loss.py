"""Each term of the symmetric loss against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from dcfm_ros.network import Dcfm, named_config
from dcfm_ros.training.loss import cross_entropy, labelled_loss, symmetric_loss


def test_cross_entropy_by_hand() -> None:
    """Two labelled pixels with probabilities 3/4 and 1/2 of the right class."""
    logits = torch.log(torch.tensor([[0.75, 0.5, 0.1], [0.25, 0.5, 0.9]])).view(1, 2, 1, 3)
    target = torch.tensor([[[0, 1, 255]]])
    expected = -(math.log(0.75) + math.log(0.5)) / 2
    assert cross_entropy(logits, target, None).item() == pytest.approx(expected)
    weights = torch.tensor([3.0, 1.0])
    expected = -(3 * math.log(0.75) + 1 * math.log(0.5)) / 4
    assert cross_entropy(logits, target, weights).item() == pytest.approx(expected)


def test_a_batch_without_any_label_contributes_nothing() -> None:
    logits = torch.randn(2, 4, 3, 3, requires_grad=True)
    loss = cross_entropy(logits, torch.full((2, 6, 6), 255), torch.ones(4))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.fixture
def network() -> Dcfm:
    """In eval mode, so that batch statistics and dropout do not enter the comparison."""
    torch.manual_seed(4)
    network = Dcfm(named_config("camvid_tiny").network).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.bias)
    return network


def test_the_three_terms_are_those_of_the_paper(network: Dcfm) -> None:
    labelled, neighbour = torch.randn(2, 2, 3, 32, 48)
    target = torch.randint(0, 11, (2, 32, 48))
    target[0, :7] = 255
    fuse = network.fusion

    def parts(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        s = network.independent(x)
        return network.common(s), s

    (c_l, s_l), (c_u, s_u) = parts(labelled), parts(neighbour)
    f_l, f_u = fuse(fuse.project(c_l), s_l), fuse(fuse.project(c_u), s_u)
    f_hat = fuse(fuse.project(c_u), s_l)
    with torch.no_grad():  # a classifier whose answer varies over the image
        hidden = network.head[0](f_l)[0].flatten(1).T
        mean = hidden.mean(0)
        classifier = hidden[:: len(hidden) // 11][:11] - mean
        classifier -= (classifier @ mean / (mean @ mean))[:, None] * mean
        network.head[-1].weight.copy_(classifier[..., None, None])
    mask = (network.head(f_l).argmax(1) == network.head(f_u).argmax(1)).float()[:, None]
    key = cross_entropy(network.head(f_l), target, None)
    non_key = cross_entropy(network.head(f_hat), target, None)
    consistency = ((mask * f_l - mask * f_u) ** 2).mean()

    terms = symmetric_loss(network, labelled, target, neighbour)
    assert 0.0 < mask.mean() < 1.0  # the mask does something here
    torch.testing.assert_close(terms.key, key)
    torch.testing.assert_close(terms.non_key, non_key)
    torch.testing.assert_close(terms.consistency, consistency)
    torch.testing.assert_close(terms.total, key + 0.4 * non_key + 10.0 * consistency)


def test_a_neighbour_equal_to_the_frame_makes_the_terms_coincide(network: Dcfm) -> None:
    frame, target = torch.randn(1, 3, 32, 48), torch.randint(0, 11, (1, 32, 48))
    terms = symmetric_loss(network, frame, target, frame.clone())
    torch.testing.assert_close(terms.key, terms.non_key)
    assert terms.consistency.item() == pytest.approx(0.0, abs=1e-12)
    torch.testing.assert_close(labelled_loss(network, frame, target).total, terms.key)


def test_gradients_reach_the_neighbour_through_both_of_its_terms(network: Dcfm) -> None:
    labelled, neighbour = torch.randn(2, 1, 3, 32, 48)
    neighbour.requires_grad_()
    target = torch.full((1, 32, 48), 255)
    symmetric_loss(network, labelled, target, neighbour).total.backward()
    only_consistency = neighbour.grad.abs().sum().item()
    neighbour.grad = None
    target = torch.randint(0, 11, (1, 32, 48))
    symmetric_loss(network, labelled, target, neighbour, consistency_weight=0).total.backward()
    assert only_consistency > 0
    assert neighbour.grad.abs().sum() > 0


def test_the_loss_is_finite_where_nothing_is_labelled(network: Dcfm) -> None:
    labelled, neighbour = torch.randn(2, 1, 3, 32, 48)
    terms = symmetric_loss(network, labelled, torch.full((1, 32, 48), 255), neighbour)
    assert torch.isfinite(terms.total)
    assert terms.key.item() == terms.non_key.item() == 0.0


def test_cross_entropy_resizes_logits_to_the_labels() -> None:
    logits, target = torch.randn(1, 3, 4, 5), torch.randint(0, 3, (1, 8, 10))
    full = F.interpolate(logits, size=(8, 10), mode="bilinear", align_corners=False)
    torch.testing.assert_close(cross_entropy(logits, target, None), F.cross_entropy(full, target))
