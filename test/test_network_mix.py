"""Mixed weights lie between those of the two networks, tensor by tensor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dcfm_ros.cli.main import main
from dcfm_ros.errors import CheckpointError
from dcfm_ros.network import CheckpointInfo, Dcfm, label_set, load, named_config, read_info, save
from dcfm_ros.network.mix import mix

NAMED = named_config("camvid_tiny")


def info_of(name: str) -> CheckpointInfo:
    labels = label_set(NAMED.label_set)
    notes = {"seed": name, "validation": {"miou_key": 0.5}}
    return CheckpointInfo(name, NAMED.network, labels, NAMED.training_size, notes=notes)


def saved(path: Path, seed: int, info: CheckpointInfo) -> Path:
    torch.manual_seed(seed)
    network = Dcfm(info.network)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    save(network, info, path)
    return path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return saved(tmp_path / "a.safetensors", 0, replace(info_of("a"), calibration={"x": 1}))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    info = replace(info_of("b"), training_size=(96, 128))
    return saved(tmp_path / "b.safetensors", 1, info)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_tensor_is_the_weighted_mean(
    first: Path, second: Path, tmp_path: Path, share: float
) -> None:
    out = tmp_path / "mixed.safetensors"
    mix(first, second, share, out)
    a, b, mixed = (load(path).state_dict() for path in (first, second, out))
    floating = [key for key, tensor in mixed.items() if tensor.is_floating_point()]
    assert any(key.endswith("running_var") for key in floating)
    for key in floating:
        torch.testing.assert_close(mixed[key], (1 - share) * a[key] + share * b[key])


def test_the_description_is_the_firsts_without_what_the_old_weights_alone_had(
    first: Path, second: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mixed.safetensors"
    found = mix(first, second, 0.25, out)
    mixed = {"with": "b", "share": 0.25, "notes": info_of("b").notes}
    notes = {"seed": "a", "validation": None, "mixed": mixed}
    assert found == replace(info_of("a"), notes=notes)
    assert read_info(out) == found


def test_a_file_may_be_mixed_into_itself_at_half_the_size(first: Path, second: Path) -> None:
    before = first.stat().st_size
    expected = load(first).state_dict()["fusion.conv.weight"].half()
    mix(first, second, 0.0, first, half=True)
    torch.testing.assert_close(load(first).state_dict()["fusion.conv.weight"].half(), expected)
    assert first.stat().st_size < 0.6 * before


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (replace(info_of("b"), network=replace(NAMED.network, depths=(3, 1, 2, 1))), "network"),
        (
            replace(
                info_of("b"), labels=replace(info_of("b").labels, classes=tuple("abcdefghijk"))
            ),
            "classes",
        ),
        (replace(info_of("b"), mean=(0.5, 0.5, 0.5)), "normalisation"),
    ],
)
def test_networks_that_have_nothing_in_common_are_refused(
    first: Path, tmp_path: Path, other: CheckpointInfo, what: str
) -> None:
    second = saved(tmp_path / "b.safetensors", 1, other)
    with pytest.raises(CheckpointError, match=rf"b\.safetensors has {what} .* can be mixed only"):
        mix(first, second, 0.5, tmp_path / "mixed.safetensors")
    assert not (tmp_path / "mixed.safetensors").exists()


def test_the_command(first: Path, second: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "new" / "mixed.safetensors"
    words = ["mix", str(first), str(second), "-o", str(out), "--half"]
    assert main([*words, "--share", "0.25"]) == 0
    printed = capsys.readouterr().out
    assert f"0.75 of {first}, 0.25 of {second}" in printed
    assert f"dcfm calibrate {out}" in printed
    assert read_info(out).notes["mixed"]["share"] == 0.25
    for share in ("1.5", "nan"):
        assert main([*words, "--share", share]) == 2
        assert f"--share: found {share}, expected 0 to 1" in capsys.readouterr().err
