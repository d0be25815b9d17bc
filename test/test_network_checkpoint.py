"""Checkpoints hold tensors and their description, and nothing else gets in."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from dcfm_ros.errors import CheckpointError
from dcfm_ros.network import (
    CheckpointInfo,
    Dcfm,
    LabelSet,
    label_set,
    load,
    named_config,
    read_info,
    save,
)
from dcfm_ros.network.checkpoint import load_strictly
from dcfm_ros.network.published import import_published

NAMED = named_config("camvid_tiny")


def tiny_info() -> CheckpointInfo:
    labels = label_set(NAMED.label_set)
    return CheckpointInfo("tiny", NAMED.network, labels, NAMED.training_size, notes={"miou": 0.5})


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Dcfm, Path]:
    torch.manual_seed(0)
    network = Dcfm(NAMED.network).eval()
    path = tmp_path / "tiny.safetensors"
    save(network, tiny_info(), path)
    return network, path


def test_a_saved_network_loads_with_its_description(tiny: tuple[Dcfm, Path]) -> None:
    network, path = tiny
    assert read_info(path) == tiny_info()
    x = torch.randn(1, 3, 40, 56)
    with torch.inference_mode():
        torch.testing.assert_close(load(path).forward_key(x)[0], network.forward_key(x)[0])
    assert [p.name for p in path.parent.iterdir()] == ["tiny.safetensors"]


def test_a_network_of_other_depths_loads_with_them(tmp_path: Path) -> None:
    """As lists, which JSON has for tuples, two equal networks would differ."""
    info = replace(tiny_info(), network=replace(NAMED.network, depths=(3, 1, 2, 1)))
    save(Dcfm(info.network), info, tmp_path / "deep.safetensors")
    assert read_info(tmp_path / "deep.safetensors") == info
    assert len(load(tmp_path / "deep.safetensors").backbone.stage1) == 3


def test_a_file_from_before_whole_strides_computes_what_it_did(tiny: tuple[Dcfm, Path]) -> None:
    _, path = tiny
    with safe_open(str(path), framework="pt") as file:
        info = json.loads(file.metadata()["info"])
        del info["network"]["whole_strides"]
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    save_file(tensors, path, {"format": "dcfm_ros/1", "info": json.dumps(info)})
    assert read_info(path).network == replace(NAMED.network, whole_strides=False)


def test_half_precision_halves_the_file_and_loads_as_float32(
    tiny: tuple[Dcfm, Path], tmp_path: Path
) -> None:
    network, path = tiny
    save(network, tiny_info(), tmp_path / "half.safetensors", half=True)
    loaded = load(tmp_path / "half.safetensors")
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * path.stat().st_size
    torch.testing.assert_close(
        loaded.state_dict()["fusion.conv.weight"],
        network.state_dict()["fusion.conv.weight"],
        atol=1e-3,
        rtol=1e-3,
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"no checkpoint at .*none\.safetensors; give the path"
    ):
        load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.99])
def test_a_truncated_file_is_refused(tiny: tuple[Dcfm, Path], share: float) -> None:
    path = tiny[1]
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="format None, expected 'dcfm_ros/1'"):
        load(tmp_path / "foreign.safetensors")


def test_a_description_of_another_version_is_refused(tmp_path: Path) -> None:
    metadata = {"format": "dcfm_ros/1", "info": '{"name": "x"}'}
    save_file({"w": torch.zeros(3)}, tmp_path / "odd.safetensors", metadata)
    with pytest.raises(CheckpointError, match="in a way that this version does not know"):
        load(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("fusion.conv.bias"), "missing fusion.conv.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "unexpected extra"),
        (
            lambda s: s.update({"fusion.conv.bias": torch.zeros(3)}),
            r"fusion.conv.bias has shape \(3,\), expected \(48,\)",
        ),
    ],
)
def test_tensors_must_fit_exactly(tiny: tuple[Dcfm, Path], change, message: str) -> None:
    network, _ = tiny
    tensors = dict(network.state_dict())
    change(tensors)
    with pytest.raises(CheckpointError, match=message):
        load_strictly(network, tensors, "test")


def test_another_architecture_is_refused(tiny: tuple[Dcfm, Path]) -> None:
    network, _ = tiny
    with pytest.raises(CheckpointError, match="does not fit a mit_b0 network with 19 classes"):
        load_strictly(Dcfm(named_config("cityscapes_mitb0").network), network.state_dict(), "test")


def test_an_unknown_configuration_gets_the_nearest_name() -> None:
    with pytest.raises(CheckpointError, match="did you mean 'vspw_mitb2'"):
        named_config("vspw_mitb22")


def test_label_sets_need_a_colour_for_each_class() -> None:
    with pytest.raises(CheckpointError, match="2 classes but 1 colours"):
        LabelSet("broken", ("a", "b"), ((0, 0, 0),))
    with pytest.raises(CheckpointError, match="unknown label set 'none'"):
        label_set("none")


def test_palettes_are_black_where_there_is_no_class() -> None:
    palette = label_set("camvid").palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert tuple(palette[3]) == (128, 64, 128)
    assert not palette[11:].any()
    vspw = label_set("vspw")
    assert len(vspw.classes) == 124
    assert vspw.colors[:3] == ((128, 0, 0), (0, 128, 0), (128, 128, 0))  # PASCAL VOC's


class TestPublishedPairs:
    """Errors of `dcfm import`."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> tuple[Path, Path]:
        encoder, decoder = tmp_path / "encoder_epoch_3.pth", tmp_path / "decoder_epoch_3.pth"
        torch.save({"module.backbone.layer0.0.weight": torch.zeros(64, 3, 7, 7)}, encoder)
        torch.save({"module.bot_aspp.weight": torch.zeros(320, 1024, 1, 1)}, decoder)
        return encoder, decoder

    def convert(self, pair: tuple[Path, Path], name: str = "cityscapes_resnet18") -> None:
        out = pair[0].parent / "out.safetensors"
        try:
            import_published(*pair, name, out)
        finally:
            assert not out.exists()

    def test_missing_tensors_are_named(self, pair: tuple[Path, Path]) -> None:
        with pytest.raises(CheckpointError, match=r"missing backbone.stem.0.norm.weight.* more"):
            self.convert(pair)

    def test_the_wrong_configuration_is_told(self, pair: tuple[Path, Path]) -> None:
        with pytest.raises(CheckpointError, match="does not fit a mit_b1 network"):
            self.convert(pair, "cityscapes_mitb1")

    def test_unknown_tensors_are_named(self, pair: tuple[Path, Path]) -> None:
        torch.save({"module.final.9.weight": torch.zeros(1)}, pair[1])
        with pytest.raises(CheckpointError, match="does not fit"):
            self.convert(pair)

    def test_a_missing_file_is_named(self, pair: tuple[Path, Path]) -> None:
        pair[1].unlink()
        with pytest.raises(CheckpointError, match=r"no checkpoint at .*decoder_epoch_3\.pth"):
            self.convert(pair)

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
    def test_a_truncated_file_is_refused(self, pair: tuple[Path, Path], share: float) -> None:
        os.truncate(pair[0], int(share * pair[0].stat().st_size))
        with pytest.raises(CheckpointError, match="truncated or no torch file"):
            self.convert(pair)

    def test_a_pickle_with_code_is_not_run(self, pair: tuple[Path, Path], tmp_path: Path) -> None:
        class Attack:
            def __reduce__(self):
                return (os.mkdir, (str(tmp_path / "ran"),))

        torch.save({"module.x": Attack()}, pair[0])
        with pytest.raises(CheckpointError, match="holds more than tensors and is not loaded"):
            self.convert(pair)
        pair[0].write_bytes(pickle.dumps(Attack()))
        with pytest.raises(CheckpointError, match=r"holds more than tensors|truncated"):
            self.convert(pair)
        assert not (tmp_path / "ran").exists()

    def test_something_else_than_a_state_dict_is_refused(self, pair: tuple[Path, Path]) -> None:
        torch.save([torch.zeros(1)], pair[0])
        with pytest.raises(CheckpointError, match="holds list, expected a state dict"):
            self.convert(pair)
