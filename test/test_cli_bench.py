"""`dcfm bench`: networks in turns, foreign ones too."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dcfm_ros.cli.main import main
from dcfm_ros.errors import SettingsError
from dcfm_ros.evaluation.measure.frame_time import (
    Contender,
    FrameTime,
    amortised,
    foreign,
    key_and_other,
    measure,
)
from dcfm_ros.streaming import EngineSettings

PEER = """
import torch

class Bright(torch.nn.Module):
    '''Class 1 where a pixel is brighter than the mean colour, at half the size.'''
    def __init__(self, classes):
        super().__init__()
        self.classes = classes
    def forward(self, x):
        assert not self.training and not torch.is_grad_enabled()
        grey = x.mean(1, keepdim=True)[..., ::2, ::2]
        rest = torch.full_like(grey, -1e9).expand(-1, self.classes - 2, -1, -1)
        return torch.cat([-grey, grey, rest], 1), "auxiliary"
"""


@pytest.fixture
def peer(tmp_path):
    path = tmp_path / "peer.py"
    path.write_text(PEER)
    return path


def test_the_command_prints_and_writes_every_contender(checkpoint, peer, tmp_path, capsys):
    out = tmp_path / "times.json"
    arguments = [str(checkpoint), "--peer", f"{peer}:Bright", "--rounds", "4", "--size", "64x48"]
    assert main(["bench", *arguments, "--interval", "4", "--json", str(out)]) == 0
    names = ["tiny key", "tiny other", "Bright", "tiny 1:4"]
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)
    content = json.loads(out.read_text())
    assert content["image_size"] == {"width": 64, "height": 48}
    frames = {frame["name"]: frame for frame in content["frames"]}
    assert list(frames) == names
    assert frames["tiny key"]["ratio"] == 1.0
    mean = (frames["tiny key"]["median_ms"] + 3 * frames["tiny other"]["median_ms"]) / 4
    assert frames["tiny 1:4"]["median_ms"] == pytest.approx(mean)


def test_key_frames_are_key_frames_and_others_are_not(checkpoint, monkeypatch):
    from dcfm_ros.streaming import Segmenter

    seen = []
    step = Segmenter.step
    monkeypatch.setattr(Segmenter, "step", lambda self, *a: seen.append(r := step(self, *a)) or r)
    pair = key_and_other(EngineSettings(checkpoint=str(checkpoint), device="cpu"), "tiny")
    pictures = np.random.default_rng(1).integers(0, 256, (6, 48, 64, 3), np.uint8)
    for picture in pictures:  # noise: every picture is a cut, if cuts were looked for
        for contender in pair:
            contender.step(picture)
    assert [result.is_key_frame for result in seen[::2]] == [True] * 6
    assert [result.is_key_frame for result in seen[1::2]] == [True] + [False] * 5


def test_a_foreign_network_sees_the_normalised_image(peer):
    contender = foreign(f"{peer}:Bright", 5, EngineSettings(device="cpu"))
    image = np.zeros((8, 12, 3), np.uint8)
    image[:, 6:] = 255
    labels = contender.step(image)
    assert labels.shape == (8, 12)
    assert labels.dtype == np.uint8
    assert (labels[:, :5] == 0).all()
    assert (labels[:, 7:] == 1).all()


def test_contenders_take_turns_and_ratios_are_to_the_first():
    order = []
    contenders = [Contender(name, lambda image, n=name: order.append(n) or image) for name in "ab"]
    found = measure(contenders, np.zeros((2, 2, 3), np.uint8), 3)
    assert order == list("aaabbb") + list("ab" * 3)
    assert [time.name for time in found] == ["a", "b"]
    assert found[0].ratio == 1.0


def test_the_mean_frame_of_an_interval():
    key, other = FrameTime("k", 50.0, 60.0, 1.0), FrameTime("o", 20.0, 30.0, 0.4)
    assert amortised(key, other, "1:5", 5) == FrameTime("1:5", 26.0, 60.0, pytest.approx(0.52))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "480"], "--size: found '480', expected WIDTHxHEIGHT"),
        (["--rounds", "0"], "--rounds: found 0, expected at least 1"),
        (["--interval", "0"], "--interval: found 0, expected at least 1"),
        (["--peer", "nothing.py:Net"], "expected FILE.py:NAME of an existing Python file"),
    ],
)
def test_wrong_options_are_told_in_one_line(arguments, said, checkpoint, capsys):
    assert main(["bench", str(checkpoint), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_peer_without_that_name_is_told(peer):
    with pytest.raises(SettingsError, match="has no 'Dark', expected the name of a network's"):
        foreign(f"{peer}:Dark", 5, EngineSettings(device="cpu"))
