"""Everything that a run continues from, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from dcfm_ros.errors import CheckpointError, SettingsError
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.settings import flatten
from dcfm_ros.training.settings import TrainSettings

_FREE = ("data.workers", "data.cache", "report.")
"""Settings that may change between the parts of a run, since they do not change its weights."""


@dataclass
class State:
    """The weights of a run, what their next step depends on, and the best it has reached."""

    network: Dcfm
    average: Dcfm
    """Exponential average of the weights, in eval mode."""
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler | None = None
    """Of the loss, with float16."""
    step: int = 0
    """Steps done."""
    best_miou: float = 0.0

    def backward(self, loss: Tensor, clip_norm: float) -> None:
        """Gradients of a loss, then one step of the optimiser.

        Args:
            clip_norm: gradients are scaled down to this length; 0: never.
        """
        (self.scaler.scale(loss) if self.scaler else loss).backward()
        if clip_norm:
            if self.scaler:
                self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), clip_norm)
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Follow the weights; faster while the run is young."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for average, current in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if average.dtype.is_floating_point:
                average.lerp_(current, 1.0 - decay)
            else:
                average.copy_(current)

    def save(self, path: Path, settings: TrainSettings) -> None:
        """Write everything to a file, whole or not at all."""
        content = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict() if self.scaler else {},
            "step": self.step,
            "best_miou": self.best_miou,
            "settings": json.dumps(_deciding(settings)),
        }
        partial = path.with_name(path.name + ".part")
        torch.save(content, partial)
        partial.replace(path)

    def restore(self, content: dict[str, Any]) -> None:
        """Continue from what `read_state` found."""
        self.network.load_state_dict(content["network"])
        self.average.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        if self.scaler and content["scaler"]:
            self.scaler.load_state_dict(content["scaler"])
        self.step, self.best_miou = int(content["step"]), float(content["best_miou"])


def read_state(path: Path, settings: TrainSettings) -> dict[str, Any] | None:
    """What `State.save` wrote, in main memory; None where there is no file.

    Raises:
        CheckpointError: the file is damaged.
        SettingsError: it is of a run with other settings.
    """
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        saved = json.loads(content["settings"])
    except (UnpicklingError, RuntimeError, EOFError, OSError, KeyError, ValueError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise CheckpointError(
            f"{path} cannot be continued from ({reason}); remove it to start the run anew"
        ) from None
    now = _deciding(settings)
    names = sorted(saved.keys() | now.keys())
    changed = [name for name in names if saved.get(name) != now.get(name)]
    if changed:
        first = changed[0]
        raise SettingsError(
            f"the run in {path.parent} has {first} = {saved.get(first)}, now it is {now.get(first)}"
            f"{f' and {len(changed) - 1} more differ' if len(changed) > 1 else ''}; "
            "choose another folder with -o, or remove this one"
        )
    return content


def _deciding(settings: TrainSettings) -> dict[str, Any]:
    """The settings that decide about the weights, as JSON gives them back."""
    values = {
        name: option.value
        for name, option in flatten(settings).items()
        if not name.startswith(_FREE)
    }
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain
