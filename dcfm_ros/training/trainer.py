"""The training run: steps, validation, checkpoints; on one device or on many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from tqdm import tqdm

from dcfm_ros.errors import DcfmError, SettingsError
from dcfm_ros.network.checkpoint import CheckpointInfo, save
from dcfm_ros.processes import Processes
from dcfm_ros.settings import to_dict
from dcfm_ros.streaming.device import prepare_thread
from dcfm_ros.training.build import plan
from dcfm_ros.training.code_version import code_version
from dcfm_ros.training.data import class_weights, find_data
from dcfm_ros.training.objective import TERMS, Objective
from dcfm_ros.training.optimizer import set_learning_rates
from dcfm_ros.training.out_of_memory import explained
from dcfm_ros.training.run_log import RunLog
from dcfm_ros.training.samples import Batch, Order, TrainingSamples, collate
from dcfm_ros.training.settings import TrainSettings
from dcfm_ros.training.start import PRECISIONS, start
from dcfm_ros.training.validation import Predictor, Validation, overlays, validate

RESUME = "resume.pt"


class Trainer:
    """One run in one folder; started again on the same folder, it goes on where it was.

    Args:
        settings: the run; saved with the weights.
        folder: receives `resume.pt`, `log.jsonl`, `tensorboard/` and the checkpoints
            `best.safetensors` and `last.safetensors`.
        processes: this one among those of the run.

    Raises:
        DcfmError: settings, data, a backbone file or a former state that cannot be used.
    """

    def __init__(
        self, settings: TrainSettings, folder: Path, processes: Processes | None = None
    ) -> None:
        prepare_thread()
        self._settings = settings
        self._folder = folder
        self._processes = processes or Processes()
        self._device = self._processes.device
        if settings.optimizer.batch % self._processes.count:
            raise SettingsError(
                f"optimizer.batch is {settings.optimizer.batch}, expected a multiple of the "
                f"{self._processes.count} processes that share it"
            )
        self._plan = plan(settings)
        with self._processes.first_of_machine_first():
            self._data = find_data(settings.data, self._plan.labels.classes, folder / "bags")
        for note in self._data.notes if self._processes.is_first else ():
            tqdm.write(note)
        self._state = start(settings, self._plan, self._processes, folder / RESUME)
        self._objective = self._wrap()
        self._log: RunLog | None = None
        self._sums = torch.zeros(len(TERMS) + 1, device=self._device)  # the last counts steps

    def run(self) -> None:
        """Train to the last step, or until interrupted.

        Raises:
            DcfmError: a file cannot be read, memory runs out, or the loss is no number any more.
        """
        settings, state = self._settings, self._state
        if self._processes.is_first:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._log = RunLog(self._folder, state.step)
        total = settings.optimizer.iterations
        quiet = None if self._processes.is_first else True
        with (
            explained(settings, self._device, self._processes.count),
            tqdm(total=total, initial=state.step, desc="train", unit="step", disable=quiet) as bar,
        ):
            for batch in self._batches():
                self._sums[:-1] += self._step(*batch)
                self._sums[-1] += 1
                bar.update()
                if self._due(settings.report.log_every):
                    bar.set_postfix(self._log_terms())
                if self._due(settings.report.validate_every):
                    self._validate()
                if self._due(settings.report.save_every):
                    self._save_state()
        if self._log is not None:
            self._log.close()

    def _due(self, every: int) -> bool:
        step = self._state.step
        return step % every == 0 or step == self._settings.optimizer.iterations

    def _batches(self) -> Iterator[Batch]:
        settings, data = self._settings, self._settings.data
        batch = settings.optimizer.batch
        samples = TrainingSamples(
            self._data.train,
            settings.augment,
            (data.min_age, data.max_age),
            settings.seed,
            data.height,
            paired_from=settings.loss.symmetric_from * batch,
        )
        steps = range(self._state.step, settings.optimizer.iterations)
        loader = DataLoader(
            samples,
            batch_sampler=Order(steps, batch, self._processes.rank, self._processes.count),
            num_workers=data.workers,
            collate_fn=collate,
            pin_memory=self._device.type == "cuda",
        )
        for found in loader:
            if isinstance(found, DcfmError):
                raise found
            labelled, labels, neighbour = found
            if neighbour is not None:
                neighbour = self._on_device(neighbour)
            yield self._on_device(labelled), self._on_device(labels), neighbour

    def _on_device(self, planes: Tensor) -> Tensor:
        return planes.to(self._device, non_blocking=True)

    def _step(self, labelled: Tensor, labels: Tensor, neighbour: Tensor | None) -> Tensor:
        settings, state = self._settings, self._state
        state.network.train()
        # Dropout, too, is a function of the seed and the step: a resumed run repeats it.
        torch.manual_seed(step_seed(settings.seed, state.step, self._processes.rank))
        set_learning_rates(state.optimizer, settings.optimizer, state.step)
        terms: Tensor = self._objective(labelled, labels, neighbour)
        state.optimizer.zero_grad(set_to_none=True)
        state.backward(terms[0], settings.optimizer.clip_norm)
        state.step += 1
        state.update_average(settings.optimizer.ema_decay)
        return terms.detach()

    def _wrap(self) -> nn.Module:
        loss, processes = self._settings.loss, self._processes
        weights = None
        if loss.class_weight_power:
            classes = self._plan.network.classes
            found = class_weights(self._data.train, classes, loss.class_weight_power)
            weights = torch.from_numpy(found).to(self._device)
        precision = PRECISIONS[self._settings.precision]
        objective = Objective(self._state.network, loss, weights, processes, precision)
        objective = objective.to(self._device)
        if processes.count == 1:
            return objective
        devices = [self._device] if self._device.type == "cuda" else None
        return DistributedDataParallel(objective, devices)

    def _mean_terms(self) -> dict[str, float]:
        """Of the steps since the last line of the log, over all processes."""
        *sums, steps = self._processes.sum(self._sums).tolist()
        terms = {name: value / steps for name, value in zip(TERMS, sums, strict=True)}
        if not np.isfinite(terms["total"]):
            raise DcfmError(
                f"the loss is {terms['total']} at step {self._state.step}; lower "
                f"optimizer.learning_rate ({self._settings.optimizer.learning_rate}) or raise the "
                f"precision ({self._settings.precision}), and start in another folder"
            )
        return terms

    def _log_terms(self) -> dict[str, str]:
        terms = self._mean_terms()
        self._sums.zero_()
        if self._log is not None:
            rate = float(self._state.optimizer.param_groups[-1]["lr"])
            board = {f"loss/{name}": value for name, value in terms.items()}
            values = {**terms, "learning_rate": rate}
            self._log.write(self._state.step, values, {**board, "learning_rate": rate})
        return {name: f"{value:.3f}" for name, value in terms.items()}

    def _validate(self) -> None:
        clips, report = self._data.validation, self._settings.report
        if clips is None:
            self._save_checkpoint("last", None)
            return
        height = self._settings.data.height
        predictor = Predictor(self._state.average, self._plan.size, self._device, height)
        found = validate(predictor, clips, report.ages, report.frames, self._processes)
        best = found.miou_key >= self._state.best_miou
        self._state.best_miou = max(self._state.best_miou, found.miou_key)  # NaN loses
        if self._log is None:
            return
        step = self._state.step
        tqdm.write(f"step {step}: {found}")
        self._log.write(step, {"validation": found.as_dict()}, found.scalars())
        if self._log.shows_pictures:
            palette = self._plan.labels.palette()
            shown = overlays(predictor, clips, palette, report.ages, report.pictures, height)
            for number, picture in enumerate(shown):
                self._log.picture(step, f"validation/{number}", picture)
        self._save_checkpoint("last", found)
        if best:
            self._save_checkpoint("best", found)

    def _save_checkpoint(self, name: str, found: Validation | None) -> None:
        if not self._processes.is_first:
            return
        notes = {
            "training": to_dict(self._settings),
            "code": code_version(),
            "torch": torch.__version__,
            "processes": self._processes.count,
            "step": self._state.step,
            "validation": found.as_dict() if found else None,
        }
        info = CheckpointInfo(
            name=self._settings.config,
            network=self._plan.network,
            labels=self._plan.labels,
            training_size=self._plan.size,
            notes=notes,
        )
        save(self._state.average, info, self._folder / f"{name}.safetensors")

    def _save_state(self) -> None:
        if self._sums[-1]:
            self._mean_terms()  # what is no number is not saved
        if self._processes.is_first:
            self._state.save(self._folder / RESUME, self._settings)


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """A seed of its own for every step of a run, in every process."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1)[0])
