"""The state that a run starts or continues from, alike in all of its processes."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
import torch.distributed as dist
from tqdm import tqdm

from dcfm_ros.network.config import NetworkConfig
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.pretrained import initialize_backbone
from dcfm_ros.training.build import build
from dcfm_ros.training.distributed import Processes
from dcfm_ros.training.optimizer import build_optimizer
from dcfm_ros.training.settings import TrainSettings
from dcfm_ros.training.state import State, read_state
from dcfm_ros.training.sync_norm import synchronize_norms

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def start(
    settings: TrainSettings, config: NetworkConfig, processes: Processes, path: Path
) -> State:
    """Build the network and its optimiser; continue from the file at `path` where there is one.

    Only the first process reads files: its machine alone needs them.

    Raises:
        CheckpointError: the state or the backbone file is damaged or does not fit.
        SettingsError: the state is of a run with other settings.
    """
    former = processes.from_first(lambda: read_state(path, settings))
    network = build(config, settings).to(processes.device)
    if former is None and settings.pretrained and processes.is_first:
        skip = settings.pretrained_skip
        tqdm.write(str(initialize_backbone(network, Path(settings.pretrained), skip)))
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
