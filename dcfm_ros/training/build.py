"""The network of a run, ready to be trained: built, initialised, with its label set."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn

from dcfm_ros.errors import SettingsError
from dcfm_ros.network.config import NetworkConfig, named_config
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.labels import LABEL_SETS, LabelSet, label_set
from dcfm_ros.network.mix_transformer import Block, MixTransformer
from dcfm_ros.training.settings import TrainSettings


@dataclass(frozen=True)
class Plan:
    """What is trained, before there are weights."""

    network: NetworkConfig
    labels: LabelSet
    size: tuple[int, int]
    """(height, width) in px that the network is meant to see when it is used."""


def plan(settings: TrainSettings) -> Plan:
    """Resolve configuration, label set and size.

    Raises:
        CheckpointError: an unknown configuration.
        SettingsError: a label set that is neither known nor a readable file.
    """
    named = named_config(settings.config)
    labels = read_label_set(settings.labels or named.label_set)
    network = replace(named.network, classes=len(labels.classes))
    size = (settings.height, settings.width) if settings.height else named.training_size
    return Plan(network, labels, size)


def read_label_set(name: str) -> LabelSet:
    """A known label set, or a YAML file `classes: {grass: [0, 128, 0], …}` in the order of ids.

    Raises:
        SettingsError: neither.
    """
    if name in LABEL_SETS:
        return label_set(name)
    path = Path(name)
    expected = (
        "expected a YAML file with `classes: {grass: [0, 128, 0], …}` in the order of the ids"
    )
    if not path.is_file():
        known = ", ".join(LABEL_SETS)
        raise SettingsError(f"no label set {name!r}; known are {known}; or {expected}")
    try:
        classes = yaml.safe_load(path.read_text(encoding="utf-8"))["classes"]
        colors = tuple((int(r), int(g), int(b)) for r, g, b in classes.values())
        names = tuple(str(name) for name in classes)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise SettingsError(f"{path} is no label set; {expected}") from None
    if any(not 0 <= value <= 255 for color in colors for value in color):
        raise SettingsError(f"{path} has a colour outside 0 to 255; {expected}")
    return LabelSet(path.stem, names, colors)


def build(network_config: NetworkConfig, settings: TrainSettings) -> Dcfm:
    """A network with random weights, decided by the seed alone."""
    torch.manual_seed(settings.seed)
    network = Dcfm(network_config)
    initialize(network)
    for module in network.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = settings.dropout
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    for block, rate in zip(
        blocks, np.linspace(0.0, settings.drop_path, len(blocks)).tolist(), strict=True
    ):
        block.drop_path = rate
    return network


def initialize(network: Dcfm) -> None:
    """He initialisation by outputs for convolutions; deviation 0.02 for a transformer's layers.

    The classifier starts at a deviation of 0.01, so that all classes are about equally likely.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            height, width = module.kernel_size
            fan_out = height * width * module.out_channels // module.groups
            nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if isinstance(network.backbone, MixTransformer):
        for module in network.backbone.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
    classifier = network.head[-1]
    assert isinstance(classifier, nn.Conv2d)
    nn.init.normal_(classifier.weight, 0.0, 0.01)
