"""Which topic of a bag is the camera, which the ground truth, and what is said where none is."""

from __future__ import annotations

from pathlib import Path

import pytest
from bag_harness import compressed, image, text, write_images
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from dcfm_ros.bags import BagError, open_bag, reader, write_bag
from dcfm_ros.images import raw


def test_topics_are_named_with_or_without_leading_slash(tmp_path: Path) -> None:
    path = write_images(tmp_path / "bag", ["camera//image/"])
    with open_bag(path) as bag:
        assert bag.topics[0].name == "/camera/image"
        for name in ("camera/image", "/camera/image"):
            assert bag.choose_image_topic(name) == "/camera/image"
            assert len(list(bag.frames(name))) == 3
            assert len(list(bag.messages([name]))) == 3


def test_the_only_camera_is_taken_beside_ground_truth_and_depth(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with write_bag(path) as writer:
        writer.write("/camera/image/compressed", compressed(1), 1)
        writer.write("/camera/depth", image(1, "32FC1", 4), 1)
        writer.write("/camera/depth_mm", image(1, "16UC1", 2), 1)
        writer.write("/camera/depth/compressedDepth", compressed(1), 1)
        writer.write("/camera/depth_mm/compressed", compressed(1, kind="16UC1; png compressed "), 1)
        writer.write("/gt/label/compressed", compressed(1), 1)
        writer.write("/gt/depth", image(1, "32FC1", 4), 1)
    with open_bag(path) as bag:
        assert bag.choose_image_topic() == "/camera/image/compressed"
        assert bag.choose_label_topic() == "/gt/label/compressed"
        assert len(bag.image_topics) == 7
        assert bag.choose_image_topic("/camera/depth") == "/camera/depth"
        assert bag.choose_label_topic("/gt/depth") == "/gt/depth"


def test_depth_is_the_same_to_bags_and_images() -> None:
    """Bags are read without OpenCV, so both rooms name the encodings."""
    assert reader._DEPTH_ENCODINGS == raw.DEPTH_ENCODINGS


def test_several_cameras_are_never_chosen_from_silently(tmp_path: Path) -> None:
    path = write_images(tmp_path / "bag", ["/front/image", "/rear/image"])
    with open_bag(path) as bag:
        with pytest.raises(
            BagError,
            match=r"several image topics: /front/image \(Image, 3 messages\), /rear/.*; name one",
        ):
            bag.choose_image_topic()
        assert bag.choose_image_topic("/rear/image") == "/rear/image"


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ("/front/imag", r"no topic /front/imag, did you mean /front/image\? its topics are /front"),
        ("/zzz", r"has no topic /zzz; its topics are /front/image \(Image, 3 messages\), /text"),
        ("/text", "topic /text of .* holds std_msgs/msg/String, expected sensor_msgs/msg/Image or"),
    ],
)  # fmt: skip
def test_a_topic_without_images_is_refused(tmp_path: Path, requested: str, expected: str) -> None:
    path = tmp_path / "bag"
    with write_bag(path) as writer:
        for number in range(3):
            writer.write("/front/image", image(number), number)
        writer.write("/text", text("hello"), 9)
    with open_bag(path) as bag:
        with pytest.raises(BagError, match=expected):
            bag.choose_image_topic(requested)
        with pytest.raises(BagError, match=expected):
            next(bag.frames(requested))


def test_an_unknown_topic_is_refused_by_messages(tmp_path: Path) -> None:
    path = write_images(tmp_path / "bag", ["/image"])
    with open_bag(path) as bag, pytest.raises(BagError, match="has no topic /nothing"):
        next(bag.messages(["/image", "/nothing"]))


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        ([], "has no camera image topic; it has no topics at all: nothing was recorded"),
        (["/text"], r"no camera image topic; it has no images at all, only /text \(String, 1 mess"),
        (["/gt/label"], r"no camera image topic; its image topics are /gt/label \(Image, 1 mess"),
    ],
)  # fmt: skip
def test_a_bag_without_camera_says_what_it_has(
    tmp_path: Path, topics: list[str], expected: str
) -> None:
    path = tmp_path / "bag"
    with write_bag(path) as writer:
        for topic in topics:
            writer.write(topic, text("x") if topic == "/text" else image(1), 1)
    with open_bag(path) as bag:
        with pytest.raises(BagError, match=expected):
            bag.choose_image_topic()
        assert bag.duration_ns == 0
        assert bag.choose_label_topic() == ("/gt/label" if "/gt/label" in topics else None)


def test_several_label_topics_need_a_name(tmp_path: Path) -> None:
    path = write_images(tmp_path / "bag", ["/gt/label/front", "/gt/label/rear", "/image"])
    with (
        open_bag(path) as bag,
        pytest.raises(BagError, match="several image topics: /gt/label/front"),
    ):
        bag.choose_label_topic()


def test_a_topic_without_messages_is_no_candidate(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        writer.add_connection("/empty", "sensor_msgs/msg/Image", typestore=store)
        full = writer.add_connection("/image", "sensor_msgs/msg/Image", typestore=store)
        writer.write(full, 1, store.serialize_cdr(image(1), "sensor_msgs/msg/Image"))
    with open_bag(tmp_path / "bag") as bag:
        assert bag.choose_image_topic() == "/image"
        with pytest.raises(
            BagError, match=r"topic /empty of .* has no messages; its image topics are"
        ):
            bag.choose_image_topic("/empty")
