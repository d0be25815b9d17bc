"""Protocols of published figures, against the unfolded network run frame by frame."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from dataset_trees import camvid_tree, cityscapes_tree, vspw_tree
from evaluation_harness import pictures, write_recording

from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.datasets.split import SplitOptions, open_split
from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.evaluate import RunSettings, run_exact
from dcfm_ros.evaluation.run.protocols import PROTOCOLS, evaluate_by, segment_by
from dcfm_ros.evaluation.run.results import EXACT, Results, Setup
from dcfm_ros.images import to_rgb
from dcfm_ros.network import load
from dcfm_ros.network.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings


@pytest.fixture(scope="module")
def engine(checkpoint):
    return Engine.load(EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=1))


def frames_by(name, source, engine):
    return list(segment_by(PROTOCOLS[name], source, engine, pytest.fail))


class Plain:
    """The network as it is trained, without the engine's folding and without reuse."""

    def __init__(self, checkpoint, source):
        self._network = load(checkpoint).eval()
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
        self._inputs = []
        for frame in source.frames():
            rgb = torch.from_numpy(to_rgb(frame.frame.message).copy())
            self._inputs.append(((rgb.permute(2, 0, 1) / 255.0 - mean) / std)[None])

    @torch.inference_mode()
    def labels(self, index, keys):
        """Of a frame with the common features of others, whose logits are added."""
        network, x = self._network, self._inputs[index]
        total = 0
        for key in keys:
            common = network.common(network.independent(self._inputs[key]))
            shallow = network.independent(x)
            total = total + network.decode(network.fusion.project(common), shallow)
        full = torch.nn.functional.interpolate(total, x.shape[-2:], mode="bilinear")
        return full.argmax(1)[0].numpy()


def check(frame, plain, keys):
    expected = plain.labels(frame.index, keys)
    assert (frame.result.labels == expected).mean() > 0.99, f"frame {frame.index} of {keys}"


def test_windows_count_each_labelled_frame_twice(tmp_path, engine, checkpoint):
    """As a key frame, and between those beside it: of the clips' ends there is one neighbour."""
    source = open_split(SplitOptions("camvid", camvid_tree(tmp_path), before=1, after=1)).source()
    frames = frames_by("camvid", source, engine)
    plain = Plain(checkpoint, source)
    assert [(f.index, f.result.is_key_frame) for f in frames] == [
        (0, True), (1, True), (2, True), (3, True), (0, False), (1, False), (2, False)
    ]  # fmt: skip
    for frame in frames[:4]:
        check(frame, plain, [frame.index])
    for frame, keys in zip(frames[4:], ([1], [0, 2], [1]), strict=True):
        check(frame, plain, keys)


def test_windows_of_cityscapes_are_three_frames(tmp_path, engine, checkpoint):
    root = cityscapes_tree(tmp_path)
    source = open_split(SplitOptions("cityscapes", root, before=1, after=1, clips=())).source()
    assert source.frame_count == 6
    source = _without_names(source)  # the tiny network knows other classes
    frames = frames_by("dcfm-cityscapes", source, engine)
    plain = Plain(checkpoint, source)
    assert [(f.index, f.result.age) for f in frames] == [(1, 0), (4, 0), (1, 1), (4, 1)]
    check(frames[2], plain, [0, 2])
    check(frames[3], plain, [3, 5])


def _without_names(source):
    return type(source)(**{**vars(source), "truth_classes": ()})


def test_videos_of_vspw_alternate_their_first_key_frame(tmp_path, engine, checkpoint):
    source = _without_names(open_split(SplitOptions("vspw", vspw_tree(tmp_path))).source())
    frames = frames_by("dcfm-vspw", source, engine)
    plain = Plain(checkpoint, source)
    assert [f.index for f in frames] == list(range(25))
    assert [f.result.is_key_frame for f in frames[:20]] == [True, False] * 10
    assert [f.result.is_key_frame for f in frames[20:]] == [False, True, False, True, False]
    for place, keys in ((3, [2, 4]), (19, [18]), (20, [21]), (22, [21, 23]), (24, [23])):
        check(frames[place], plain, keys)


def test_both_passes_are_pooled_with_absent_classes_as_zero(tmp_path, checkpoint):
    root = camvid_tree(tmp_path / "data")
    source = open_split(SplitOptions("camvid", root, before=1, after=1)).source()
    settings = RunSettings(
        engine=EngineSettings(checkpoint=str(checkpoint), device="cpu", threads=1),
        protocol="camvid",
    )
    run_exact([source], settings, tmp_path / "out")
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["setup"]["protocol"] == "camvid"
    assert metrics["setup"]["absent_as_zero"] is True
    total = metrics["total"]
    assert total["frames"] == 7
    ious = [one["iou"] or 0.0 for one in total["accuracy"]["classes"]]
    assert total["accuracy"]["miou"] == pytest.approx(sum(ious) / 11)
    assert "Protocol camvid" in metrics["recordings"][0]["notes"][0]


def test_a_protocol_needs_ground_truth(tmp_path, engine):
    bag = write_recording(tmp_path / "bag", pictures(3))
    setup = Setup.of(EXACT, engine, KeyFrameSettings())
    with (
        open_source(bag, SourceOptions()) as source,
        (tmp_path / "log").open("w") as log,
        pytest.raises(EvaluationError, match="has no ground truth, which the protocol camvid"),
    ):
        evaluate_by(PROTOCOLS["camvid"], source, engine, Results(setup, log))


def test_dense_bags_can_be_evaluated_by_a_protocol(tmp_path, engine):
    labels = [np.full((48, 64), index, np.uint8) for index in range(4)]
    bag = write_recording(tmp_path / "bag", pictures(4), labels)
    with open_source(bag, SourceOptions()) as source:
        frames = frames_by("dcfm-cityscapes", source, engine)
    assert [f.index for f in frames] == [0, 1, 2, 3] * 2
