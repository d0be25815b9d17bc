"""Shapes, sizes and the identities that the network's savings rest on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network import CONFIGS, Dcfm, NetworkConfig, named_config
from dcfm_ros.network.context import AllMlp, PyramidPooling
from dcfm_ros.network.dcfm import Fusion
from dcfm_ros.network.layers import l2_normalize

# Parameters in millions, from the table of the published networks.
PUBLISHED_SIZES = {
    "cityscapes_mitb1": 13.8,
    "vspw_mitb2": 24.8,
    "vspw_mitb5": 82.1,
    "cityscapes_resnet18": 12.0,
    "cityscapes_resnet50": 36.5,
    "cityscapes_resnet101": 55.5,
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_builds_and_has_the_published_size(name: str) -> None:
    with torch.device("meta"):
        network = Dcfm(named_config(name).network)
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert millions == pytest.approx(PUBLISHED_SIZES.get(name, millions), abs=0.06)
    assert network.config.classes == network.head[-1].out_channels


@pytest.mark.parametrize("name", ["camvid_tiny", "cityscapes_mitb0"])
@pytest.mark.parametrize("size", [(64, 96), (61, 83), (33, 128)])
def test_any_size_gives_logits_of_that_size(name: str, size: tuple[int, int]) -> None:
    network = Dcfm(named_config(name).network).eval()
    x = torch.randn(2, 3, *size)
    with torch.inference_mode():
        key, common = network.forward_key(x)
        non_key = network.forward_non_key(x, common)
    assert key.shape == (2, network.config.classes, *size)
    torch.testing.assert_close(non_key, key)  # the same frame with its own common feature


@pytest.mark.parametrize("backbone", ["mit_b3", "mit_b4"])
def test_the_backbones_without_a_published_network_build(backbone: str) -> None:
    config = NetworkConfig(backbone, 5, 256, 32, context="all_mlp")
    with torch.device("meta"):
        network = Dcfm(config)
        logits, _ = network.forward_key(torch.empty(1, 3, 64, 64))
    assert logits.shape == (1, 5, 64, 64)


def test_a_configuration_must_make_sense() -> None:
    with pytest.raises(CheckpointError, match="unknown backbone 'resnet19'"):
        NetworkConfig("resnet19", 5, 256, 32)
    with pytest.raises(CheckpointError, match="unknown context 'none'"):
        NetworkConfig("resnet18", 5, 256, 32, context="none")
    with pytest.raises(CheckpointError, match="mit_b1 needs context all_mlp"):
        NetworkConfig("mit_b1", 5, 256, 32)
    with pytest.raises(CheckpointError, match="mit_b1 has depths of its own"):
        NetworkConfig("mit_b1", 5, 256, 32, context="all_mlp", depths=(1, 1, 1, 1))
    with pytest.raises(CheckpointError, match=r"four stages, 1 or more, found \(2, 2, 0, 2\)"):
        NetworkConfig("resnet18", 5, 256, 32, depths=(2, 2, 0, 2))


def test_the_split_fusion_equals_the_convolution_of_the_concatenation() -> None:
    torch.manual_seed(1)
    fusion = Fusion(12, 5).eval()
    torch.nn.init.normal_(fusion.norm.running_mean)
    common = l2_normalize(torch.randn(2, 12, 6, 7))
    independent = torch.randn(2, 9, 12, 14)
    own = F.interpolate(F.normalize(independent, dim=1), size=(6, 7), mode="bilinear")[:, :5]
    whole = fusion.norm(fusion.conv(torch.cat([common, own], 1)))
    expected = F.normalize(F.relu(whole), dim=1)
    with torch.inference_mode():
        torch.testing.assert_close(fusion(fusion.project(common), independent), expected)


def test_training_resizes_before_it_normalises() -> None:
    torch.manual_seed(1)
    fusion = Fusion(12, 5)
    projected, independent = torch.randn(1, 12, 6, 7), torch.randn(1, 9, 12, 14)
    own = F.normalize(F.interpolate(independent, size=(6, 7), mode="bilinear"), dim=1)[:, :5]
    fusion.norm.eval()
    weight = fusion.conv.weight[:, 12:]
    expected = F.normalize(F.relu(fusion.norm(projected + F.conv2d(own, weight))), dim=1)
    torch.testing.assert_close(fusion(projected, independent), expected)


def test_the_composed_all_mlp_equals_resizing_and_concatenating() -> None:
    torch.manual_seed(2)
    head = AllMlp((3, 4, 5, 6), 8, 7).eval()
    sizes = ((12, 16), (6, 8), (3, 4), (2, 2))
    features = [torch.randn(1, c, *size) for c, size in zip((3, 4, 5, 6), sizes, strict=True)]
    embedded = [
        F.interpolate(level(f.movedim(1, -1)).movedim(-1, 1), size=sizes[0], mode="bilinear")
        for f, level in zip(features, head.levels, strict=True)
    ]
    expected = head.fuse(torch.cat(embedded[::-1], 1))
    torch.testing.assert_close(head(features), expected, atol=1e-5, rtol=1e-5)
    head.fuse.fold()
    torch.testing.assert_close(head(features), expected, atol=1e-5, rtol=1e-5)


def test_with_whole_strides_a_coarse_feature_stays_in_its_place_at_any_size() -> None:
    """Cutting the finest level moves nothing that is left; stretched to it, all of it moves."""
    torch.manual_seed(3)
    sizes = ((16, 24), (8, 12), (4, 6), (2, 3))
    features = [torch.randn(1, c, *size) for c, size in zip((3, 4, 5, 6), sizes, strict=True)]
    cut = [features[0][..., :11, :20], features[1][..., :6, :10], features[2][..., :3, :5]]
    cut.append(features[3])  # 11 and 20 halved and rounded up thrice: (2, 3)
    whole = AllMlp((3, 4, 5, 6), 8, 7, whole_strides=True).eval()
    # The last rows and columns lean on coarse features that the cut took away.
    kept = (..., slice(0, 10), slice(0, 18))
    torch.testing.assert_close(whole(cut)[kept], whole(features)[kept])
    stretched = AllMlp((3, 4, 5, 6), 8, 7).eval()
    stretched.load_state_dict(whole.state_dict())
    torch.testing.assert_close(stretched(features), whole(features))
    assert (stretched(cut)[kept] - whole(cut)[kept]).abs().max() > 0.1


def test_pyramid_pooling_doubles_the_channels_and_keeps_its_input() -> None:
    pooling = PyramidPooling(8).eval()
    x = torch.randn(1, 8, 9, 13)
    y = pooling(x)
    assert y.shape == (1, 16, 9, 13)
    torch.testing.assert_close(y[:, :8], x)
    top_left, bottom_right = y[0, 8:10, 0, 0], y[0, 8:10, -1, -1]
    torch.testing.assert_close(top_left, bottom_right)  # one bin: the same everywhere


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_zero_vectors_stay_zero_in_any_precision(dtype: torch.dtype) -> None:
    assert not l2_normalize(torch.zeros(1, 4, 2, 2, dtype=dtype)).any()
