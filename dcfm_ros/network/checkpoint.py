"""One file per network: tensors and all that is needed to use them (safetensors)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network.config import NetworkConfig
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.labels import LabelSet

_FORMAT = "dcfm_ros/1"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself."""

    name: str
    network: NetworkConfig
    labels: LabelSet
    training_size: tuple[int, int]
    """(height, width) in px that the network saw in training."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Of RGB in [0, 1]."""
    std: tuple[float, float, float] = IMAGENET_STD
    notes: dict[str, Any] = field(default_factory=dict)
    """Anything else that JSON can hold: how it was trained, what it reached."""
    calibration: dict[str, Any] = field(default_factory=dict)
    """Of key-frame selection, as `dcfm calibrate` found it; empty: none."""


def save(network: Dcfm, info: CheckpointInfo, path: Path | str, *, half: bool = False) -> None:
    """Write weights and `info` to one safetensors file, whole or not at all.

    Args:
        half: store floating-point tensors as float16; they load as float32 again.
    """
    tensors = {
        key: tensor.half() if half and tensor.is_floating_point() else tensor
        for key, tensor in network.state_dict().items()
    }
    _write({k: v.cpu().contiguous() for k, v in tensors.items()}, info, path)


def calibrated(path: Path | str, calibration: dict[str, Any], out: Path | str) -> None:
    """Write a checkpoint again with a key-frame calibration; the tensors stay as they are stored.

    Raises:
        CheckpointError: as `read_info`.
    """
    info, tensors = _open(path)
    _write(tensors, replace(info, calibration=calibration), out)


def read_info(path: Path | str) -> CheckpointInfo:
    """Read what a checkpoint says of itself, without its tensors.

    Raises:
        CheckpointError: missing, truncated, or not a file that `save` wrote.
    """
    return _open(path)[0]


def load(path: Path | str) -> Dcfm:
    """Build the network that a checkpoint describes and load its weights, strictly; in eval mode.

    Raises:
        CheckpointError: as `read_info`, or the tensors are not those of the network described.
    """
    info, tensors = _open(path)
    network = Dcfm(info.network)
    load_strictly(network, tensors, str(path))
    return network.eval()


def load_strictly(network: Dcfm, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load tensors that must fit the network exactly: no missing, no extra, no other shape.

    Raises:
        CheckpointError: they do not fit; names the first differences.
    """
    expected = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    problems = [f"missing {key}" for key in expected if key not in found]
    problems += [f"unexpected {key}" for key in found if key not in expected]
    problems += [
        f"{key} has shape {found[key]}, expected {expected[key]}"
        for key in expected
        if key in found and found[key] != expected[key]
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(
            f"{source} does not fit a {network.config.backbone} network with "
            f"{network.config.classes} classes: {'; '.join(problems[:3])}{more}; "
            "use the configuration that it was trained with"
        )
    network.load_state_dict(
        {k: t.float() if t.is_floating_point() else t for k, t in tensors.items()}, strict=True
    )


def _write(tensors: dict[str, Tensor], info: CheckpointInfo, path: Path | str) -> None:
    metadata = {"format": _FORMAT, "info": json.dumps(asdict(info))}
    partial = Path(f"{path}.part")
    partial.write_bytes(to_bytes(tensors, metadata))  # save_file: readable for its owner alone
    partial.replace(path)


def _open(path: Path | str) -> tuple[CheckpointInfo, dict[str, Tensor]]:
    if not Path(path).is_file():
        raise CheckpointError(f"no checkpoint at {path}; give the path of a .safetensors file")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}); copy or download it again, or turn "
            "published .pth files into one with `dcfm import`"
        ) from None
    return _parse(metadata, path), tensors


def _parse(metadata: Mapping[str, str], path: Path | str) -> CheckpointInfo:
    if metadata.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} is a safetensors file of format {metadata.get('format')!r}, expected "
            f"{_FORMAT!r}; make one with `dcfm train` or `dcfm import`"
        )
    try:
        raw = json.loads(metadata["info"])
        network = dict(raw["network"])
        for key in ("stem", "depths"):
            if network.get(key) is not None:  # JSON has lists for tuples
                network[key] = tuple(network[key])
        labels = raw["labels"]
        return CheckpointInfo(
            name=raw["name"],
            network=NetworkConfig(**network),
            labels=LabelSet(
                labels["name"],
                tuple(labels["classes"]),
                tuple((int(r), int(g), int(b)) for r, g, b in labels["colors"]),
            ),
            training_size=(int(raw["training_size"][0]), int(raw["training_size"][1])),
            mean=tuple(raw["mean"]),
            std=tuple(raw["std"]),
            notes=raw["notes"],
            calibration=raw.get("calibration", {}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} describes itself in a way that this version does not know ({error!r}); "
            "make it again with `dcfm train` or `dcfm import`"
        ) from None
