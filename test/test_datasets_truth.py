from __future__ import annotations

import json

import cv2
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

from dcfm_ros.bags import message_class, open_bag, write_bag
from dcfm_ros.bags.convert import compressed_image, header
from dcfm_ros.bags.label_info import label_info
from dcfm_ros.bags.video import PictureFile
from dcfm_ros.datasets.class_names import foreign_classes, id_table
from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.errors import EvaluationError, SettingsError
from dcfm_ros.images import compressed_to_labels, labels_to_png, rgb_to_png
from dcfm_ros.network import label_set
from dcfm_ros.synthetic import StreetSettings
from dcfm_ros.synthetic.bag import write_street_bag

COUNT = 5
NETWORK = ("sky", "road", "car")


def label(index: int) -> np.ndarray:
    return np.full((48, 64), index, np.uint8)


def truths(path, **options) -> list[int | None]:
    """The label of each frame, which is its number where it is known."""
    with open_source(path, SourceOptions(**options)) as source:
        found = [frame.read_truth() for frame in source.frames()]
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


def test_labels_named_by_number_as_segment_names_them(tmp_path):
    """Of a bag, and of a folder of pictures with other names; numbers count from 0."""
    bag = write_recording(tmp_path / "bag", pictures(COUNT))
    write_labels(tmp_path / "labels", {1: "000001", 4: "000004"})
    assert truths(bag, label_folder=tmp_path / "labels") == [None, 1, None, None, 4]
    (tmp_path / "pictures").mkdir()
    for index, image in enumerate(pictures(3)):
        (tmp_path / "pictures" / f"frame_{index}.png").write_bytes(rgb_to_png(image))
    assert truths(tmp_path / "pictures", label_folder=tmp_path / "labels") == [None, 1, None]


@pytest.mark.parametrize("kind", ["bag", "video", "pictures"])
def test_what_segment_wrote_is_ground_truth(tmp_path, kind):
    """Labels of another network, whose classes have another order: classes.json tells."""
    from dcfm_ros.cli.main import main

    images = pictures(COUNT)
    if kind == "bag":
        recording = write_recording(tmp_path / "bag", images)
    elif kind == "video":
        recording = tmp_path / "clip.avi"
        video = cv2.VideoWriter(str(recording), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
        for image in images:
            video.write(image)
        video.release()
    else:
        recording = tmp_path / "pictures"
        recording.mkdir()
        for index, image in enumerate(images):
            (recording / f"{9 - index}.png").write_bytes(rgb_to_png(image))
    fast = ["--device", "cpu", "--threads", "1", "--network-height", "96"]
    out = tmp_path / "segmented"
    assert main(["segment", str(recording), *fast, "--write", "labels", "-o", str(out)]) == 0
    turned = np.full(256, 255, np.uint8)
    turned[:11] = np.arange(11)[::-1]
    for path in (out / "labels").iterdir():
        labels = compressed_to_labels(PictureFile("png", path.read_bytes()))
        path.write_bytes(labels_to_png(turned[labels]))
    classes = json.loads((out / "classes.json").read_text())
    for entry in classes:
        entry["id"] = 10 - entry["id"]
    (out / "classes.json").write_text(json.dumps(classes))
    report = tmp_path / "report"
    truth = ["--gt-folder", str(out / "labels")]
    assert main(["evaluate", str(recording), *fast, *truth, "-o", str(report)]) == 0
    metrics = json.loads((report / "metrics.json").read_text())
    assert metrics["total"]["accuracy"]["frames"] == COUNT
    assert metrics["total"]["accuracy"]["pixel_accuracy"] == 1.0
    assert metrics["recordings"][0]["notes"] == []


def test_ids_without_names_are_told_and_so_are_those_in_another_order(tmp_path, capsys):
    """The rendered street with its ids turned round, with names beside it and without."""
    from dcfm_ros.cli.main import main

    names = label_set("camvid").classes
    turned = np.full(256, 255, np.uint8)
    turned[:11] = np.arange(11)[::-1]
    settings = StreetSettings(width=160, height=120, rate_hz=2.0, duration_s=1.0)
    write_street_bag(tmp_path / "street", settings)
    found = {}
    for kind, info in {"named": "/seg/label_info", "unnamed": "/other/label_info"}.items():
        with open_bag(tmp_path / "street") as street, write_bag(tmp_path / kind) as bag:
            bag.write(info, label_info(names[::-1], settings.start_ns), settings.start_ns)
            for record in street.messages(["/camera/image_raw/compressed", LABEL_TOPIC]):
                message, topic = record.message, record.topic
                if topic == LABEL_TOPIC:
                    topic = "/seg/label/compressed"
                    png = labels_to_png(turned[compressed_to_labels(message)])
                    message.data = np.frombuffer(png, np.uint8)
                bag.write(topic, message, record.log_ns)
        fast = ["--device", "cpu", "--threads", "1", "--policy", "always"]
        topics = ["--gt-topic", "/seg/label/compressed"]
        topics += ["--image-topic", "/camera/image_raw/compressed"]
        out = tmp_path / f"{kind}_out"
        assert main(["evaluate", str(tmp_path / kind), *fast, *topics, "-o", str(out)]) == 0
        found[kind] = json.loads((out / "metrics.json").read_text())
    named, unnamed = (found[kind]["total"]["accuracy"]["miou"] for kind in ("named", "unnamed"))
    assert named > 0.3
    assert unnamed < 0.1
    assert found["named"]["recordings"][0]["notes"] == []
    told = " ".join(found["unnamed"]["recordings"][0]["notes"])
    assert "ground truth is suspicious" in capsys.readouterr().out
    assert "do not name their classes: ids are taken as 0 sky, 1 building" in told
    assert "The ground truth is suspicious: labels agree with it" in told
    assert "7 (fence) as road" in told
    assert "10 (bicyclist) as sky" in told


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
