"""Parameter groups and learning rates, and how a network is initialised."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from dcfm_ros.errors import SettingsError
from dcfm_ros.network import Dcfm, NetworkConfig, named_config
from dcfm_ros.settings import from_flat
from dcfm_ros.training.build import build, plan, read_label_set
from dcfm_ros.training.optimizer import build_optimizer, learning_rate, set_learning_rates
from dcfm_ros.training.settings import OptimizerSettings, TrainSettings

MIT = NetworkConfig("mit_b0", 4, 32, 8, context="all_mlp", embedding=32)


def test_the_learning_rate_decays_from_the_start_and_warms_up_on_top() -> None:
    settings = OptimizerSettings(
        iterations=100, warmup=10, warmup_factor=0.1, power=2.0, floor=0.2, learning_rate=1.0
    )
    found = [learning_rate(settings, 1.0, step) for step in (0, 5, 10, 50, 100)]
    decay = [0.2 + 0.8 * (1 - t) ** 2 for t in (0, 0.05, 0.1, 0.5, 1)]
    expected = [0.1 * decay[0], 0.55 * decay[1], *decay[2:]]
    assert found == pytest.approx(expected)


def test_the_published_warm_up_starts_at_a_millionth() -> None:
    settings = OptimizerSettings(iterations=80_000, warmup=1500, floor=1e-4, learning_rate=0.01)
    assert learning_rate(settings, 0.01, 0) == pytest.approx(1e-8)
    assert learning_rate(settings, 0.01, 80_000) == pytest.approx(1e-4)


def groups_of(settings: OptimizerSettings) -> tuple[Dcfm, torch.optim.Optimizer]:
    network = Dcfm(MIT)
    return network, build_optimizer(network, settings)


def test_backbone_and_decoder_have_rates_of_their_own() -> None:
    settings = OptimizerSettings(
        learning_rate=6e-4, backbone_rate=6e-5, weight_decay=0.01, warmup=0
    )
    network, optimizer = groups_of(settings)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    decays = {
        id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]
    }
    named = dict(network.named_parameters())
    assert len(rates) == len(named)
    for name, parameter in named.items():
        expected = 6e-5 if name.startswith(("backbone.", "context.")) else 6e-4
        assert rates[id(parameter)] == expected, name
        assert decays[id(parameter)] == (0.01 if parameter.ndim > 1 else 0.0), name
    assert set_learning_rates(optimizer, settings, settings.iterations // 2) < 6e-4
    assert optimizer.param_groups[0]["lr"] == pytest.approx(6e-5 * 0.5**0.9)


def test_sgd_decays_all_where_asked_to() -> None:
    settings = OptimizerSettings(name="sgd", momentum=0.8, weight_decay=0.1, decay_vectors=True)
    _, optimizer = groups_of(settings)
    assert isinstance(optimizer, torch.optim.SGD)
    assert {group["momentum"] for group in optimizer.param_groups} == {0.8}
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.1}


def test_weights_depend_on_the_seed_alone_and_have_he_deviation() -> None:
    settings = TrainSettings(seed=7, dropout=0.2, drop_path=0.3)
    first, second = build(MIT, settings), build(MIT, settings)
    other = build(MIT, TrainSettings(seed=8))
    for name, tensor in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], tensor, rtol=0, atol=0)
    assert not torch.equal(first.head[0].conv.weight, other.head[0].conv.weight)
    depthwise = first.backbone.stages[2][0].mlp.depthwise.weight  # each output reaches 9 pixels
    assert depthwise.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.1)
    linear = first.backbone.stages[2][0].mlp.fc1.weight
    assert linear.std().item() == pytest.approx(0.02, rel=0.1)
    dropouts = [module.p for module in first.modules() if isinstance(module, nn.Dropout2d)]
    assert set(dropouts) == {0.2}
    rates = [block.drop_path for stage in first.backbone.stages for block in stage]
    assert rates == pytest.approx([0.3 * i / (len(rates) - 1) for i in range(len(rates))])


def test_own_classes_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "yard.yaml"
    path.write_text("classes:\n  grass: [0, 128, 0]\n  path: [90, 90, 90]\n")
    found = plan(from_flat(TrainSettings, {"labels": str(path), "height": 240, "width": 320}))
    assert found.labels.name == "yard"
    assert found.labels.classes == ("grass", "path")
    assert found.labels.colors[1] == (90, 90, 90)
    assert found.network.classes == 2
    assert found.size == (240, 320)
    named = named_config("camvid_medium")
    assert plan(TrainSettings()).network == named.network
    assert plan(TrainSettings()).size == named.training_size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes: [a, b]", "is no label set; expected a YAML file"),
        ("classes: {a: [0, 0]}", "is no label set"),
        ("classes: {a: [0, 0, 256]}", "has a colour outside 0 to 255"),
        ("- [", "is no label set"),
    ],
)
def test_a_file_that_is_no_label_set_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_label_set(str(tmp_path / "x.yaml"))
    with pytest.raises(SettingsError, match="no label set 'camvi'; known are camvid"):
        read_label_set("camvi")
