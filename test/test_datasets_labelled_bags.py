"""Bags with a few labelled frames: matched by stamp, unpacked once with the frames around them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dcfm_ros.bags import open_bag, write_bag
from dcfm_ros.bags.convert import compressed_image
from dcfm_ros.bags.label_info import label_info
from dcfm_ros.datasets import bags, camvid, read_rgb
from dcfm_ros.datasets.class_names import id_table
from dcfm_ros.datasets.labelled_bags import BagOptions, unpack
from dcfm_ros.datasets.source import SourceOptions, open_source
from dcfm_ros.errors import BagError, DcfmError
from dcfm_ros.images import labels_to_png, rgb_to_jpeg, rgb_to_png
from dcfm_ros.network import label_set

STEP_NS = 100_000_000
START_NS = 10**18
CLASSES = label_set("camvid").classes
REACH_3 = BagOptions(reach=3)


def jpeg(number: int) -> bytes:
    return rgb_to_jpeg(np.full((24, 32, 3), 5 * number, np.uint8))


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """30 frames; labels at 10 and 20, stamped 4 ms late; the recording pauses after frame 21."""
    path = tmp_path / "drive"
    with write_bag(path) as writer:
        for number in range(30):
            stamp = START_NS + number * STEP_NS + (5_000_000_000 if number > 21 else 0)
            image = compressed_image(stamp, "camera", "bgr8; jpeg compressed bgr8", jpeg(number))
            writer.write("/camera/image_raw/compressed", image, stamp)
            if number in (10, 20):
                labels = np.full((24, 32), number // 10, np.uint8)
                labels[0] = 11
                late = stamp + 4_000_000
                truth = compressed_image(late, "camera", "png", labels_to_png(labels))
                writer.write("/gt/label/compressed", truth, late)
    return path


def test_labelled_frames_and_those_around_them(bag: Path, tmp_path: Path) -> None:
    source = bags([bag], BagOptions(reach=3, void=11), tmp_path / "cache", classes=CLASSES[:3])
    assert len(source) == 2
    assert set(np.unique(source.labels(0))) == {1, 255}
    assert set(np.unique(source.labels(1))) == {2, 255}

    def shown(index: int, age: int) -> int | None:
        path = source.frame(index, age)
        return None if path is None else round(float(read_rgb(path).mean()) / 5)

    assert [shown(0, age) for age in range(-4, 5)] == [None, 7, 8, 9, 10, 11, 12, 13, None]
    # frame 22 follows after a pause: it is no neighbour
    assert [shown(1, age) for age in range(-4, 4)] == [None, 17, 18, 19, 20, 21, None, None]
    path = source.frame(0)
    assert path is not None
    assert Path(path).read_bytes() == jpeg(10)  # as recorded


def recorded(path: Path, order: list[int]) -> Path:
    """Frames of these numbers as they came into the bag; labels of frames 2 to 5."""
    with write_bag(path) as writer:
        for place, number in enumerate(order):
            stamp, log = START_NS + number * STEP_NS, START_NS + place * STEP_NS
            image = compressed_image(stamp, "camera", "jpeg", jpeg(number))
            writer.write("/camera/image_raw/compressed", image, log)
        for number in range(2, 6):
            stamp = START_NS + number * STEP_NS
            labels = labels_to_png(np.full((24, 32), number, np.uint8))
            writer.write("/gt/label", compressed_image(stamp, "c", "png", labels), stamp + 9)
    return path


@pytest.mark.parametrize(
    "order",
    [[0, 1, 2, 3, 3, 4, 5, 6], [0, 1, 3, 2, 4, 5, 6], [0, 1, 4, 3, 2, 2, 5, 6]],
    ids=["twice", "swapped", "turned round and twice"],
)
def test_frames_recorded_twice_or_out_of_order_are_put_right(
    order: list[int], tmp_path: Path
) -> None:
    clips = bags([recorded(tmp_path / "bag", order)], REACH_3, tmp_path / "cache", CLASSES)
    assert [int(clips.labels(index)[0, 0]) for index in range(len(clips))] == [2, 3, 4, 5]
    shown = [
        [round(float(read_rgb(str(clips.frame(index, age))).mean()) / 5) for age in (-1, 0, 1)]
        for index in range(4)
    ]
    assert shown == [[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6]]


def test_labels_without_a_frame_are_counted(tmp_path: Path) -> None:
    path = recorded(tmp_path / "bag", [0, 1, 2, 4])
    *_, note = bags([path], REACH_3, tmp_path / "cache", CLASSES).notes
    assert f"2 of 4 label images of {path} on /gt/label are used" in note


def named(path: Path, topic: str, info_topic: str, names: dict[int, str]) -> Path:
    """Two frames; the labels of the first hold values 0 to 3, those of the second 4."""
    with write_bag(path) as writer:
        if names:
            ids = [names.get(value) for value in range(max(names) + 1)]
            writer.write(info_topic, label_info(ids, START_NS), START_NS, latched=True)
        for number in range(2):
            stamp = START_NS + number * STEP_NS
            image = compressed_image(stamp, "camera", "jpeg", jpeg(number))
            writer.write("/camera/image_raw/compressed", image, stamp)
            values = np.full((24, 32), 4, np.uint8)
            if not number:
                values[:, :16] = np.repeat(np.arange(4, dtype=np.uint8), 4)
            png = labels_to_png(values)
            writer.write(topic, compressed_image(stamp, "camera", "png", png), stamp)
    return path


NAMES = {0: "car", 1: "dog", 2: "Road", 4: "sky"}


@pytest.mark.parametrize(
    ("topic", "info_topic"),
    [
        ("/gt/label/compressed", "/gt/label_info"),
        ("/seg/label/compressed", "/seg/label_info"),
        ("/robot1/front/labels", "/robot1/front/label_info"),
        ("/robot1/front/labels", "/robot1/info"),
        ("/seg/label", "/seg/label/names"),
        ("/labels/compressed", "/label_info"),
    ],
)
def test_the_names_of_classes_decide(topic: str, info_topic: str, tmp_path: Path) -> None:
    path = named(tmp_path / "bag", topic, info_topic, NAMES)
    options = BagOptions("/camera/image_raw/compressed", topic)
    clips = bags([path], options, tmp_path / "cache", CLASSES)
    car, road, sky = (CLASSES.index(name) for name in ("car", "road", "sky"))
    assert [row[0] for row in np.split(clips.labels(0)[0, :16], 4)] == [car, 255, road, 255]
    assert int(clips.labels(1)[0, 0]) == sky
    (note,) = clips.notes
    assert "classes that the network lacks (dog)" in note
    with open_source(path, SourceOptions(options.image_topic, topic)) as source:
        table = id_table(source.truth_classes, CLASSES)
        frames = list(source.frames())
    assert table is not None
    np.testing.assert_array_equal(table[frames[0].read_truth()], clips.labels(0))


def test_every_bag_has_names_of_its_own(tmp_path: Path) -> None:
    reverse = dict(enumerate(CLASSES[::-1]))
    paths = [
        named(tmp_path / "one", "/gt/label", "/gt/label_info", reverse),
        named(tmp_path / "two", "/gt/label", "/other/label_info", reverse),
    ]
    clips = bags(paths, REACH_3, tmp_path / "cache", CLASSES)
    assert [int(clips.labels(index)[0, 0]) for index in (1, 3)] == [6, 4]
    elsewhere, note = clips.notes
    assert f"{paths[1]} on /gt/label do not name their classes: ids are taken as 0 sky" in note
    assert elsewhere.startswith("The class names on /other/label_info are not used: they lie in an")
    assert elsewhere.endswith("if they belong to these, record them as /gt/label_info.")
    with open_source(paths[1], SourceOptions()) as source:
        assert source.remarks == [elsewhere]


def test_labels_of_another_camera_are_noticed(tmp_path: Path) -> None:
    """Two cameras, of which one has labels, and the images of the other were named."""
    with write_bag(tmp_path / "bag") as writer:
        for number, side in enumerate(("front", "rear")):
            stamp = START_NS + number
            image = compressed_image(START_NS, f"/{side}_optical", "jpeg", jpeg(number))
            writer.write(f"/{side}/image/compressed", image, stamp)
        png = labels_to_png(np.zeros((24, 32), np.uint8))
        truth = compressed_image(START_NS, "front_optical", "png", png)
        writer.write("/gt/label/compressed", truth, START_NS)
    told = "are of frame 'front_optical', the images on /rear/image/compressed of 'rear_optical'"
    for side in ("front", "rear"):
        topic = f"/{side}/image/compressed"
        with open_source(tmp_path / "bag", SourceOptions(topic)) as source:
            assert len(source.remarks) == (side == "rear")
            assert all(told in remark for remark in source.remarks)
        notes = bags([tmp_path / "bag"], BagOptions(topic), tmp_path / "cache", CLASSES).notes
        assert any(told in note for note in notes) == (side == "rear")


def test_names_of_which_the_network_has_none_are_refused(tmp_path: Path) -> None:
    path = named(tmp_path / "bag", "/gt/label", "/gt/label_info", {0: "wall", 1: "lamp"})
    with pytest.raises(BagError, match=r"classes wall, lamp, the network sky, .*: none in common"):
        bags([path], REACH_3, tmp_path / "cache", CLASSES)


def test_names_that_change_are_refused(tmp_path: Path) -> None:
    path = named(tmp_path / "bag", "/gt/label", "/gt/label_info", {})
    with write_bag(tmp_path / "two") as writer, open_bag(path) as bag:
        for place, names in enumerate((CLASSES, CLASSES[::-1])):
            writer.write("/gt/label_info", label_info(names, START_NS), START_NS + place)
        for record in bag.messages():
            writer.write(record.topic, record.message, record.log_ns)
    with pytest.raises(BagError, match="names the classes of /gt/label in 2 ways"):
        bags([tmp_path / "two"], REACH_3, tmp_path / "cache", CLASSES)


def test_a_bag_is_unpacked_once(bag: Path, tmp_path: Path) -> None:
    first = unpack(bag, REACH_3, tmp_path / "cache")
    note = first / "bag.json"
    assert json.loads(note.read_text())["labelled"] == 2
    before = note.stat().st_mtime_ns
    assert unpack(bag, BagOptions(reach=3, void=7), tmp_path / "cache") == first
    assert note.stat().st_mtime_ns == before
    assert unpack(bag, BagOptions(reach=4), tmp_path / "cache") != first
    assert len(list((tmp_path / "cache").iterdir())) == 2  # and nothing half done


def test_frames_that_are_no_jpeg_are_kept_without_loss(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    with write_bag(tmp_path / "bag") as writer:
        image = compressed_image(START_NS, "camera", "png", rgb_to_png(rgb))
        writer.write("/camera/image/compressed", image, START_NS)
        truth = compressed_image(START_NS, "c", "png", labels_to_png(np.zeros((24, 32), np.uint8)))
        writer.write("/labels", truth, START_NS)
    with pytest.raises(BagError, match="several image topics"):
        unpack(tmp_path / "bag", REACH_3, tmp_path / "cache")
    options = BagOptions(image_topic="/camera/image/compressed", label_topic="/labels")
    source = bags([tmp_path / "bag"], options, tmp_path / "cache", CLASSES[:2])
    np.testing.assert_array_equal(read_rgb(str(source.frame(0))), rgb)


def test_what_does_not_fit_is_told(bag: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(
        DcfmError, match=r"holds value 11, expected 0 to 2, 255; set data\.bag_void"
    ):
        bags([bag], REACH_3, cache, classes=CLASSES[:3]).labels(0)
    with pytest.raises(BagError, match=r"no label image on /gt/.* is within 1\.0 ms"):
        unpack(bag, BagOptions(tolerance_ms=1.0), cache)
    with pytest.raises(BagError, match=r"no bag at .*gone; check data\.bags"):
        unpack(tmp_path / "gone", REACH_3, cache)
    with write_bag(tmp_path / "bare") as writer:
        image = compressed_image(START_NS, "camera", "jpeg", jpeg(1))
        writer.write("/camera/image/compressed", image, START_NS)
    with pytest.raises(BagError, match=r"no label images below /gt/; set data\.bag_label_topic"):
        unpack(tmp_path / "bare", REACH_3, cache)
    assert not [path for path in cache.iterdir() if path.name.startswith(".")]


def test_the_shared_bag_is_the_validation_clip(shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "bags/camvid_val_15hz"
    source = bags([path], BagOptions(reach=2, void=11), tmp_path / "cache", classes=CLASSES)
    val = camvid(shared_dir / "data/camvid", "val")
    assert len(source) == len(val) == 101
    for index in (0, 57):
        np.testing.assert_array_equal(source.labels(index), val.labels(index))
    np.testing.assert_array_equal(
        read_rgb(str(source.frame(57, -2))), read_rgb(str(val.frame(57, -2)))
    )
