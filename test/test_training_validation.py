"""Validation by age: whose common feature a frame gets, and what is counted."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from training_harness import HEIGHT, WIDTH, write_camvid

from dcfm_ros.datasets import Clips, camvid, read_rgb
from dcfm_ros.network import Dcfm, named_config
from dcfm_ros.network.labels import CAMVID11
from dcfm_ros.processes import Processes
from dcfm_ros.training.validation import Predictor, Validation, overlays, spread, validate


@pytest.fixture(scope="module")
def val(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return camvid(write_camvid(tmp_path_factory.mktemp("camvid"), train=1, val=7), "val")


@pytest.fixture(scope="module")
def network() -> Dcfm:
    """Random weights, but a classifier whose answer depends on the frame."""
    torch.manual_seed(0)
    network = Dcfm(named_config("camvid_tiny").network).eval()
    torch.nn.init.normal_(network.head[-1].weight)
    return network


def predictor(network: Dcfm) -> Predictor:
    return Predictor(network, (HEIGHT, WIDTH), torch.device("cpu"))


def test_each_age_takes_the_common_feature_of_that_frame(val: Clips, network: Dcfm) -> None:
    def tensor(path: str) -> torch.Tensor:
        x = torch.from_numpy(read_rgb(path)).permute(2, 0, 1)[None] / 255.0
        mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)

    found = predictor(network)
    with torch.inference_mode():
        for index in (2, 3, 6):
            labels, predictions = found.segment(val, index, range(5))
            assert sorted(predictions) == list(range(min(index, 4) + 1))
            np.testing.assert_array_equal(labels, val.labels(index))
            for age, prediction in predictions.items():
                _, common = network.forward_key(tensor(str(val.frame(index, -age))))
                expected = network.forward_non_key(tensor(str(val.frame(index))), common)
                same = prediction == expected.argmax(1)[0].numpy()
                assert same.mean() > 0.999  # another order of sums may turn a tie


def test_figures_pool_what_they_say(val: Clips, network: Dcfm) -> None:
    whole = validate(predictor(network), val, 5, 0, Processes())
    assert whole.frames == 7
    assert len(whole.miou_by_age) == 5
    assert len(whole.iou) == 11
    assert math.isnan(whole.iou[1])  # no building here
    assert 0 <= whole.miou_interval <= 1
    few = validate(predictor(network), val, 5, 3, Processes())
    assert few.frames == 3
    short = validate(predictor(network), val, 2, 0, Processes())
    assert math.isnan(short.miou_interval)  # one in five needs ages up to four
    assert short.miou_key == whole.miou_key
    assert list(spread(10, 3)) == [0, 4, 9]
    assert list(spread(2, 5)) == [0, 1]


def test_the_shares_of_several_processes_are_merged(val: Clips, network: Dcfm) -> None:
    class Pretended(Processes):
        """Adds what the other process counted, as all_reduce does."""

        def sum(self, value: torch.Tensor) -> torch.Tensor:
            parts.append(value)
            return sum(parts)

    parts: list[torch.Tensor] = []
    for rank in (0, 1):
        cpu = torch.device("cpu")
        shared = validate(predictor(network), val, 3, 0, Pretended(cpu, rank, 2))
    alone = validate(predictor(network), val, 3, 0, Processes())
    assert shared.as_dict() == alone.as_dict()


def test_results_are_plain_numbers() -> None:
    found = Validation(3, 0.5, (0.4, math.nan), math.nan, (math.nan, 0.5))
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["iou"] == [None, 0.5]
    assert found.scalars() == {"miou/key": 0.5, "miou/age_1": 0.4}
    assert str(found).startswith("mIoU 50.00, by age 40.0, one key frame in 5 nan")
    assert str(Validation(3, 0.5, (), math.nan, ())) == "mIoU 50.00 (3 frames)"


def test_pictures_show_truth_key_and_oldest_non_key_frame(val: Clips, network: Dcfm) -> None:
    shown = list(overlays(predictor(network), val, CAMVID11.palette(), 3, 2))
    assert [picture.shape for picture in shown] == [(HEIGHT, 3 * WIDTH, 3)] * 2
    rgb = read_rgb(str(val.frame(0))).astype(int)
    sky = (rgb[5, 5] + np.array(CAMVID11.colors[0])) / 2
    np.testing.assert_allclose(shown[0][5, 5], sky, atol=2)
    assert not list(overlays(predictor(network), val, CAMVID11.palette(), 3, 0))


def test_pictures_may_be_resized_first(val: Clips, network: Dcfm, tmp_path: Path) -> None:
    small = Predictor(network, (36, 48), torch.device("cpu"), height=36)
    with torch.inference_mode():
        labels, predictions = small.segment(val, 3, range(2))
    assert labels.shape == predictions[1].shape == (36, 48)
