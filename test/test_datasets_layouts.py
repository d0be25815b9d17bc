"""Every data set in its own layout: which frames are labelled, and what lies around them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dcfm_ros.datasets import (
    Clips,
    LabelValues,
    camvid,
    camvid_original,
    cityscapes,
    clip_folder,
    read_rgb,
    vspw,
)
from dcfm_ros.datasets.catalogue import CATALOGUE
from dcfm_ros.errors import DcfmError


def picture(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((4, 6, 3), value, np.uint8))


def label(path: Path, *values: int) -> None:
    """A row of pixels; 4 rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    row = np.resize(np.array(values, np.uint8), 6)
    cv2.imwrite(str(path), np.tile(row, (4, 1)))


def names(source: Clips, index: int, ages: range) -> list[str | None]:
    paths = [source.frame(index, age) for age in ages]
    return [None if path is None else Path(path).name for path in paths]


# ---- files ----


def test_palette_pngs_give_their_indices(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 7], [11, 3]], np.uint8), "P")
    image.putpalette([90, 10, 200] * 256)
    image.save(tmp_path / "p.png")
    read = LabelValues.identity(11, void=11)
    np.testing.assert_array_equal(read(str(tmp_path / "p.png")), [[0, 7], [255, 3]])


def test_label_values_outside_the_classes_are_named(tmp_path: Path) -> None:
    label(tmp_path / "l.png", 0, 10, 12, 200)
    with pytest.raises(DcfmError, match=r"l\.png holds value 12, 200, expected 0 to 11, 255"):
        LabelValues.identity(11, void=11)(str(tmp_path / "l.png"))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "whole.jpg"), rng.integers(0, 256, (40, 40, 3), np.uint8))
    assert read_rgb(str(tmp_path / "whole.jpg")).shape == (40, 40, 3)
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("half.jpg", "empty.jpg"):
        with pytest.raises(DcfmError, match=f"{name} is no whole picture"):
            read_rgb(str(tmp_path / name))
    with pytest.raises(DcfmError, match=r"cannot read .*gone\.jpg"):
        read_rgb(str(tmp_path / "gone.jpg"))
    with pytest.raises(DcfmError, match=r"whole\.jpg: label image is a JPEG"):
        LabelValues.identity(2)(str(tmp_path / "whole.jpg"))


# ---- CamVid, 480x360 ----


def test_camvids_dense_clip_has_neighbours_and_its_stills_have_none(tmp_path: Path) -> None:
    for split, stems in {
        "train": ("0001TP_006690", "0001TP_006720", "0006R0_f00930"),
        "val": ("0016E5_07959", "0016E5_07961", "0016E5_07963"),
    }.items():
        for stem in stems:
            picture(tmp_path / split / f"{stem}.jpg")
            label(tmp_path / f"{split}annot" / f"{stem}.png", 0, 10, 11)
    val = camvid(tmp_path, "val")
    assert names(val, 1, range(-2, 3)) == [
        None, "0016E5_07959.jpg", "0016E5_07961.jpg", "0016E5_07963.jpg", None,
    ]  # fmt: skip
    assert set(np.unique(val.labels(0))) == {0, 10, 255}
    train = camvid(tmp_path, "train")
    assert len(train) == 3
    assert [train.frame(0, age) for age in (-10, -1, 1, 10)] == [None] * 4
    (tmp_path / "valannot" / "0016E5_07961.png").unlink()
    with pytest.raises(DcfmError, match=r"0016E5_07961\.jpg has no labels"):
        camvid(tmp_path, "val")
    with pytest.raises(DcfmError, match=r"no pictures in .*test, expected CamVid"):
        camvid(tmp_path, "test")


def test_camvid_as_it_lies_here(shared_dir: Path) -> None:
    train, val = (camvid(shared_dir / "data/camvid", split) for split in ("train", "val"))
    assert (len(train), len(val)) == (367, 101)
    assert all(train.frame(i, age) is None for i in range(0, 367, 20) for age in range(1, 11))
    assert Path(str(val.frame(50, -10))).name == "0016E5_08039.jpg"
    assert val.frame(0, -1) is None
    assert set(np.unique(val.labels(7))) <= {*range(11), 255}
    assert read_rgb(str(val.frame(7))).shape == (360, 480, 3)


# ---- CamVid as published ----


