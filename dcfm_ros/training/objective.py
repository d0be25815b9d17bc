"""From a batch of pictures to the loss: the module that DistributedDataParallel wraps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dcfm_ros.network.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.processes import Processes
from dcfm_ros.training.loss import labelled_loss, labelled_weight, symmetric_loss
from dcfm_ros.training.settings import LossSettings

TERMS = ("total", "key", "non_key", "consistency")
"""What `Objective` returns, in order."""


class Objective(nn.Module):
    """The symmetric loss, scaled so that its mean over all processes is that of their joint batch.

    Args:
        network: in training mode.
        settings: the weights of the terms.
        class_weights: (classes,) or None for equal ones.
        processes: that share the batch.
        autocast: precision of the forward pass; float32 for none.
    """

    def __init__(
        self,
        network: Dcfm,
        settings: LossSettings,
        class_weights: Tensor | None,
        processes: Processes,
        autocast: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.network = network
        self._settings = settings
        self._class_weights = class_weights
        self._processes = processes
        self._autocast = autocast
        mean, std = (
            torch.tensor(v).view(1, 3, 1, 1) * 255.0 for v in (IMAGENET_MEAN, IMAGENET_STD)
        )
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, labelled: Tensor, labels: Tensor, neighbour: Tensor | None) -> Tensor:
        """The four `TERMS`; gradients flow from the first.

        Args:
            labelled: (B, 3, H, W) uint8 RGB.
            labels: (B, H, W) uint8 class ids, 255 ignored.
            neighbour: like `labelled`; None for the key-frame term alone.
        """
        target = labels.long()
        weight = labelled_weight(target, self._class_weights)
        normalizer = self._processes.sum(weight) / self._processes.count
        use = self._autocast != torch.float32
        with torch.autocast(labelled.device.type, self._autocast if use else None, enabled=use):
            x = self._normalize(labelled)
            if neighbour is None:
                terms = labelled_loss(self.network, x, target, self._class_weights, normalizer)
            else:
                terms = symmetric_loss(
                    self.network,
                    x,
                    target,
                    self._normalize(neighbour),
                    self._class_weights,
                    normalizer,
                    non_key_weight=self._settings.non_key,
                    consistency_weight=self._settings.consistency,
                )
        return torch.stack([getattr(terms, name) for name in TERMS])

    def _normalize(self, planes: Tensor) -> Tensor:
        x = planes.to(torch.float32, memory_format=torch.channels_last)
        return x.sub_(self.get_buffer("mean")).div_(self.get_buffer("std"))
