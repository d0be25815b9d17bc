"""ImageNet files into backbones: the right tensor at the right place, or a clear word.

The published DCFM checkpoints name their ResNet tensors as torchvision does, and those of their
transformer as SegFormer does. Parity tests hold that mapping to the reference, so it says here what
is right.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network import Dcfm, NetworkConfig, named_config
from dcfm_ros.network.pretrained import initialize_backbone
from dcfm_ros.network.published import to_own_keys

DATA = Path(__file__).parent / "data"
STEM = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2", "6": "conv3", "7": "bn3"}
TIMM_STEM = {
    "conv1": "conv1.0", "bn1": "conv1.1", "conv2": "conv1.3", "bn2": "conv1.4", "conv3": "conv1.6",
    "bn3": "bn1",
}  # fmt: skip


def blank(config: NetworkConfig) -> Dcfm:
    """A network of zeros: random numbers take their time."""
    with torch.device("meta"):
        network = Dcfm(config)
    network.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.zero_()
    return network


def published_backbone(name: str) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Random tensors for the backbone of a published network, by their published names."""
    config = named_config(name).network
    prefix = "encoder.backbone.encoder." if "mit" in name else "encoder.backbone."
    shapes = json.loads((DATA / f"{name}.json").read_text())
    generator = torch.Generator().manual_seed(0)
    backbone = {}
    for key, shape in shapes:
        if key.startswith(prefix) and ".ppm." not in key and ".decoder." not in key:
            backbone[key] = torch.randn(shape, generator=generator)
            if key.endswith("num_batches_tracked"):
                backbone[key] = torch.tensor(7)
    return config, backbone


