"""Each shipped configuration trains on data in the layout that it asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from training_harness import log_lines, losses, write_camvid

from dcfm_ros.bags import write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.cli.main import main
from dcfm_ros.images import labels_to_png, rgb_to_jpeg
from dcfm_ros.network import load, named_config

NAMES = (
    "street", "street-noval", "own-bags", "camvid_resnet50", "cityscapes_mitb1",
    "cityscapes_resnet18", "cityscapes_resnet50", "cityscapes_resnet101", "vspw_mitb2",
    "vspw_mitb5",
)  # fmt: skip
STREET = ("street", "street-noval", "own-bags")
SMALL = (
    "augment.crop_height=64", "augment.crop_width=64", "optimizer.iterations=2",
    "optimizer.batch=2", "data.workers=0", "report.log_every=1", "report.ages=2",
    "height=64", "width=64", "loss.symmetric_from=1",
)  # fmt: skip


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(value).integers(0, 256, (64, 64, 3), np.uint8)
    cv2.imwrite(str(path), noise)


def labels(path: Path, values: tuple[int, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.resize(np.array(values, np.uint8), (64, 64)))


def write_cityscapes(root: Path) -> None:
    for split in ("train", "val"):
        for number in range(30):
            name = f"ulm_000000_{number:06d}_leftImg8bit.png"
            picture(root / f"leftImg8bit_sequence/{split}/ulm/{name}", number)
        labels(root / f"gtFine/{split}/ulm/ulm_000000_000019_gtFine_labelIds.png", (7, 11, 26, 0))


def write_vspw(root: Path) -> None:
    for split in ("train", "val"):
        for number in range(4):
            picture(root / f"data/{split}/origin/{number:08d}.jpg", number)
            labels(root / f"data/{split}/mask/{number:08d}.png", (0, 1, 124, 255))
        (root / f"{split}.txt").write_text(f"{split}\n")


def write_camvid_original(root: Path) -> None:
    for stem in ("0001TP_006690", "0016E5_07959"):
        picture(root / f"701_StillsRaw_full/{stem}.png", 1)
        rgb = np.resize(np.array([[128, 128, 128], [128, 64, 128]], np.uint8), (64, 64, 3))
        (root / "LabeledApproved_full").mkdir(exist_ok=True)
        Image.fromarray(rgb).save(root / f"LabeledApproved_full/{stem}_L.png")


def write_labelled_bag(path: Path) -> Path:
    """Eight frames; the fifth is labelled."""
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with write_bag(path) as writer:
        for number in range(8):
            stamp = 10**18 + number * 10**8
            image = compressed_image(stamp, "camera", "jpeg", rgb_to_jpeg(rgb))
            writer.write("/camera/image/compressed", image, stamp)
            if number == 4:
                png = labels_to_png(np.resize(np.array([0, 1, 255], np.uint8), (64, 64)))
                truth = compressed_image(stamp, "camera", "png", png)
                writer.write("/gt/label/compressed", truth, stamp)
    return path


def data_for(name: str, root: Path) -> list[str]:
    if name == "own-bags":
        (root / "yard.yaml").write_text("classes: {grass: [0, 128, 0], path: [90, 90, 90]}")
        drive, other = (write_labelled_bag(root / bag) for bag in ("drive", "other"))
        bags = [f"data.bags=[{drive}]", f"data.validation_bags=[{other}]", "data.height=48"]
        return [*bags, f"labels={root / 'yard.yaml'}"]
    if name.startswith("street"):
        write_camvid(root / "camvid")
        for number in range(3):
            picture(root / f"clips/clip_0000/rgb/{number:06d}.jpg", number)
            labels(root / f"clips/clip_0000/labels/{number:06d}.png", (0, 3, 8, 255))
        return [f"data.camvid={root / 'camvid'}", f"data.clips={root / 'clips'}"]
    if name.startswith("camvid"):
        write_camvid_original(root)
        return [f"data.camvid_original={root}"]
    (write_cityscapes if name.startswith("cityscapes") else write_vspw)(root)
    return [f"data.{name.partition('_')[0]}={root}"]


def train(name: str, tmp_path: Path) -> None:
    changes = [*SMALL, *data_for(name, tmp_path)]
    run = tmp_path / "run"
    assert main(["train", name, "-o", str(run), "--device", "cpu", "--set", *changes]) == 0
    assert all(loss > 0 for loss in losses(run))
    found = log_lines(run)[-1]["validation"]
    json.dumps(found, allow_nan=False)
    expected = named_config("camvid_medium" if name in STREET else name).network
    classes = 2 if name == "own-bags" else expected.classes
    assert load(run / "last.safetensors").config == replace(expected, classes=classes)


@pytest.mark.parametrize("name", ["street", "own-bags"])
def test_the_small_recipes_train(name: str, tmp_path: Path) -> None:
    train(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_configuration_trains(name: str, tmp_path: Path) -> None:
    train(name, tmp_path)


def test_no_shipped_configuration_is_forgotten(checkout: Path) -> None:
    assert sorted(NAMES) == sorted(path.stem for path in (checkout / "config/train").glob("*.yaml"))