def colors(path: Path, *values: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.tile(np.resize(np.array(values, np.uint8), (1, 6, 3)), (4, 1, 1))
    Image.fromarray(rgb).save(path)


def test_camvid_as_published(tmp_path: Path) -> None:
    train = ("0001TP_008520", "0016E5_07920", "0006R0_f00930")
    val, test = ("0016E5_07959",), ("0001TP_008550", "Seq05VD_f00030")
    for stem in (*train, *val, *test):
        picture(tmp_path / "701_StillsRaw_full" / f"{stem}.png", 1)
        # Sky, Wall, TrafficCone, LaneMkgsDriv, Void, MotorcycleScooter
        colors(
            tmp_path / "LabeledApproved_full" / f"{stem}_L.png",
            (128, 128, 128), (64, 192, 0), (0, 0, 64), (128, 0, 192), (0, 0, 0), (192, 0, 192),
        )  # fmt: skip
    for number in (7958, 7959, 7961):
        picture(tmp_path / "frames/0016E5" / f"0016E5_{number:05d}.png", 2)
    assert {len(camvid_original(tmp_path, split)) for split in ("train",)} == {3}
    assert len(camvid_original(tmp_path, "test")) == 2
    source = camvid_original(tmp_path, "val")
    np.testing.assert_array_equal(source.labels(0)[0], [0, 1, 2, 3, 255, 10])
    assert names(source, 0, range(-1, 3)) == [
        "0016E5_07958.png", "0016E5_07959.png", None, "0016E5_07961.png",
    ]  # fmt: skip
    assert read_rgb(str(source.frame(0)))[0, 0, 0] == 1  # the still, not the video's frame
    colors(tmp_path / "LabeledApproved_full/0016E5_07959_L.png", (1, 2, 3))
    with pytest.raises(DcfmError, match=r"0016E5_07959_L\.png holds the colour \[1, 2, 3\]"):
        source.labels(0)
    (tmp_path / "LabeledApproved_full/0016E5_07959_L.png").unlink()
    with pytest.raises(DcfmError, match="1 of 1 stills have no labels"):
        camvid_original(tmp_path, "val")


def test_the_published_colours_are_32_and_different() -> None:
    from dcfm_ros.datasets.camvid_original import _COLORS

    every = [color for group in _COLORS.values() for color in group]
    assert len(every) == len(set(every)) == 32


# ---- Cityscapes ----


def test_cityscapes_snippets(tmp_path: Path) -> None:
    stem = "aachen_000003_000019"
    label(tmp_path / "gtFine/train/aachen" / f"{stem}_gtFine_labelIds.png", 7, 33, 6, 255, 24, 0)
    for number in (*range(30), 49):  # 49 is another snippet's
        name = f"aachen_000003_{number:06d}_leftImg8bit.png"
        picture(tmp_path / "leftImg8bit_sequence/train/aachen" / name)
    source = cityscapes(tmp_path, "train")
    assert len(source) == 1
    np.testing.assert_array_equal(source.labels(0)[0], [0, 18, 255, 255, 11, 255])
    assert names(source, 0, range(-20, -18)) == [None, "aachen_000003_000000_leftImg8bit.png"]
    assert names(source, 0, range(10, 12)) == ["aachen_000003_000029_leftImg8bit.png", None]
    assert source.frame(0, 30) is None
    label(tmp_path / "gtFine/train/aachen" / f"{stem}_gtFine_labelIds.png", 34)
    with pytest.raises(DcfmError, match="holds value 34, expected 0 to 33, 255"):
        source.labels(0)
    with pytest.raises(DcfmError, match=r"no cities in .*val, expected Cityscapes"):
        cityscapes(tmp_path, "val")


def test_cityscapes_stills_alone_have_no_neighbours(tmp_path: Path) -> None:
    stem = "hamburg_000000_000042"
    label(tmp_path / "gtFine/val/hamburg" / f"{stem}_gtFine_labelIds.png", 7)
    with pytest.raises(
        DcfmError, match=r"1 of 1 label files have no picture, the first is .*000042"
    ):
        cityscapes(tmp_path, "val")
    picture(tmp_path / "leftImg8bit/val/hamburg" / f"{stem}_leftImg8bit.png")
    source = cityscapes(tmp_path, "val")
    assert Path(str(source.frame(0))).name == f"{stem}_leftImg8bit.png"
    assert source.frame(0, 1) is None


# ---- VSPW ----


def test_vspw(tmp_path: Path) -> None:
    for video, count in (("0_a", 3), ("1_b", 2), ("2_c", 1)):
        for number in range(count):
            stem = f"{number * 12:08d}"
            picture(tmp_path / "data" / video / "origin" / f"{stem}.jpg")
            label(tmp_path / "data" / video / "mask" / f"{stem}.png", 0, 1, 124, 125, 254, 255)
    (tmp_path / "train.txt").write_text("0_a\n1_b\n")
    (tmp_path / "val.txt").write_text("3_d\n")
    source = vspw(tmp_path, "train")
    assert len(source) == 5
    np.testing.assert_array_equal(source.labels(0)[0], [255, 0, 123, 255, 255, 255])
    assert names(source, 1, range(-2, 3)) == [
        None, "00000000.jpg", "00000012.jpg", "00000024.jpg", None,
    ]  # fmt: skip
    assert source.frame(2, 1) is None  # the next video is no neighbour
    with pytest.raises(DcfmError, match=r"no pictures in .*3_d.*which .* lists"):
        vspw(tmp_path, "val")
    with pytest.raises(DcfmError, match=r"cannot read .*test\.txt"):
        vspw(tmp_path, "test")


# ---- clips ----


def test_clip_folders_may_be_sparsely_labelled(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "clip_0000/rgb" / f"{number:06d}.jpg")
    label(tmp_path / "clip_0000/labels/000002.png", 0, 1, 255)
    source = clip_folder(tmp_path, ("road", "car"))
    assert len(source) == 1
    assert names(source, 0, range(-2, 3)) == [
        "000000.jpg", "000001.jpg", "000002.jpg", "000003.jpg", None,
    ]  # fmt: skip
    assert set(np.unique(source.labels(0))) == {0, 1, 255}
    label(tmp_path / "clip_0000/labels/000009.png", 0)
    with pytest.raises(DcfmError, match=r"000009\.png has no picture of its name"):
        clip_folder(tmp_path, ("road", "car"))
    with pytest.raises(DcfmError, match="no clips in"):
        clip_folder(tmp_path / "clip_0000")


def test_names_beside_the_clips_decide(tmp_path: Path) -> None:
    picture(tmp_path / "clip/rgb/1.jpg")
    label(tmp_path / "clip/labels/1.png", 0, 1, 2, 3)
    assert "do not name their classes" in clip_folder(tmp_path, ("road", "car", "a", "b")).notes[0]
    names = [{"id": 0, "name": "Car"}, {"id": 2, "name": "road"}, {"id": 3, "name": "dog"}]
    (tmp_path / "classes.json").write_text(json.dumps(names))
    clips = clip_folder(tmp_path, ("road", "car"))
    np.testing.assert_array_equal(clips.labels(0)[0, :4], [1, 255, 0, 255])
    (note,) = clips.notes
    assert "have classes that the network lacks (dog): they count as unlabelled" in note
    (tmp_path / "classes.json").write_text('{"sky": 0}')
    with pytest.raises(DcfmError, match=r"classes\.json is no list of classes"):
        clip_folder(tmp_path, ("road", "car"))


def test_a_label_set_in_another_order_is_matched_by_name(tmp_path: Path) -> None:
    picture(tmp_path / "val/0016E5_07959.jpg")
    label(tmp_path / "valannot/0016E5_07959.png", 0, 3, 8, 11)
    names = CATALOGUE["camvid"].classes
    clips = camvid(tmp_path, "val")
    turned = clips.read_as(names, names[::-1])
    np.testing.assert_array_equal(turned.labels(0)[0, :4], [10, 7, 2, 255])
    assert turned.notes == ()
    assert clips.read_as(names, names) is clips
    own = clips.read_as(names, [f"Klasse {number}" for number in range(11)])
    np.testing.assert_array_equal(own.labels(0), clips.labels(0))
    assert "ids are taken as 0 Klasse 0, " in own.notes[0]


def test_the_synthetic_street_is_such_a_folder(tmp_path: Path) -> None:
    from dcfm_ros.datasets.street_clips import StreetClips, write_street_clips

    dataset = StreetClips(clips=1, frames_per_clip=2, width=96, height=72)
    write_street_clips(tmp_path, dataset, workers=1, progress=False)
    source = clip_folder(tmp_path)
    assert len(source) == 2
    assert read_rgb(str(source.frame(0, 1))).shape == (72, 96, 3)
    assert source.labels(0).shape == (72, 96)
