"""The training run: optimiser, averaged weights, validation, resumable checkpoints."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from dcfm_ros.network.checkpoint import IMAGENET_MEAN as MEAN
from dcfm_ros.network.checkpoint import IMAGENET_STD as STD
from dcfm_ros.network.checkpoint import CheckpointInfo, save
from dcfm_ros.network.config import named_config
from dcfm_ros.network.dcfm import Dcfm
from dcfm_ros.network.labels import UNLABELLED, label_set
from dcfm_ros.settings import to_dict
from dcfm_ros.training.loss import labelled_loss, symmetric_loss
from dcfm_ros.training.samples import Order, Samples
from dcfm_ros.training.settings import TrainSettings
from dcfm_ros.training.sources import ClipFolder, Source, StillImages
from dcfm_ros.training.validation import Validation, validate

CAMVID_VOID = 11


@dataclass
class Progress:
    """What a resumed run continues from, beside the weights."""

    step: int = 0
    best_miou: float = 0.0


class Trainer:
    """One run in one folder; started again on the same folder, it goes on where it was.

    Args:
        settings: the run; saved with the weights.
        folder: receives `resume.pt`, `log.jsonl` and the checkpoint `best.safetensors`, `last.safetensors`.
    """

    def __init__(self, settings: TrainSettings, folder: Path, device: str = "cpu") -> None:
        torch.set_flush_denormal(True)
        torch.manual_seed(settings.seed)
        self._settings = settings
        self._folder = folder
        self._device = torch.device(device)
        self._named = named_config(settings.config)
        network = Dcfm(self._named.network)
        initialize(network)
        self._network = network.to(self._device, memory_format=torch.channels_last)
        self._average = copy.deepcopy(self._network).eval().requires_grad_(False)
        self._optimizer = _optimizer(self._network, settings)
        self._sources = _sources(settings)
        self._class_weights = self._weigh_classes().to(self._device)
        self._progress = Progress()
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def run(self) -> None:
        """Train to the last step, or until interrupted."""
        total = self._settings.optimizer.iterations
        bar = tqdm(total=total, initial=self._progress.step, desc="train", unit="step")
        for batch in self._batches():
            terms = self._step(*batch)
            self._progress.step += 1
            step = self._progress.step
            bar.update()
            if step % 20 == 0:
                bar.set_postfix(terms)
                self._log({"step": step, **terms})
            if step % self._settings.validate_every == 0 or step == total:
                self._validate()
            if step % self._settings.save_every == 0 or step == total:
                self._save_state()
        bar.close()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        settings = self._settings
        batch = settings.optimizer.batch
        samples = Samples(self._sources, settings.augment, settings.data.max_age, settings.seed)
        order = Order(self._progress.step * batch, settings.optimizer.iterations * batch)
        loader = DataLoader(
            samples, batch, sampler=order, num_workers=settings.data.workers, drop_last=True
        )
        return iter(loader)

    def _step(self, labelled: Tensor, target: Tensor, neighbour: Tensor) -> dict[str, float]:
        self._network.train()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._settings, self._progress.step)
        labelled, target = self._normalize(labelled), target.to(self._device)
        if self._progress.step >= self._settings.symmetric_from:
            neighbour = self._normalize(neighbour)
            terms = symmetric_loss(self._network, labelled, target, neighbour, self._class_weights)
        else:
            terms = labelled_loss(self._network, labelled, target, self._class_weights)
        self._optimizer.zero_grad(set_to_none=True)
        terms.total.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimizer.step()
        self._update_average()
        return {
            name: round(float(getattr(terms, name).detach()), 4)
            for name in ("total", "key", "non_key", "consistency")
        }

    def _normalize(self, planes: Tensor) -> Tensor:
        x = planes.to(self._device, memory_format=torch.channels_last).float().div_(255.0)
        mean, std = (torch.tensor(v, device=self._device).view(1, 3, 1, 1) for v in (MEAN, STD))
        return (x - mean) / std

    @torch.no_grad()
    def _update_average(self) -> None:
        """Exponential average; it follows faster while the run is young."""
        step = self._progress.step
        decay = min(self._settings.optimizer.ema_decay, (1 + step) / (10 + step))
        for average, current in zip(
            self._average.state_dict().values(), self._network.state_dict().values()
        ):
            if average.dtype.is_floating_point:
                average.lerp_(current, 1.0 - decay)
            else:
                average.copy_(current)

    def _validate(self) -> None:
        if not self._settings.data.camvid:
            self._save_checkpoint("last", None)
            return
        root = Path(self._settings.data.camvid)
        found = validate(self._average, _still(root, "val"), self._device, MEAN, STD)
        self._log({"step": self._progress.step, "validation": found.as_dict()})
        tqdm.write(f"step {self._progress.step}: {found}")
        self._save_checkpoint("last", found)
        if found.miou_key >= self._progress.best_miou:
            self._progress.best_miou = found.miou_key
            self._save_checkpoint("best", found)

    def _save_checkpoint(self, name: str, found: Validation | None) -> None:
        info = CheckpointInfo(
            name=self._settings.config,
            network=self._named.network,
            labels=label_set(self._named.label_set),
            training_size=self._named.training_size,
            mean=MEAN,
            std=STD,
            notes={
                "training": to_dict(self._settings),
                "step": self._progress.step,
                "validation": found.as_dict() if found else None,
            },
        )
        save(self._average, info, self._folder / f"{name}.safetensors")

    def _save_state(self) -> None:
        state = {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._progress.step,
            "best_miou": self._progress.best_miou,
        }
        partial = self._folder / "resume.pt.part"
        torch.save(state, partial)
        os.replace(partial, self._folder / "resume.pt")

    def _resume(self) -> None:
        path = self._folder / "resume.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._progress = Progress(int(state["step"]), float(state["best_miou"]))

    def _log(self, line: dict[str, object]) -> None:
        with (self._folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({"time": round(time.time(), 1), **line}) + "\n")

    def _weigh_classes(self) -> Tensor:
        classes = self._named.network.classes
        counts = np.zeros(256, np.int64)
        for source, _ in self._sources[:1]:
            for index in range(len(source)):
                counts += np.bincount(source.pair(index, 1).labels.ravel(), minlength=256)
        assert UNLABELLED not in range(classes)
        share = np.maximum(counts[:classes] / max(counts[:classes].sum(), 1), 1e-4)
        weights = share**-self._settings.class_weight_power
        return torch.tensor(weights / (weights * share).sum(), dtype=torch.float32)


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Linear warm-up, then polynomial decay to zero."""
    o = settings.optimizer
    if step < o.warmup:
        return o.learning_rate * (step + 1) / o.warmup
    rest = (o.iterations - step) / max(o.iterations - o.warmup, 1)
    return o.learning_rate * math.pow(max(rest, 0.0), o.power)


def initialize(network: Dcfm) -> None:
    """He initialisation, as for ResNets trained from scratch."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _optimizer(network: Dcfm, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW; biases and norms do not decay."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    decay = settings.optimizer.weight_decay
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.optimizer.learning_rate)


def _sources(settings: TrainSettings) -> list[tuple[Source, float]]:
    data = settings.data
    clip_share = data.clip_share if data.clips else 0.0
    sources: list[tuple[Source, float]] = []
    if data.camvid:
        root = Path(data.camvid)
        splits = ("train", "val") if data.use_val else ("train",)
        sources += [(_still(root, split), (1 - clip_share) / len(splits)) for split in splits]
    if data.clips:
        sources.append((ClipFolder(Path(data.clips)), clip_share or 1.0))
    return sources


def _still(root: Path, split: str) -> StillImages:
    return StillImages(root / split, root / f"{split}annot", void=CAMVID_VOID)
