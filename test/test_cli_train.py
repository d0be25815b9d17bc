"""`dcfm train`: settings from file and command line, a run, and errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from training_harness import losses, values, write_camvid

from dcfm_ros.cli.main import main
from dcfm_ros.network import label_set, load
from dcfm_ros.training.code_version import code_version


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camvid(tmp_path_factory.mktemp("camvid"))


@pytest.fixture
def config(camvid: Path, tmp_path: Path) -> Path:
    flat = values(camvid, optimizer__iterations=2)
    nested: dict[str, dict[str, object]] = {}
    for name, value in flat.items():
        room, _, leaf = name.rpartition(".")
        (nested.setdefault(room, {}) if room else nested)[leaf] = value
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(nested))
    return path


def test_a_run_from_a_file_with_changes(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    changes = ["--set", "optimizer.batch=1", "seed=3", "--set", "report.log_every=2"]
    assert main(["train", str(config), "-o", str(run), "--device", "cpu", *changes]) == 0
    assert f"weights: {run / 'last.safetensors'}" in capsys.readouterr().out
    assert len(losses(run)) == 1
    load(run / "last.safetensors")


def test_classes_of_ones_own_are_matched_by_name_and_told_where_they_mean_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [*label_set("camvid").classes[:0:-1], "heaven"]
    classes = {name: [20 * number, 0, 0] for number, name in enumerate(names)}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"classes": classes}, sort_keys=False))
    changes = ["--set", f"labels={tmp_path / 'mine.yaml'}", "optimizer.iterations=1"]
    run = tmp_path / "run"
    assert main(["train", str(config), "-o", str(run), "--device", "cpu", *changes]) == 0
    told = capsys.readouterr().out
    assert "have classes that the network lacks (sky): they count as unlabelled" in told
    assert "no costs are shipped for the classes of label set 'mine'" in told


def test_the_folder_is_named_after_the_file(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one_step = ["--set", "optimizer.iterations=1"]
    assert main(["train", str(config), "--device", "cpu", *one_step]) == 0
    assert (tmp_path / "out/train/run/best.safetensors").is_file()


def test_all_settings_can_be_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(config), "--settings", "--set", "seed=9"]) == 0
    listed = capsys.readouterr().out
    assert "seed: 9\n    Of the weights and of every sample." in listed
    assert "optimizer.name: 'adamw'\n    Kind of optimiser. (adamw, sgd, muon)" in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "error: no file nowhere; give a YAML file, or one of"),
        (["street-noval"], "error: no training data; name some: --set data.camvid=FOLDER"),
        (["street", "--set", "optimiser.batch=2"], "did you mean 'optimizer.batch'"),
        (["street", "--device", "gpu"], "error: device 'gpu' is unknown"),
        (["street", "--set", "data.camvid=none"], "error: no pictures in none/train, expected"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--device" not in arguments:
        arguments = [*arguments, "--device", "cpu"]
    assert main(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_backbone_file_is_taken_and_told(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shapes = json.loads((Path(__file__).parent / "data/cityscapes_resnet18.json").read_text())
    tensors = {"conv1.weight": torch.zeros(64, 3, 7, 7)}
    for key, shape in shapes:
        name = key.removeprefix("encoder.backbone.").replace("layer0.1.", "bn1.")
        if name.startswith(("layer", "bn1.")) and not name.startswith("layer0."):
            tensors[name] = torch.ones(shape)
    path = tmp_path / "resnet18.pth"
    torch.save(tensors, path)
    run = tmp_path / "run"
    command = ["train", str(config), "-o", str(run), "--device", "cpu", "--set"]
    changes = [
        "config=cityscapes_resnet18",
        "labels=camvid",
        "optimizer.iterations=1",
        "report.ages=0",
    ]
    changes += [f"pretrained={path}", "height=72", "width=96", "optimizer.learning_rate=0"]
    assert main([*command, *changes]) == 0
    told = capfd.readouterr().out
    assert (
        f"resnet18.pth: torchvision's ResNet with a 7x7 stem, {len(tensors)} tensors taken" in told
    )
    network = load(run / "last.safetensors")
    assert not network.backbone.stem[0].conv.weight.any()
    assert network.config.classes == 11
    torch.save({"conv1.weight": tensors["conv1.weight"]}, path)
    assert main([*command[:3], str(tmp_path / "other"), *command[4:], *changes]) == 2
    assert "does not fit the resnet18 backbone: it leaves stem.0.norm" in capfd.readouterr().err


def test_the_code_version_names_the_commit_of_a_checkout(checkout: Path) -> None:
    from dcfm_ros import __version__

    version = code_version()
    assert version.startswith(__version__)
    assert ("+" in version) == (checkout / ".git").exists()
