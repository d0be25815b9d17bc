from __future__ import annotations

import json

import numpy as np
import pytest
from evaluation_harness import (
    IMAGE_TOPIC,
    LABEL_TOPIC,
    START_NS,
    STEP_NS,
    pictures,
    stamps_ns,
    write_recording,
)

from dcfm_ros.bags import message_class, write_bag
from dcfm_ros.bags.convert import compressed_image, header
from dcfm_ros.datasets.class_names import foreign_classes, id_table
from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.datasets.truth import read_truth
from dcfm_ros.errors import EvaluationError, SettingsError
from dcfm_ros.images import labels_to_png, rgb_to_png

COUNT = 5
NETWORK = ("sky", "road", "car")


def label(index: int) -> np.ndarray:
    return np.full((48, 64), index, np.uint8)


def truths(path, **options) -> list[int | None]:
    """The label of each frame, which is its number where it is known."""
    with open_source(path, SourceOptions(**options)) as source:
        found = [read_truth(frame) for frame in source.frames()]
    return [None if truth is None else int(truth[0, 0]) for truth in found]


def write_labels(folder, names) -> None:
    folder.mkdir(parents=True)
    for index, name in names.items():
        (folder / f"{name}.png").write_bytes(labels_to_png(label(index)))


def test_a_folder_of_label_images_named_by_stamp(tmp_path):
    """Nanoseconds, seconds with a point, with an underscore, and one that is 4 ms off."""
    bag = write_recording(tmp_path / "bag", pictures(COUNT))
    stamps = stamps_ns(COUNT)
    seconds, rest = divmod(stamps[1], 1_000_000_000)
    names = {
        0: stamps[0],
        1: f"{seconds}.{rest:09d}",
        2: f"{stamps[2] // 10**9}_{stamps[2] % 10**9:09d}",
        4: stamps[4] + 4_000_000,
    }
    write_labels(tmp_path / "labels", names)
    folder = tmp_path / "labels"
    assert truths(bag, label_folder=folder) == [0, 1, 2, None, 4]
    assert truths(bag, label_folder=folder, tolerance_ms=1.0) == [0, 1, 2, None, None]


def test_fractions_of_seconds_count_by_their_digits(tmp_path):
    bag = write_recording(tmp_path / "bag", pictures(2))
    write_labels(tmp_path / "labels", {1: "1700000000.1"})
    assert truths(bag, label_folder=tmp_path / "labels") == [None, 1]


def test_each_recording_may_have_its_own_folder_of_labels(tmp_path):
    bag = write_recording(tmp_path / "street", pictures(2))
    write_labels(tmp_path / "labels" / "street", {1: START_NS + STEP_NS})
    write_labels(tmp_path / "labels" / "other", {0: START_NS})
    assert truths(bag, label_folder=tmp_path / "labels") == [None, 1]


def test_labels_of_a_folder_of_pictures_have_their_names(tmp_path):
    (tmp_path / "pictures").mkdir()
    for index, image in enumerate(pictures(3)):
        (tmp_path / "pictures" / f"frame_{index}.png").write_bytes(rgb_to_png(image))
    write_labels(tmp_path / "labels", {0: "frame_0", 2: "frame_2", 7: "frame_7"})
    assert truths(tmp_path / "pictures", label_folder=tmp_path / "labels") == [0, None, 2]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda folder: None, "no folder .*labels, expected one of PNG label images"),
        (lambda folder: folder.mkdir(), "no PNG files in .*labels"),
        (lambda folder: write_labels(folder, {0: "left"}), "left.png is not named by its stamp"),
    ],
)
def test_folders_that_hold_no_labels_are_refused(tmp_path, make, error):
    bag = write_recording(tmp_path / "bag", pictures(2))
    make(tmp_path / "labels")
    with pytest.raises(EvaluationError, match=error):
        truths(bag, label_folder=tmp_path / "labels")


def test_ground_truth_comes_from_one_place(tmp_path):
    with pytest.raises(SettingsError, match=r"in folder .* and on topic /gt/label: give one"):
        SourceOptions(label_topic="/gt/label", label_folder=tmp_path)


def test_a_folder_replaces_the_topic_of_the_bag(tmp_path):
    bag = write_recording(tmp_path / "bag", pictures(2), [label(9), label(9)])
    write_labels(tmp_path / "labels", {1: START_NS + STEP_NS})
    assert truths(bag) == [9, 9]
    assert truths(bag, label_folder=tmp_path / "labels") == [None, 1]


def test_ids_are_matched_by_the_names_of_classes():
    table = id_table(("Car", None, "dog", "sky"), NETWORK)
    assert table is not None
    assert table[:4].tolist() == [2, 255, 255, 0]
    assert (table[4:] == 255).all()
    assert foreign_classes(("Car", None, "dog", "sky"), NETWORK) == ["dog"]


@pytest.mark.parametrize("names", [(), (None, None), NETWORK])
def test_equal_or_unknown_names_change_nothing(names):
    assert id_table(names, NETWORK) is None


def test_classes_without_one_in_common_are_refused():
    theirs = ("wall", "floor", "chair", "table", "lamp", "bed", "door")
    with pytest.raises(
        EvaluationError, match=r"wall, .*, bed, … \(7\), the network sky, road, car"
    ):
        id_table(theirs, NETWORK)


def bag_with_names(path, names):
    """Ground truth in which id 0 is the first of the names, and so on."""
    info = message_class("vision_msgs/msg/LabelInfo")(
        header=header(START_NS, ""),
        class_map=[
            message_class("vision_msgs/msg/VisionClass")(class_id=index, class_name=name)
            for index, name in enumerate(names)
        ],
        threshold=0.0,
    )
    with write_bag(path) as bag:
        bag.write("/gt/label_info", info, START_NS, latched=True)
        for index, image in enumerate(pictures(3)):
            stamp = START_NS + index * STEP_NS
            bag.write(IMAGE_TOPIC, compressed_image(stamp, "c", "png", rgb_to_png(image)), stamp)
            png = labels_to_png(label(index))
            bag.write(LABEL_TOPIC, compressed_image(stamp, "c", "png", png), stamp)
    return path


def test_the_bag_names_the_classes_of_its_ground_truth(tmp_path):
    bag = bag_with_names(tmp_path / "bag", ["dog", "car", "road"])
    with open_source(bag, SourceOptions()) as source:
        assert source.truth_classes == ("dog", "car", "road")


def test_other_classes_are_told_in_the_report(tmp_path, capsys):
    """A bag whose ids are in another order, with a class that the shipped model lacks."""
    from dcfm_ros.cli.main import main

    bag = bag_with_names(tmp_path / "bag", ["dog", "car", "road"])
    out = tmp_path / "out"
    assert main(["evaluate", str(bag), "--device", "cpu", "--threads", "1", "-o", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    shares = {c["name"]: c["share"] for c in metrics["total"]["accuracy"]["classes"] if c["share"]}
    assert shares == {"road": 0.5, "car": 0.5}
    assert "classes that the network lacks (dog)" in capsys.readouterr().out
