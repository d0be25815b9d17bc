"""Several processes under torchrun compute what one computes with their joint batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from training_harness import log_lines, losses, settings, values, write_camvid

from dcfm_ros.errors import SettingsError
from dcfm_ros.processes import Processes, joined_processes
from dcfm_ros.training.trainer import Trainer, step_seed

# SGD, since AdamW hides gradients of a wrong size; no dropout, which each process draws anew.
# Rounding grows from step to step, also between runs of one process that differ in the order of
# sums alone: to about 1e-4 of the loss here.
RUN = {
    "optimizer__name": "sgd",
    "optimizer__learning_rate": 0.01,
    "optimizer__iterations": 6,
    "optimizer__batch": 4,
    "dropout": 0.0,
    "augment__jitter": 0.3,
    "loss__class_weight_power": 0.3,
    "report__save_every": 3,
    "report__validate_every": 6,
    "report__pictures": 0,
}
SCRIPT = """
import copy
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from dcfm_ros.network import named_config
from dcfm_ros.training.build import build
from dcfm_ros.processes import Processes, joined_processes
from dcfm_ros.training.objective import Objective
from dcfm_ros.training.settings import LossSettings, TrainSettings
from dcfm_ros.training.sync_norm import SyncBatchNorm2d, synchronize_norms

with joined_processes("cpu") as processes:
    torch.manual_seed(0)
    x = 5 + 3 * torch.randn(6, 4, 5, 7, dtype=torch.float64).float()
    pull = torch.randn_like(x)
    alone = nn.Sequential(nn.BatchNorm2d(4))
    nn.init.normal_(alone[0].weight)
    shared = nn.Sequential(nn.BatchNorm2d(4))
    shared.load_state_dict(alone.state_dict())
    synchronize_norms(shared, torch.device("cpu"))
    assert type(shared[0]) is SyncBatchNorm2d
    own = slice(0, 2) if processes.is_first else slice(2, 6)  # batches of unequal size
    whole, part = x.clone().requires_grad_(), x[own].clone().requires_grad_()
    for _ in range(2):
        expected, found = alone(whole), shared(part)
    (expected * pull).sum().backward()
    (found * pull[own]).sum().backward()
    close = torch.testing.assert_close
    close(found, expected[own])
    close(part.grad, whole.grad[own], rtol=1e-4, atol=1e-5)
    for name in ("weight", "bias"):
        gradient = processes.sum(getattr(shared[0], name).grad)
        close(gradient, getattr(alone[0], name).grad, rtol=1e-4, atol=1e-4)
    for name, tensor in alone.state_dict().items():
        close(shared.state_dict()[name], tensor)
    close(shared.eval()(part), alone.eval()(whole)[own])

    # The gradient of the whole loss; the two processes see 12 and 3 rows of labels.
    network = build(named_config("camvid_tiny").network, TrainSettings(dropout=0.0)).train()
    pictures = torch.randint(0, 256, (2, 4, 3, 64, 64), dtype=torch.uint8)
    labels = torch.randint(0, 11, (4, 64, 64), dtype=torch.uint8)
    labels[0, 12:] = labels[1] = labels[2] = labels[3, 3:] = 255
    weights = torch.rand(11)
    whole = Objective(copy.deepcopy(network), LossSettings(), weights, Processes())
    expected = whole(pictures[0], labels, pictures[1])
    expected[0].backward()
    synchronize_norms(network, torch.device("cpu"))
    part = DistributedDataParallel(Objective(network, LossSettings(), weights, processes))
    own = slice(0, 2) if processes.is_first else slice(2, 4)
    found = part(pictures[0][own], labels[own], pictures[1][own])
    found[0].backward()
    close(processes.sum(found) / 2, expected.detach(), rtol=1e-5, atol=1e-6)
    gradients = [
        torch.cat([p.grad.flatten() for p in module.parameters()])
        for module in (whole.network, network)
    ]
    assert (gradients[1] - gradients[0]).norm() < 1e-4 * gradients[0].norm()

    assert processes.count == 2
    assert processes.from_first(lambda: {"rank": processes.rank})["rank"] == 0
    order = []
    with processes.first_of_machine_first():
        order.append(processes.rank)
    assert order == [processes.rank]
    dist.barrier()
"""


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine, as users start them."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, *arguments], env=environment, capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return done


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camvid(tmp_path_factory.mktemp("camvid"))


@pytest.fixture(scope="module")
def alone(camvid: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process with the whole batch."""
    folder = tmp_path_factory.mktemp("alone")
    Trainer(settings(camvid, **RUN), folder).run()
    return folder


def nested(flat: dict[str, object]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for name, value in flat.items():
        *rooms, leaf = name.split(".")
        room = tree
        for part in rooms:
            room = room.setdefault(part, {})
        room[leaf] = value
    return tree


def train_on_two(camvid: Path, folder: Path) -> str:
    config = folder.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(nested(values(camvid, **RUN))))
    command = ("-m", "dcfm_ros.cli", "train", str(config), "-o", str(folder), "--device", "cpu")
    return torchrun(*command).stdout


def early_losses(run: Path, term: str) -> list[float]:
    """Of the first three steps."""
    return [line[term] for line in log_lines(run) if "total" in line][:3]


def test_two_processes_give_the_loss_curve_of_one(
    camvid: Path, alone: Path, tmp_path: Path
) -> None:
    told = train_on_two(camvid, tmp_path / "two")
    expected, found = losses(alone), losses(tmp_path / "two")
    assert len(found) == 6
    assert expected[0] - expected[-1] > 0.15
    for term in ("key", "non_key"):
        early, early_of_two = (early_losses(run, term) for run in (alone, tmp_path / "two"))
        assert early_of_two == pytest.approx(early, rel=1e-5)
    # Rounding may turn the label of a position, which the consistency term counts or does not.
    assert found[:3] == pytest.approx(expected[:3], rel=1e-4)
    assert found == pytest.approx(expected, rel=1e-3)
    assert told.count("weights: ") == 1  # only the first process talks
    of_two = [line["validation"] for line in log_lines(tmp_path / "two") if "validation" in line]
    assert [line["frames"] for line in of_two] == [3]


@pytest.mark.slow
def test_two_processes_continue_a_run_of_one(camvid: Path, alone: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    class Interrupted(Trainer):
        def _step(self, *batch: torch.Tensor) -> torch.Tensor:
            if self._state.step == 4:
                raise StoppedError
            return super()._step(*batch)

    with pytest.raises(StoppedError):
        Interrupted(settings(camvid, **RUN), tmp_path / "two").run()
    train_on_two(camvid, tmp_path / "two")
    assert losses(tmp_path / "two")[:3] == losses(alone)[:3]
    assert losses(tmp_path / "two") == pytest.approx(losses(alone), rel=1e-3)


def test_normalisation_and_gradients_over_processes_are_those_of_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    torchrun(str(script))


def test_the_batch_must_be_shared_evenly(camvid: Path, tmp_path: Path) -> None:
    three = Processes(count=3)
    with pytest.raises(SettingsError, match=r"optimizer\.batch is 4, expected a multiple of the 3"):
        Trainer(settings(camvid, **RUN), tmp_path, three)


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with joined_processes("cpu") as processes:
        assert (processes.rank, processes.count, processes.is_first) == (0, 1, True)
        assert processes.sum(torch.tensor(3.0)) == 3.0
        assert processes.from_first(lambda: 5) == 5


def test_each_process_and_step_draws_its_own_dropout() -> None:
    seeds = {step_seed(1, step, rank) for step in range(20) for rank in range(4)}
    assert len(seeds) == 80
