"""Reads the checkpoint pairs that the authors publish: encoder_epoch_N.pth, decoder_epoch_N.pth."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from dcfm_ros.network.checkpoint import CheckpointInfo, load_strictly, save
from dcfm_ros.network.config import NetworkConfig, named_config
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.labels import label_set
from dcfm_ros.network.torch_file import read_tensors

Rule = tuple[str, "str | Callable[[re.Match[str]], str]"]

# Published name -> ours, applied in order to keys that start with `encoder.` or `decoder.`.
_RESNET_RULES: tuple[Rule, ...] = (
    (
        r"encoder\.backbone\.layer([1-4])\.(\d+)\.downsample\.0\.",
        r"backbone.stage\1.\2.shortcut.conv.",
    ),
    (
        r"encoder\.backbone\.layer([1-4])\.(\d+)\.downsample\.1\.",
        r"backbone.stage\1.\2.shortcut.norm.",
    ),
    (r"encoder\.backbone\.layer([1-4])\.(\d+)\.conv(\d)\.", r"backbone.stage\1.\2.conv\3.conv."),
    (r"encoder\.backbone\.layer([1-4])\.(\d+)\.bn(\d)\.", r"backbone.stage\1.\2.conv\3.norm."),
    (r"encoder\.backbone\.ppm\.features\.(\d)\.1\.", r"context.branches.\1.conv."),
    (r"encoder\.backbone\.ppm\.features\.(\d)\.2\.", r"context.branches.\1.norm."),
    (r"decoder\.bot_aspp\.", r"bottleneck."),
)
_MIT_ENCODER = r"encoder\.backbone\.encoder\."
_MIT_RULES: tuple[Rule, ...] = (
    (_MIT_ENCODER + r"patch_embed(\d)\.", lambda m: f"backbone.embeddings.{int(m[1]) - 1}."),
    (_MIT_ENCODER + r"norm(\d)\.", lambda m: f"backbone.norms.{int(m[1]) - 1}."),
    (_MIT_ENCODER + r"block(\d)\.", lambda m: f"backbone.stages.{int(m[1]) - 1}."),
    (r"\.attn\.sr\.", ".attention.reduce."),
    (r"\.attn\.", ".attention."),
    (r"\.mlp\.dwconv\.dwconv\.", ".mlp.depthwise."),
    (
        r"encoder\.backbone\.decoder\.linear_c(\d)\.proj\.",
        lambda m: f"context.levels.{int(m[1]) - 1}.",
    ),
    (r"encoder\.backbone\.decoder\.linear_fuse\.conv\.", "context.fuse.conv."),
    (r"encoder\.backbone\.decoder\.linear_fuse\.bn\.", "context.fuse.norm."),
)
_STEM_LAYERS = {
    "0": "0.conv",
    "1": "0.norm",
    "3": "1.conv",
    "4": "1.norm",
    "6": "2.conv",
    "7": "2.norm",
}
_COMMON_RULES: tuple[Rule, ...] = (
    (r"encoder\.backbone\.layer0\.(\d)\.", lambda m: f"backbone.stem.{_STEM_LAYERS[m[1]]}."),
    (r"decoder\.ffm\.convblk\.", "fusion."),
)
_HIDDEN_HEAD = {"0": "0.conv", "1": "0.norm", "4": "2"}
_PLAIN_HEAD = {"1": "1"}
_UNUSED = "encoder.backbone.decoder.conv_seg."


def import_published(encoder: Path, decoder: Path, config_name: str, out: Path) -> CheckpointInfo:
    """Turn a published pair into one checkpoint of this package.

    Args:
        encoder: encoder_epoch_N.pth.
        decoder: decoder_epoch_N.pth.
        config_name: the configuration that the pair was trained with, a key of `CONFIGS`.
        out: the safetensors file to write.

    Raises:
        CheckpointError: a file is missing, damaged, holds anything but tensors, or does not fit.
    """
    named = named_config(config_name)
    published = _read(encoder, "encoder.") | _read(decoder, "decoder.")
    network = Dcfm(named.network)
    load_strictly(network, to_own_keys(published, named.network), f"{encoder.name}, {decoder.name}")
    info = CheckpointInfo(
        name=config_name,
        network=named.network,
        labels=label_set(named.label_set),
        training_size=named.training_size,
        notes={"imported_from": [encoder.name, decoder.name]},
    )
    save(network, info, out)
    return info


def to_own_keys(published: Mapping[str, Tensor], config: NetworkConfig) -> dict[str, Tensor]:
    """Rename published tensors, keys with `encoder.` and `decoder.` prefixes, to our names.

    Tensors that the published network never uses are left out; unknown names stay as they are,
    for the strict check of the caller to report.
    """
    return {
        _own_key(key, config): tensor
        for key, tensor in published.items()
        if not key.startswith(_UNUSED)
    }


def _own_key(key: str, config: NetworkConfig) -> str:
    head = re.fullmatch(r"decoder\.final\.(\d)\.(.*)", key)
    if head:
        names = _HIDDEN_HEAD if config.hidden_head else _PLAIN_HEAD
        return f"head.{names[head[1]]}.{head[2]}" if head[1] in names else key
    for pattern, replacement in (*_RESNET_RULES, *_MIT_RULES, *_COMMON_RULES):
        key = re.sub(pattern, replacement, key)
    return key


def _read(path: Path, prefix: str) -> dict[str, Tensor]:
    return {prefix + key: tensor for key, tensor in read_tensors(path).items()}
