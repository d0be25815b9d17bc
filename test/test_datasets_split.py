"""Data sets as sources and as bags, from trees in their published layouts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from dataset_trees import camvid_tree, cityscapes_tree, label_file, vspw_tree
from evaluation_harness import IMAGE_TOPIC, LABEL_TOPIC, pictures

from dcfm_ros.bags import open_bag
from dcfm_ros.cli.main import main
from dcfm_ros.datasets.split import START_NS, SplitOptions, open_split
from dcfm_ros.errors import DcfmError
from dcfm_ros.images import to_labels, to_rgb
from dcfm_ros.network import label_set


def source_of(kind, root, **options):
    return open_split(SplitOptions(kind, root, **options)).source()


def test_camvid_comes_in_clips_with_stamps_by_frame_number(tmp_path):
    source = source_of("camvid", camvid_tree(tmp_path))
    frames = list(source.frames())
    assert (source.name, source.frame_count, source.label_count) == ("camvid_val", 4, 4)
    assert source.truth_classes == label_set("camvid").classes
    assert [frame.clip for frame in frames] == ["0001TP"] * 3 + ["0016E5"]
    stamps = [frame.frame.stamp_ns - START_NS for frame in frames]
    assert stamps == [0, 66_666_667, 133_333_333, 133_333_333 + 10_000_000_000]
    assert [int(frame.read_truth()[0, 0]) for frame in frames] == [0, 1, 2, 255]
    np.testing.assert_array_equal(to_rgb(frames[2].frame.message), pictures(3)[2])


def test_cityscapes_runs_up_to_the_labelled_frame(tmp_path):
    source = source_of("cityscapes", cityscapes_tree(tmp_path))
    frames = list(source.frames())
    assert (source.frame_count, source.label_count) == (40, 2)
    assert [frame.truth is not None for frame in frames] == ([False] * 19 + [True]) * 2
    truth = frames[19].read_truth()
    assert truth[1].tolist() == [0] * 32 + [13] * 32
    assert (truth[0] == 255).all()
    assert frames[1].frame.stamp_ns - frames[0].frame.stamp_ns == round(1e9 / 17)
    assert {frame.clip for frame in frames} == {"aachen_000000_000019", "bonn_000003_000019"}


def test_how_much_around_a_label_is_run_can_be_chosen(tmp_path):
    source = source_of("cityscapes", cityscapes_tree(tmp_path), before=2, after=1)
    kinds = [frame.truth is not None for frame in source.frames()]
    assert kinds == [False, False, True, False] * 2


def test_vspw_is_labelled_throughout(tmp_path):
    source = source_of("vspw", vspw_tree(tmp_path), rate_hz=5.0)
    frames = list(source.frames())
    assert (source.frame_count, source.label_count) == (25, 25)
    truth = frames[0].read_truth()
    assert (truth[0, 0], truth[-1, 0]) == (255, 18)
    assert frames[1].frame.stamp_ns - frames[0].frame.stamp_ns == 200_000_000


def test_single_videos_can_be_chosen(tmp_path):
    root = vspw_tree(tmp_path)
    assert source_of("vspw", root, clips=("7_room",)).frame_count == 5
    with pytest.raises(DcfmError, match="has no clip 7_rom; did you mean 7_room"):
        source_of("vspw", root, clips=("7_rom",))


def test_folders_of_clips_are_a_data_set_too(tmp_path):
    root = vspw_tree(tmp_path / "vspw")
    clip = tmp_path / "own" / "clip"
    clip.mkdir(parents=True)
    (root / "data" / "7_room" / "origin").rename(clip / "rgb")
    label_file(clip / "labels" / "00000012.png", 3)
    source = source_of("clips", tmp_path / "own")
    assert (source.name, source.truth_classes) == ("own", ())
    assert [frame.truth is not None for frame in source.frames()] == [False, True]


@pytest.mark.parametrize(
    ("kind", "tree", "frames", "labels", "ids"),
    [
        ("camvid", camvid_tree, 4, 4, [0, 1, 2, 255]),
        ("cityscapes", cityscapes_tree, 60, 2, [0, 13, 255]),
        ("vspw", vspw_tree, 25, 25, [18, 255]),
    ],
)
def test_make_bag_keeps_pictures_and_writes_class_ids(tmp_path, kind, tree, frames, labels, ids):
    root = tree(tmp_path / "data")
    assert main(["make-bag", kind, str(root), "-o", str(tmp_path / "bag")]) == 0
    with open_bag(tmp_path / "bag") as bag:
        images, truths = list(bag.frames(IMAGE_TOPIC)), list(bag.frames(LABEL_TOPIC))
        (info,) = bag.messages(["/gt/label_info"])
    assert (len(images), len(truths)) == (frames, labels)
    found = {int(label) for truth in truths for label in np.unique(to_labels(truth.message))}
    assert sorted(found) == ids
    names = [entry.class_name for entry in info.message.class_map]
    assert names == list(label_set(kind).classes)
    files = {path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert bytes(images[0].message.data) in files


def test_make_bag_takes_a_rate_and_refuses_none(tmp_path, capsys):
    root = camvid_tree(tmp_path / "data")
    bag = tmp_path / "bag"
    assert main(["make-bag", "camvid", str(root), "--rate", "5", "-o", str(bag)]) == 0
    with open_bag(bag) as reader:
        stamps = [frame.stamp_ns for frame in reader.frames(IMAGE_TOPIC)]
    assert stamps[1] - stamps[0] == 200_000_000
    assert main(["make-bag", "camvid", str(root), "--rate", "0", "-o", str(tmp_path / "b")]) == 2
    assert "frame rate is 0.0 Hz, expected more than 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("camvid", "no pictures in .*val, expected CamVid"),
        ("cityscapes", "no cities in .*gtFine/val"),
        ("vspw", r"cannot read .*val\.txt"),
    ],
)
def test_make_bag_says_what_is_missing(tmp_path, capsys, kind, error):
    code = main(["make-bag", kind, str(tmp_path), "-o", str(tmp_path / "bag")])
    assert code == 2
    assert re.search(error, capsys.readouterr().err)
    assert not (tmp_path / "bag").exists()
