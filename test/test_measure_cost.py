from __future__ import annotations

import pytest

from dcfm_ros.evaluation.measure.cost import frame_cost
from dcfm_ros.network import named_config


@pytest.mark.parametrize(
    ("name", "parameters_m", "key_g", "reference_non_key_g"),
    [
        ("cityscapes_resnet18", 12.0, 403, 31.5),
        ("cityscapes_resnet50", 36.5, 641, 114),
        ("cityscapes_resnet101", 55.5, 990, 114),
    ],
)
def test_resnets_cost_what_the_layers_say(name, parameters_m, key_g, reference_non_key_g):
    """Key frames as in the reference; the others less, since the fusion is split."""
    named = named_config(name)
    cost = frame_cost(named.network, named.training_size)
    assert cost.parameters / 1e6 == pytest.approx(parameters_m, abs=0.05)
    assert cost.key / 1e9 == pytest.approx(key_g, abs=0.5)
    d, (height, width) = named.network.common_channels, named.training_size
    saved = d * d * (height // 8) * (width // 8)  # the 1x1 convolution of the common feature
    assert (cost.non_key + saved) / 1e9 == pytest.approx(reference_non_key_g, abs=0.5)
    assert cost.key_attention == 0


def test_a_transformer_non_key_frame_costs_what_the_layers_say():
    """4.2 G of layers in the reference, of which the split saves 256 · 256 at stride 4."""
    named = named_config("vspw_mitb2")
    cost = frame_cost(named.network, named.training_size)
    saved = 256 * 256 * (480 // 4) * (856 // 4)
    assert (cost.non_key + saved) / 1e9 == pytest.approx(4.2, abs=0.05)
    assert cost.non_key_attention / 1e9 == pytest.approx(5.5 - 4.2, abs=0.05)
    assert cost.key_attention / 1e9 == pytest.approx(45.4 - 36.0, abs=0.15)
    assert cost.parameters / 1e6 == pytest.approx(24.8, abs=0.05)
