"""The network computes what the authors' implementation computes, to 1e-5.

test/data holds, per configuration, the published tensors' names and shapes (.json) and the logits
that the reference implementation gave (.npz) for weights and inputs drawn from fixed seeds.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from dcfm_ros.network import Dcfm, load, named_config
from dcfm_ros.network.checkpoint import load_strictly
from dcfm_ros.network.published import import_published, to_own_keys

DATA = Path(__file__).parent / "data"
NAMES = ("cityscapes_resnet18", "camvid_resnet50", "cityscapes_mitb1", "vspw_mitb2")


def recipe_tensor(key: str, shape: list[int]) -> torch.Tensor:
    seed = zlib.crc32(key.encode())
    a = np.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith("running_var"):
        a = 0.5 + np.abs(a)
    elif key.endswith("running_mean"):
        a = 0.1 * a
    elif len(shape) == 1:
        a = 1 + 0.1 * a if key.endswith("weight") else 0.1 * a
    else:
        mean = a.reshape(shape[0], -1).mean(1).reshape([-1] + [1] * (len(shape) - 1))
        a = (a - mean) * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(np.ascontiguousarray(a, np.float32))


def published_state(name: str) -> dict[str, torch.Tensor]:
    listing = json.loads((DATA / f"{name}.json").read_text())
    return {key: recipe_tensor(key, shape) for key, shape in listing}


def recipe_frames() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(7)
    first = rng.standard_normal((1, 3, 64, 128), np.float32)
    second = first + np.float32(0.1) * rng.standard_normal(first.shape, np.float32)
    return torch.from_numpy(first), torch.from_numpy(second)


def assert_reference_logits(network: Dcfm, name: str) -> None:
    expected = np.load(DATA / f"{name}.npz")
    key_frame, non_key_frame = recipe_frames()
    with torch.inference_mode():
        key, common = network.forward_key(key_frame)
        non_key = network.forward_non_key(non_key_frame, common)
    for logits, frame in ((key, "key"), (non_key, "nonkey")):
        sampled = logits.numpy()[0, :, ::4, ::4]
        np.testing.assert_allclose(
            sampled, expected[f"{frame}_logits"].reshape(sampled.shape), rtol=0, atol=1e-5
        )
        labels = logits.argmax(1).numpy()[0]
        same = labels == expected[f"{frame}_labels"].reshape(labels.shape)
        assert same.mean() > 0.999  # rounding may decide a tie of random weights


@pytest.fixture(params=NAMES)
def reference(request: pytest.FixtureRequest) -> tuple[str, Dcfm]:
    name = request.param
    network = Dcfm(named_config(name).network).eval()
    load_strictly(network, to_own_keys(published_state(name), network.config), name)
    return name, network


def test_logits_equal_the_reference(reference: tuple[str, Dcfm]) -> None:
    name, network = reference
    assert_reference_logits(network, name)


def test_folding_batch_norms_keeps_the_logits(reference: tuple[str, Dcfm]) -> None:
    name, network = reference
    network.fold()
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    assert_reference_logits(network, name)


def test_reference_key_and_non_key_logits_differ_enough_to_tell() -> None:
    """A tolerance of 1e-5 means something: the two maps are at least 1e-4 apart."""
    for name in NAMES:
        vectors = np.load(DATA / f"{name}.npz")
        gap = np.abs(vectors["key_logits"] - vectors["nonkey_logits"]).mean()
        assert gap > 1e-4, name


def test_an_imported_pair_computes_the_reference_logits(tmp_path: Path) -> None:
    """The whole way: two published files, `module.` prefixes and all, to one checkpoint."""
    name = "cityscapes_mitb1"
    for part in ("encoder", "decoder"):
        state = {
            "module." + key.removeprefix(f"{part}."): tensor
            for key, tensor in published_state(name).items()
            if key.startswith(f"{part}.")
        }
        torch.save(state, tmp_path / f"{part}_epoch_1.pth")
    out = tmp_path / "b1.safetensors"
    info = import_published(
        tmp_path / "encoder_epoch_1.pth", tmp_path / "decoder_epoch_1.pth", name, out
    )
    assert info.labels.classes[0] == "road"
    assert_reference_logits(load(out), name)
