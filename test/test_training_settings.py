"""Settings from YAML files that build on each other, and from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcfm_ros.errors import SettingsError
from dcfm_ros.training.settings import TrainSettings
from dcfm_ros.training.settings_file import find_config, read_settings


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_goes_on_top_of_its_base_and_changes_on_top_of_both(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", "optimizer: {batch: 3, learning_rate: 6e-5}\nseed: 5\n")
    path = write(tmp_path / "run.yaml", "base: base.yaml\noptimizer: {batch: 4}\n")
    changes = ["optimizer.power=1", "data.bags=[a.bag, b.bag]", "config = camvid_tiny"]
    found = read_settings(path, changes)
    assert (found.optimizer.batch, found.optimizer.learning_rate, found.seed) == (4, 6e-5, 5)
    assert found.optimizer.power == 1.0
    assert found.data.bags == ("a.bag", "b.bag")
    assert found.config == "camvid_tiny"
    assert found.augment == TrainSettings().augment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "optimizer: {bach: 3}",
            r"unknown setting 'optimizer\.bach'; did you mean 'optimizer\.batch",
        ),
        ("just words", "holds no settings"),
        ("a: [", "cannot read"),
        ("base: none.yaml", r"cannot read .*none\.yaml"),
        ("base: run.yaml", "is its own base"),
        ("data: {min_age: 5, max_age: 4}", r"data\.min_age is 5, expected at most data\.max_age"),
        ("height: 360", "height is 360 and width is 0"),
        ("precision: float64", "precision: found 'float64', expected one of"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(write(tmp_path / "run.yaml", text))


def test_changes_must_name_a_value(tmp_path: Path) -> None:
    path = write(tmp_path / "run.yaml", "seed: 1")
    with pytest.raises(SettingsError, match="--set seed: expected NAME=VALUE"):
        read_settings(path, ["seed"])
    with pytest.raises(SettingsError, match="cannot read --set seed="):
        read_settings(path, ["seed=["])


def test_shipped_configurations_are_found_by_name() -> None:
    assert find_config("street").name == "street.yaml"
    with pytest.raises(SettingsError, match=r"no file strete; give a YAML file, or one of camvid_"):
        find_config("strete")


def shipped(name: str) -> TrainSettings:
    return read_settings(find_config(name))


def test_the_published_schedules() -> None:
    """The figures of method.md."""
    cityscapes = shipped("cityscapes_resnet50").optimizer
    assert (cityscapes.name, cityscapes.iterations, cityscapes.batch) == ("sgd", 80_000, 8)
    assert (cityscapes.learning_rate, cityscapes.floor, cityscapes.power) == (0.01, 1e-4, 0.9)
    assert (cityscapes.momentum, cityscapes.weight_decay) == (0.9, 5e-4)
    assert (cityscapes.warmup, cityscapes.warmup_factor) == (1500, 1e-6)
    assert cityscapes.backbone_rate == 0.0
    assert shipped("cityscapes_resnet18").optimizer == cityscapes
    assert shipped("cityscapes_resnet101").optimizer.batch == 4
    camvid = shipped("camvid_resnet50").optimizer
    assert (camvid.learning_rate, camvid.iterations, camvid.floor) == (0.02, 40_000, 1e-5)
    assert (camvid.batch, camvid.warmup) == (8, 0)
    for name, backbone in (("cityscapes_mitb1", 6e-5), ("vspw_mitb2", 6e-5), ("vspw_mitb5", 4e-5)):
        mit = shipped(name)
        assert mit.drop_path == mit.dropout == 0.1
        optimizer = mit.optimizer
        assert (optimizer.name, optimizer.iterations, optimizer.batch) == ("adamw", 160_000, 16)
        assert (optimizer.learning_rate, optimizer.backbone_rate) == (6e-4, backbone)
        assert (optimizer.power, optimizer.floor, optimizer.weight_decay) == (1.0, 0.0, 0.01)
        assert (optimizer.warmup, optimizer.warmup_factor) == (1500, 1e-6)


def test_the_published_augmentation_and_loss() -> None:
    for name in (
        "cityscapes_resnet18", "cityscapes_resnet50", "cityscapes_resnet101", "cityscapes_mitb1",
        "vspw_mitb2", "vspw_mitb5", "camvid_resnet50",
    ):  # fmt: skip
        run = shipped(name)
        assert run.config == name
        assert (run.loss.non_key, run.loss.consistency) == (0.4, 10.0)
        assert run.loss.class_weight_power == 0.0
        assert (run.data.min_age, run.data.max_age) == (1, 10)
        assert run.optimizer.ema_decay == 0.0
        assert run.sync_norm
        augment = run.augment
        jitter = (augment.jitter, augment.labelled_jitter, augment.neighbour_jitter)
        rotation, scales = augment.rotation_deg, (augment.min_scale, augment.max_scale)
        if name.startswith("cityscapes"):
            assert (jitter, rotation, scales) == ((0, 0.3, 0), 10.0, (0.5, 2.0))
        elif name.startswith("vspw"):
            assert (jitter, rotation, scales) == ((0, 0.2, 0.2), 20.0, (0.5, 2.0))
        else:
            assert (jitter, rotation, scales) == ((0, 0, 0), 10.0, (0.5, 1.0))


def test_the_street_recipes_differ_in_the_validation_clip_alone() -> None:
    with_val, without = shipped("street"), shipped("street-noval")
    assert with_val.data.use_val
    assert not without.data.use_val
    assert with_val.optimizer == without.optimizer
    assert with_val.augment == without.augment
