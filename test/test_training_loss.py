"""Each term of the symmetric loss against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from dcfm_ros.network import Dcfm, named_config
from dcfm_ros.training.loss import (
    cross_entropy,
    labelled_loss,
    labelled_weight,
    symmetric_loss,
)


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


def test_a_batch_without_labels_gives_no_loss_and_no_gradient(network: Dcfm) -> None:
    labelled, neighbour = torch.randn(2, 1, 3, 32, 48)
    terms = symmetric_loss(network, labelled, torch.full((1, 32, 48), 255), neighbour)
    assert terms.total.item() == 0.0
    terms.total.backward()
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())


class ByHand(torch.nn.Module):
    """Two channels, two classes, and features that can be worked out without a computer.

    s = x, c = 10 x, F = c + s, logits = F: F_L = 11 x_L, F_U = 11 x_U, F̂_L = 10 x_U + x_L.
    """

    class Fuse(torch.nn.Module):
        def project(self, common: torch.Tensor) -> torch.Tensor:
            return common

        def forward(self, projected: torch.Tensor, independent: torch.Tensor) -> torch.Tensor:
            return projected + independent

    def __init__(self) -> None:
        super().__init__()
        self.fusion = self.Fuse()
        self.head = torch.nn.Identity()

    def independent(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def common(self, independent: torch.Tensor) -> torch.Tensor:
        return 10 * independent


def probability(first: float, second: float) -> float:
    """Softmax of the first of two logits."""
    return 1 / (1 + math.exp(second - first))


def test_values_and_gradients_of_each_term_by_hand() -> None:
    """Two pixels. In the first both frames say class 0; in the second they disagree, so M = 0."""
    labelled = torch.tensor([[[[0.10, 0.00]], [[0.02, 0.05]]]], requires_grad=True)  # (1, 2, 1, 2)
    neighbour = torch.tensor([[[[0.08, 0.03]], [[0.01, 0.01]]]], requires_grad=True)
    target = torch.tensor([[[0, 255]]])
    terms = symmetric_loss(ByHand(), labelled, target, neighbour)  # type: ignore[arg-type]

    p = probability(11 * 0.10, 11 * 0.02)
    q = probability(10 * 0.08 + 0.10, 10 * 0.01 + 0.02)
    # four elements, of which the two of the second pixel are masked
    difference = (11 * (0.10 - 0.08), 11 * (0.02 - 0.01))
    consistency = (difference[0] ** 2 + difference[1] ** 2) / 4
    assert terms.key.item() == pytest.approx(-math.log(p), rel=1e-5)
    assert terms.non_key.item() == pytest.approx(-math.log(q), rel=1e-5)
    assert terms.consistency.item() == pytest.approx(consistency, rel=1e-4)
    total = -math.log(p) - 0.4 * math.log(q) + 10 * consistency
    assert terms.total.item() == pytest.approx(total, rel=1e-5)

    terms.total.backward()
    # Cross-entropy: probability minus truth. Squares: 2 d / 4. Then the chain rule: 11 x, 10 x, x.
    key, non_key = (p - 1, 1 - p), (q - 1, 1 - q)
    pull = [10 * 2 * d / 4 for d in difference]
    of_labelled = [11 * key[k] + 0.4 * non_key[k] + 11 * pull[k] for k in range(2)]
    of_neighbour = [0.4 * 10 * non_key[k] - 11 * pull[k] for k in range(2)]
    for found, expected in ((labelled.grad, of_labelled), (neighbour.grad, of_neighbour)):
        assert found is not None
        assert found[0, :, 0, 0].tolist() == pytest.approx(expected, rel=1e-4)
        assert not found[0, :, 0, 1].any()  # neither labelled nor alike


def test_processes_average_to_the_loss_of_their_joint_batch() -> None:
    """One process sees 5 labelled pixels, the other 1; each divides by half of all 6."""
    logits = torch.randn(2, 3, 2, 3)
    target = torch.tensor([[[0, 1, 2], [0, 1, 255]], [[255, 255, 2], [255, 255, 255]]])
    weights = torch.tensor([1.0, 2.0, 0.5])
    normalizer = labelled_weight(target, weights) / 2
    losses = [
        cross_entropy(logits[i : i + 1], target[i : i + 1], weights, normalizer) for i in (0, 1)
    ]
    expected = F.cross_entropy(logits, target, weights, ignore_index=255)
    torch.testing.assert_close((losses[0] + losses[1]) / 2, expected)
    assert labelled_weight(target).item() == 6
    assert labelled_weight(target, weights).item() == pytest.approx(2 * 1 + 2 * 2 + 2 * 0.5)


def test_cross_entropy_resizes_logits_to_the_labels() -> None:
    logits, target = torch.randn(1, 3, 4, 5), torch.randint(0, 3, (1, 8, 10))
    full = F.interpolate(logits, size=(8, 10), mode="bilinear", align_corners=False)
    torch.testing.assert_close(cross_entropy(logits, target, None), F.cross_entropy(full, target))
