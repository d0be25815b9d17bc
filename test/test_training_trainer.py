"""Whole small runs: they learn, they resume to the same bits, their checkpoints are usable."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from training_harness import CAR, ROAD, SKY, log_lines, losses, settings, write_camvid

from dcfm_ros import Segmenter
from dcfm_ros.errors import CheckpointError, DcfmError, DeviceError, SettingsError
from dcfm_ros.network import CheckpointInfo, Dcfm, load, named_config, read_info, save
from dcfm_ros.network.labels import label_set
from dcfm_ros.processes import Processes
from dcfm_ros.training.code_version import code_version
from dcfm_ros.training.run_log import RunLog
from dcfm_ros.training.trainer import Trainer


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camvid(tmp_path_factory.mktemp("camvid"))


class PowerCutError(Exception):
    """Ends a run between two steps."""


class Interrupted(Trainer):
    """Stops in the middle of the seventh step."""

    def _step(self, labelled: Tensor, labels: Tensor, neighbour: Tensor | None) -> Tensor:
        terms = super()._step(labelled, labels, neighbour)
        if self._state.step == 7:
            raise PowerCutError
        return terms


def assert_same_state(one: Path, other: Path) -> None:
    states = [torch.load(run / "resume.pt", weights_only=True) for run in (one, other)]

    def compare(a: object, b: object, name: str) -> None:
        if isinstance(a, Tensor):
            torch.testing.assert_close(a, b, rtol=0, atol=0, msg=name)
        elif isinstance(a, dict):
            assert a.keys() == b.keys()
            for key in a:
                compare(a[key], b[key], f"{name}.{key}")
        elif isinstance(a, list):
            for i, (x, y) in enumerate(zip(a, b, strict=True)):
                compare(x, y, f"{name}[{i}]")
        else:
            assert a == b, name

    compare(*states, "")


@pytest.mark.parametrize("name", ["adamw", "sgd", "muon"])
def test_an_interrupted_run_ends_at_the_same_bits(camvid: Path, tmp_path: Path, name: str) -> None:
    """With dropout, jitter and averaged weights; only the first four steps were saved."""
    run = settings(
        camvid, optimizer__name=name, optimizer__learning_rate=0.01, augment__jitter=0.3,
        loss__symmetric_from=2,
    )  # fmt: skip
    Trainer(run, tmp_path / "whole").run()
    with pytest.raises(PowerCutError):
        Interrupted(run, tmp_path / "parts").run()
    assert len(losses(tmp_path / "parts")) == 6
    Trainer(run, tmp_path / "parts").run()
    assert_same_state(tmp_path / "whole", tmp_path / "parts")
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")
    whole = log_lines(tmp_path / "whole")
    assert [line["non_key"] > 0 for line in whole if "total" in line] == [False] * 2 + [True] * 6


def test_a_finished_run_stays_as_it_is(camvid: Path, tmp_path: Path) -> None:
    run = settings(camvid, optimizer__iterations=2)
    Trainer(run, tmp_path).run()
    before = (tmp_path / "log.jsonl").read_text()
    Trainer(run, tmp_path).run()
    assert (tmp_path / "log.jsonl").read_text() == before


def test_a_run_may_start_from_a_checkpoint(
    camvid: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Trainer(settings(camvid, optimizer__iterations=1), tmp_path / "first").run()
    path = str(tmp_path / "first/last.safetensors")
    trained = load(path)
    again = Trainer(settings(camvid, start=path, seed=5), tmp_path / "again")
    for name, tensor in again._state.network.state_dict().items():
        torch.testing.assert_close(tensor, trained.state_dict()[name], msg=name)
    assert f"{path}: all weights taken\n" in capfd.readouterr().out
    labels = tmp_path / "two.yaml"
    labels.write_text("classes: {a: [0, 0, 0], b: [9, 9, 9]}")
    clips = {"data__camvid": "", "data__clips": str(write_clips(tmp_path / "clips"))}
    own = Trainer(settings(camvid, start=path, labels=str(labels), **clips), tmp_path / "own")
    assert f"{path}: all weights taken, but for the classifier\n" in capfd.readouterr().out
    torch.testing.assert_close(own._state.network.fusion.conv.weight, trained.fusion.conv.weight)
    assert own._state.network.head[-1].weight.shape[0] == 2
    with pytest.raises(
        CheckpointError, match=r"is another network \(.*\) than is trained \(.*set config"
    ):
        Trainer(settings(camvid, start=path, config="camvid_small"), tmp_path / "other")
    with pytest.raises(SettingsError, match="start and pretrained are both set"):
        settings(camvid, start=path, pretrained=path)


def test_a_run_with_whole_strides_may_start_from_a_checkpoint_without(
    camvid: Path, tmp_path: Path
) -> None:
    """At the sizes that crops have, multiples of 32 px, the two compute the same."""
    named = named_config("camvid_tiny")
    network = replace(named.network, whole_strides=False)
    former = Dcfm(network).eval()
    info = CheckpointInfo("former", network, label_set(named.label_set), named.training_size)
    save(former, info, tmp_path / "former.safetensors")
    run = settings(camvid, start=str(tmp_path / "former.safetensors"))
    own = Trainer(run, tmp_path / "run")._state.network.eval()
    assert own.config.whole_strides
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(own.forward_key(x)[0], former.forward_key(x)[0])


def test_a_deeper_network_starts_as_the_one_that_it_is_grown_from(
    camvid: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its further blocks change nothing at first, and learn from the first step on."""
    Trainer(settings(camvid, config="camvid_small", optimizer__iterations=1), tmp_path).run()
    small = str(tmp_path / "last.safetensors")
    steps = {"optimizer__iterations": 2, "optimizer__warmup": 0}
    run = settings(camvid, start=small, config="camvid_medium", **steps)
    trainer = Trainer(run, tmp_path / "run")
    assert "all weights taken; 6 further blocks start as identities" in capfd.readouterr().out
    x = torch.randn(1, 3, 64, 96)
    network = trainer._state.network.eval()
    with torch.no_grad():
        torch.testing.assert_close(network.forward_key(x)[0], load(small).forward_key(x)[0])
    network.train()
    trainer.run()
    assert all(network.backbone.stage1[i].conv2.norm.weight.any() for i in (2, 3, 4))
    grown = str(tmp_path / "run/last.safetensors")
    with pytest.raises(CheckpointError, match=r"is another network \(.*depths=\(5, 3, 4, 2\)"):
        Trainer(settings(camvid, start=grown, config="camvid_small"), tmp_path / "shallower")


