"""Validation on a labelled clip: every frame a key frame, and one key frame in five."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch

from dcfm_ros.evaluation.confusion import ConfusionMatrix
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.training.sources import Source

INTERVAL = 5


@dataclass(frozen=True)
class Validation:
    """mIoU in 0 … 1."""

    miou_key: float
    """Every frame a key frame."""
    miou_interval: float
    """One key frame in `INTERVAL`."""
    iou: tuple[float, ...]
    """By class, every frame a key frame."""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def __str__(self) -> str:
        classes = " ".join(f"{100 * value:.0f}" for value in self.iou)
        return f"mIoU {self.miou_key:.4f}, at 1:{INTERVAL} {self.miou_interval:.4f} [{classes}]"


@torch.inference_mode()
def validate(
    network: Dcfm,
    clip: Source,
    device: torch.device,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Validation:
    """Run the network, in its present state, over a clip whose frames are in order."""
    classes = network.config.classes
    key, interval = ConfusionMatrix(classes), ConfusionMatrix(classes)
    mean_map, std_map = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (mean, std))
    common = None
    for index in range(len(clip)):
        pair = clip.pair(index, 1)
        x = torch.from_numpy(pair.rgb).to(device).permute(2, 0, 1)[None].float() / 255.0
        x = ((x - mean_map) / std_map).contiguous(memory_format=torch.channels_last)
        logits, fresh = network.forward_key(x)
        key.add(pair.labels, logits.argmax(1)[0].to(torch.uint8).cpu().numpy())
        if index % INTERVAL == 0:
            common = fresh
        else:
            logits = network.forward_non_key(x, common)
        interval.add(pair.labels, logits.argmax(1)[0].to(torch.uint8).cpu().numpy())
    return Validation(key.miou(), interval.miou(), tuple(key.iou().tolist()))
