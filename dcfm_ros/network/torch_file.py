"""Reads state dicts: tensors alone, since a pickle of anything else could run code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dcfm_ros.errors import CheckpointError

_NESTS = ("state_dict", "model", "model_state", "state_dict_ema")
_PREFIX = "module."


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict on the CPU, `module.` taken off their names.

    Args:
        path: a .pth file of torch.save, or a .safetensors file: a state dict, or a dict with one.

    Raises:
        CheckpointError: missing, damaged, or holding anything but tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}; give the path of a published .pth file")
    state = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    for name in _NESTS:
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise CheckpointError(
            f"{path} holds {type(state).__name__}, expected a state dict of tensors alone"
        )
    return {str(key).removeprefix(_PREFIX): tensor for key, tensor in state.items()}


def _pickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise CheckpointError(
            f"{path} holds more than tensors and is not loaded, since it could run code "
            f"({reason}); expected a plain state dict saved with torch.save"
        ) from None
    except (RuntimeError, EOFError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise CheckpointError(
            f"{path} is truncated or no torch file ({reason}); copy or download it again"
        ) from None


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is truncated or no safetensors file ({error}); copy or download it again"
        ) from None
