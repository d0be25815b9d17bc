"""The state that a run starts or continues from, alike in all of its processes."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
from tqdm import tqdm

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network.checkpoint import load, read_info
from dcfm_ros.network.config import EFFICIENTNETS
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.pretrained import initialize_backbone, packaged_file
from dcfm_ros.network.resnet import ResNet
from dcfm_ros.processes import Processes
from dcfm_ros.resources import resource
from dcfm_ros.training.build import Plan, build
from dcfm_ros.training.optimizer import build_optimizer
from dcfm_ros.training.settings import TrainSettings
from dcfm_ros.training.state import State, read_state
from dcfm_ros.training.sync_norm import synchronize_norms

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def start(settings: TrainSettings, plan: Plan, processes: Processes, path: Path) -> State:
    """Build the network and its optimiser; continue from the file at `path` where there is one.

    Only the first process reads files: its machine alone needs them.

    Raises:
        CheckpointError: a file is damaged or does not fit.
        SettingsError: the state is of a run with other settings.
    """
    former = processes.from_first(lambda: read_state(path, settings))
    network = build(plan.network, settings).to(processes.device)
    if former is None and processes.is_first:
        _read_weights(network, plan, settings)
    if processes.count > 1:
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, 0)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average: Dcfm = copy.deepcopy(network).eval().requires_grad_(False)
    if processes.count > 1 and settings.sync_norm:
        synchronize_norms(network, processes.device)
        network.to(processes.device)
    scaler = None
    if settings.precision == "float16":
        scaler = torch.amp.GradScaler(processes.device.type)
    state = State(network, average, build_optimizer(network, settings.optimizer), scaler)
    if former is not None:
        state.restore(former)
    return state


def _read_weights(network: Dcfm, plan: Plan, settings: TrainSettings) -> None:
    if settings.pretrained:
        skip = settings.pretrained_skip
        tqdm.write(str(initialize_backbone(network, Path(settings.pretrained), skip)))
    if settings.start in EFFICIENTNETS:
        tqdm.write(str(initialize_backbone(network, packaged_file(settings.start))))
    elif settings.start:
        tqdm.write(take_weights(network, plan, settings.start))


def take_weights(network: Dcfm, plan: Plan, path: str) -> str:
    """Start from a checkpoint of this package; its classifier is taken if the classes are the same.

    The network that is trained may be a deeper ResNet than the checkpoint's: its further blocks
    start as identities, so that it computes what the other one does (Chen et al., "Net2Net", ICLR
    2016).

    Args:
        path: of the file, or below the package's share folder, e.g. `models/street.safetensors`.

    Returns:
        What was taken, in one line.

    Raises:
        ResourceError: there is no such file.
        CheckpointError: the file is damaged or of another architecture.
    """
    file = Path(path) if Path(path).is_file() else resource(path)
    info, other = read_info(file), load(file)
    depths = info.network.stage_depths
    alike = replace(
        info.network,
        classes=plan.network.classes,
        depths=plan.network.depths,
        whole_strides=plan.network.whole_strides,
    )
    deeper = [own - taken for own, taken in zip(plan.network.stage_depths, depths, strict=True)]
    if alike != plan.network or min(deeper) < 0:
        raise CheckpointError(
            f"{path} is another network ({info.network}) than is trained ({plan.network}); set "
            "config to the one that it was trained with, or to one with more blocks"
        )
    tensors = other.state_dict()
    classifier = f"head.{len(other.head) - 1}.weight"
    own_classes = info.labels.classes != plan.labels.classes
    if own_classes:
        del tensors[classifier]
    network.load_state_dict(network.state_dict() | tensors)
    report = f"{path}: all weights taken{', but for the classifier' if own_classes else ''}"
    if any(deeper):
        assert isinstance(network.backbone, ResNet)
        network.backbone.make_identities(depths)
        report += f"; {sum(deeper)} further blocks start as identities"
    return report