def write_clips(root: Path) -> Path:
    for part, value in (("rgb", 90), ("labels", 1)):
        (root / "a" / part).mkdir(parents=True)
        for i in range(2):
            cv2.imwrite(str(root / f"a/{part}/{i}.png"), np.full((72, 96), value, np.uint8))
    return root


def test_a_run_with_other_settings_is_not_continued(camvid: Path, tmp_path: Path) -> None:
    Trainer(settings(camvid, optimizer__iterations=1), tmp_path).run()
    again = settings(camvid, optimizer__iterations=1, report__log_every=5, data__workers=1)
    Trainer(again, tmp_path)  # those do not change the weights
    with pytest.raises(SettingsError, match=r"has seed = 1, now it is 2; choose another folder"):
        Trainer(settings(camvid, optimizer__iterations=1, seed=2), tmp_path)
    (tmp_path / "resume.pt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(CheckpointError, match=r"resume\.pt cannot be continued from"):
        Trainer(again, tmp_path)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_autocast_computes_nearly_the_same(camvid: Path, tmp_path: Path, precision: str) -> None:
    steps = {"optimizer__iterations": 3, "dropout": 0.0, "optimizer__learning_rate": 1e-4}
    Trainer(settings(camvid, **steps), tmp_path / "float32").run()
    Trainer(settings(camvid, precision=precision, **steps), tmp_path / precision).run()
    assert losses(tmp_path / precision) == pytest.approx(losses(tmp_path / "float32"), rel=0.05)
    assert losses(tmp_path / precision) != losses(tmp_path / "float32")
    state = torch.load(tmp_path / precision / "resume.pt", weights_only=True)
    assert bool(state["scaler"]) == (precision == "float16")
    Trainer(settings(camvid, precision=precision, **steps), tmp_path / precision)  # resumes


def test_averaged_weights_follow_the_weights(camvid: Path, tmp_path: Path) -> None:
    """After one step: 1 − 2/11 of the way, since young averages follow faster."""
    trainer = Trainer(settings(camvid, optimizer__iterations=1, optimizer__warmup=0), tmp_path)
    start = trainer._state.network.head[-1].weight.detach().clone()
    trainer.run()
    now = trainer._state.network.head[-1].weight.detach()
    assert not torch.equal(now, start)
    average = trainer._state.average.head[-1].weight
    torch.testing.assert_close(average, start + (now - start) * (1 - 2 / 11))
    assert not trainer._state.average.training
    plain = settings(camvid, optimizer__iterations=1, optimizer__ema_decay=0.0)
    trainer = Trainer(plain, tmp_path / "plain")
    trainer.run()
    for name, tensor in trainer._state.network.state_dict().items():
        torch.testing.assert_close(trainer._state.average.state_dict()[name], tensor, msg=name)


def test_data_without_any_label_changes_no_weight_and_stays_finite(tmp_path: Path) -> None:
    root = write_camvid(tmp_path / "camvid")
    for path in (root / "trainannot").iterdir():
        cv2.imwrite(str(path), np.full((72, 96), 11, np.uint8))
    run = settings(
        root, optimizer__iterations=2, optimizer__weight_decay=0.0, report__validate_every=1,
        loss__class_weight_power=0.3,
    )  # fmt: skip
    trainer = Trainer(run, tmp_path / "run")
    start = {n: p.detach().clone() for n, p in trainer._state.network.named_parameters()}
    trainer.run()
    assert losses(tmp_path / "run") == [0.0, 0.0]
    for name, parameter in trainer._state.network.named_parameters():
        torch.testing.assert_close(parameter.detach(), start[name], rtol=0, atol=0, msg=name)


def test_the_checkpoint_says_where_it_came_from(camvid: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = settings(camvid, optimizer__iterations=2, report__validate_every=1)
    Trainer(run, tmp_path).run()
    info = read_info(tmp_path / "last.safetensors")
    assert info.labels == label_set("camvid")
    assert info.training_size == (360, 480)
    assert info.notes["training"]["optimizer"]["iterations"] == 2
    assert info.notes["code"] == code_version()
    assert info.notes["step"] == 2
    found = info.notes["validation"]
    assert found["frames"] == 3
    assert len(found["miou_by_age"]) == 2
    lines = [line["validation"] for line in log_lines(tmp_path) if "validation" in line]
    assert lines[-1] == found
    best = read_info(tmp_path / "best.safetensors").notes["validation"]
    assert best["miou_key"] == max(line["miou_key"] for line in lines)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("loss/total")] == [1, 2]
    assert [event.step for event in board.Scalars("miou/age_2")] == [1, 2]
    assert board.Images("validation/0")[0].width == 3 * 96
    load(tmp_path / "last.safetensors")


def test_without_tensorboard_there_is_the_log_alone(
    camvid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("tensorboard", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)  # import of it fails
    Trainer(settings(camvid, optimizer__iterations=2, report__validate_every=1), tmp_path).run()
    assert capfd.readouterr().out.count("TensorBoard is not installed") == 1
    assert not (tmp_path / "tensorboard").exists()
    assert len(losses(tmp_path)) == 2


def test_what_an_interrupted_run_wrote_after_its_last_state_is_dropped(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.write(step, {"total": math.inf}, {})
    log.close()
    with (tmp_path / "log.jsonl").open("a") as half:
        half.write('{"step": 4, "to')
    RunLog(tmp_path, 2).close()
    assert [line["step"] for line in log_lines(tmp_path)] == [1, 2]
    assert log_lines(tmp_path)[0]["total"] is None


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_picture_ends_the_run_in_one_line(tmp_path: Path, workers: int) -> None:
    root = write_camvid(tmp_path / "camvid", train=1)
    (root / "train/0001TP_00000.jpg").write_bytes(b"")
    with pytest.raises(DcfmError, match=r"^\S+0001TP_00000\.jpg is no whole picture; [^\n]+$"):
        Trainer(settings(root, data__workers=workers), tmp_path / "run").run()


def test_running_out_of_memory_says_what_to_lower(camvid: Path, tmp_path: Path) -> None:
    class Greedy(Trainer):
        def _step(self, labelled: Tensor, labels: Tensor, neighbour: Tensor | None) -> Tensor:
            return torch.empty(1 << 50)

    with pytest.raises(DeviceError) as raised:
        Greedy(settings(camvid), tmp_path).run()
    text = str(raised.value)
    assert "out of memory on cpu with 2 pairs of 64x64 px" in text
    assert "--set optimizer.batch=1 augment.crop_height=32 augment.crop_width=32" in text
    assert "precision=bfloat16" in text


def test_a_loader_that_dies_is_told_apart(camvid: Path, tmp_path: Path) -> None:
    class Dying(Trainer):
        def _step(self, labelled: Tensor, labels: Tensor, neighbour: Tensor | None) -> Tensor:
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. \nmore")

    with pytest.raises(DeviceError, match=r"Bus error.*lower data\.workers .*/dev/shm"):
        Dying(settings(camvid), tmp_path).run()


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(
    camvid: Path, tmp_path: Path
) -> None:
    class Broken(Trainer):
        def _step(self, labelled: Tensor, labels: Tensor, neighbour: Tensor | None) -> Tensor:
            return super()._step(labelled, labels, neighbour) * math.nan

    with pytest.raises(
        DcfmError, match=r"the loss is nan at step 1; lower optimizer\.learning_rate"
    ):
        Broken(settings(camvid, report__save_every=1), tmp_path).run()
    assert not (tmp_path / "resume.pt").exists()


def test_data_must_be_named_and_of_the_networks_classes(camvid: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no training data; name some: --set data\.camvid"):
        Trainer(settings(camvid, data__camvid=""), tmp_path)
    with pytest.raises(SettingsError, match=r"data\.camvid has 11 classes, the network 19"):
        Trainer(settings(camvid, config="cityscapes_mitb0"), tmp_path)


def test_clips_and_the_validation_split_join_the_training_data(
    camvid: Path, tmp_path: Path
) -> None:
    clips = str(write_clips(tmp_path / "clips"))
    run = settings(
        camvid, data__clips=clips, data__clip_share=0.25, data__use_val=True,
        data__validation_clips=clips,
    )  # fmt: skip
    data = Trainer(run, tmp_path / "run")._data
    shares = [share for _, share in data.train]
    assert shares == pytest.approx([0.75 * 4 / 7, 0.75 * 3 / 7, 0.25])
    assert data.validation is not None
    assert data.validation.name.startswith("clips in")
    alone = settings(camvid, data__camvid="", data__clips=clips)
    trainer = Trainer(alone, tmp_path / "alone")
    assert [share for _, share in trainer._data.train] == [1.0]
    assert trainer._data.validation is None


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_computes_nearly_the_same(camvid: Path, tmp_path: Path, precision: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    steps = {"optimizer__iterations": 3, "dropout": 0.0, "optimizer__learning_rate": 1e-4}
    run = settings(camvid, report__validate_every=3, **steps)
    Trainer(run, tmp_path / "cpu").run()
    run = settings(camvid, report__validate_every=3, precision=precision, **steps)
    Trainer(run, tmp_path / "gpu", Processes(torch.device("cuda"))).run()
    assert losses(tmp_path / "gpu") == pytest.approx(losses(tmp_path / "cpu"), rel=0.05)


@pytest.mark.slow
def test_a_run_learns_and_its_checkpoint_segments(camvid: Path, tmp_path: Path) -> None:
    run = settings(
        camvid, optimizer__iterations=60, optimizer__batch=4, report__validate_every=60,
        augment__crop_height=64, height=72, width=96,
    )  # fmt: skip
    Trainer(run, tmp_path).run()
    found = log_lines(tmp_path)[-1]["validation"]
    assert found["miou_key"] > 0.6
    assert min(found["miou_by_age"]) > 0.6
    segmenter = Segmenter.load(str(tmp_path / "best.safetensors"), device="cpu")
    bgr = cv2.imread(str(camvid / "val/0016E5_00000.jpg"))
    labels = segmenter.step(np.ascontiguousarray(bgr[..., ::-1]), 0).labels
    assert np.bincount(labels[:20].ravel()).argmax() == SKY
    assert np.bincount(labels[62:].ravel()).argmax() == ROAD
    assert np.bincount(labels[45:55, 15:30].ravel()).argmax() == CAR