def as_imagenet_file(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Published names as torchvision, semseg and SegFormer have them."""
    tensors = {}
    for key, tensor in published.items():
        name = key.removeprefix("encoder.backbone.encoder.").removeprefix("encoder.backbone.")
        name = re.sub(r"^layer0\.(\d)", lambda match: STEM[match[1]], name)
        tensors[name] = tensor
    return tensors


def assert_taken(network: Dcfm, config: NetworkConfig, published: dict[str, Tensor]) -> None:
    expected = to_own_keys(published, config)
    assert len(expected) == len(network.backbone.state_dict())
    for name, tensor in network.backbone.state_dict().items():
        torch.testing.assert_close(tensor, expected[f"backbone.{name}"], rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cityscapes_resnet18", "torchvision"),
        ("camvid_resnet50", "semseg"),
        ("cityscapes_mitb1", "SegFormer"),
        ("vspw_mitb2", "SegFormer"),
    ],
)
def test_every_tensor_lands_where_the_published_networks_have_it(
    name: str, kind: str, tmp_path: Path
) -> None:
    config, published = published_backbone(name)
    classifier = {"head.weight": torch.zeros(1000, 512), "head.bias": torch.zeros(1000)}
    if "resnet" in name:
        classifier = {key.replace("head", "fc"): tensor for key, tensor in classifier.items()}
    path = tmp_path / "imagenet.pth"
    torch.save(as_imagenet_file(published) | classifier, path)
    network = blank(config)
    others = {
        k: v.clone() for k, v in network.state_dict().items() if not k.startswith("backbone.")
    }
    report = initialize_backbone(network, path)
    assert_taken(network, config, published)
    for key, tensor in others.items():
        torch.testing.assert_close(network.state_dict()[key], tensor, rtol=0, atol=0)
    assert kind in report.kind
    assert len(report.taken) == len(published)
    assert set(report.unused) == set(classifier)
    assert not report.random
    assert f"{len(published)} tensors taken" in str(report)
    assert "the classifier of ImageNet" in str(report)


def test_timms_deep_stem_from_safetensors(tmp_path: Path) -> None:
    config, published = published_backbone("camvid_resnet50")
    tensors = {}
    for name, tensor in as_imagenet_file(published).items():
        part, _, rest = name.partition(".")
        tensors[f"{TIMM_STEM.get(part, part)}.{rest}"] = tensor
    save_file(tensors, tmp_path / "model.safetensors")
    network = blank(config)
    report = initialize_backbone(network, tmp_path / "model.safetensors")
    assert "timm" in report.kind
    assert_taken(network, config, published)


def test_nested_state_dicts_without_counters_are_read(tmp_path: Path) -> None:
    """As older files have it: `module.` before each name, no num_batches_tracked."""
    config, published = published_backbone("cityscapes_resnet18")
    tensors = {
        f"module.{name}": tensor
        for name, tensor in as_imagenet_file(published).items()
        if "tracked" not in name
    }
    torch.save({"epoch": 90, "state_dict": tensors}, tmp_path / "old.pth")
    network = blank(config)
    report = initialize_backbone(network, tmp_path / "old.pth")
    assert len(report.taken) == len(tensors)
    assert not report.random


def test_a_7x7_stem_does_not_fit_a_deep_one_unless_it_is_skipped(tmp_path: Path) -> None:
    config, published = published_backbone("camvid_resnet50")
    plain = blank(replace(config, stem=(64,))).backbone.state_dict()
    tensors = as_imagenet_file(published)
    tensors = {k: v for k, v in tensors.items() if not re.match(r"(conv|bn)[123]\.", k)}
    stem = {"conv1.weight": torch.zeros(64, 3, 7, 7), "bn1.weight": torch.ones(64)}
    tensors = stem | tensors
    tensors |= {f"bn1.{n}": torch.zeros(64) for n in ("bias", "running_mean", "running_var")}
    for name in ("conv1", "shortcut"):
        published_name = "conv1" if name == "conv1" else "downsample.0"
        tensors[f"layer1.0.{published_name}.weight"] = plain[f"stage1.0.{name}.conv.weight"]
    torch.save(tensors, tmp_path / "resnet50.pth")
    network = blank(config)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(CheckpointError) as raised:
        initialize_backbone(network, tmp_path / "resnet50.pth")
    text = str(raised.value)
    assert "resnet50.pth (torchvision's ResNet with a 7x7 stem) does not fit the resnet50" in text
    assert "it leaves stem.0.conv.weight, stem.1.conv.weight and" in text
    assert "its shape is (64, 3, 7, 7), that of stem.0.conv.weight (64, 3, 3, 3)" in text
    assert "use a resnet50 with stem (64, 64, 128)" in text
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)  # nothing was changed
    skip = ("stem.", "stage1.0.conv1.conv", "stage1.0.shortcut.conv")
    report = initialize_backbone(network, tmp_path / "resnet50.pth", skip)
    assert all(name.startswith(skip) for name in report.random)
    assert "random, as asked for: stem.0.conv.weight" in str(report)
    torch.testing.assert_close(
        network.backbone.state_dict()["stage3.5.conv2.conv.weight"],
        published["encoder.backbone.layer3.5.conv2.weight"],
    )
    norm = "backbone.stem.0.norm.weight"  # it would fit, but its part is skipped
    torch.testing.assert_close(network.state_dict()[norm], before[norm], rtol=0, atol=0)
    assert report.unused["bn1.weight"] == "stem.0.norm.weight is skipped, as asked for"


def test_another_variant_or_depth_is_refused(tmp_path: Path) -> None:
    config, published = published_backbone("cityscapes_resnet18")
    tensors = as_imagenet_file(published)
    path = tmp_path / "file.pth"
    torch.save(tensors | {"layer1.0.se.fc1.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"it holds layer1\.0\.se\.fc1\.weight, which such a"):
        initialize_backbone(blank(config), path)
    torch.save({k: v for k, v in tensors.items() if not k.startswith("layer4.1.")}, path)
    with pytest.raises(
        CheckpointError, match=r"it leaves stage4\.1\.conv1\.conv\.weight, .* random"
    ):
        initialize_backbone(blank(config), path)
    torch.save({"blocks.0.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"no known kind \(its first tensors are blocks\.0"):
        initialize_backbone(blank(config), path)
    deeper, _ = published_backbone("cityscapes_mitb1")
    _, published = published_backbone("vspw_mitb2")
    torch.save(as_imagenet_file(published), path)
    network = blank(deeper)
    with pytest.raises(CheckpointError, match=r"it holds block1\.2\..*file of another variant"):
        initialize_backbone(network, path)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    network = blank(named_config("cityscapes_resnet18").network)
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        initialize_backbone(network, tmp_path / "none.pth")
    for name in ("cut.pth", "cut.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 cut off")
        with pytest.raises(CheckpointError, match="is truncated or no"):
            initialize_backbone(network, tmp_path / name)
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds list, expected a state dict"):
        initialize_backbone(network, tmp_path / "list.pth")
