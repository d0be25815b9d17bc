"""Bags and a video recorded by others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dcfm_ros.bags import BagError, open_bag, pair_labels
from dcfm_ros.images import to_labels, to_rgb


def test_camvid_has_a_label_for_every_frame(shared_dir: Path) -> None:
    with open_bag(shared_dir / "bags/camvid_val_15hz") as bag:
        images, labels = bag.choose_image_topic(), bag.choose_label_topic()
        assert (images, labels) == ("/camera/image_raw/compressed", "/gt/label/compressed")
        assert labels is not None
        pairs = list(pair_labels(bag.frames(images), bag.frames(labels)))
        assert bag.duration_ns == 6_666_666_666
    assert len(pairs) == 101
    assert [pair.frame.stamp_ns for pair in pairs] == sorted(pair.frame.stamp_ns for pair in pairs)
    seen: set[int] = set()
    for pair in pairs[::10]:
        assert pair.label is not None
        assert pair.label.stamp_ns == pair.frame.stamp_ns
        ids = to_labels(pair.label.message)
        assert ids.shape == to_rgb(pair.frame.message).shape[:2] == (360, 480)
        seen |= set(np.unique(ids).tolist())
    assert seen == set(range(12))


def test_camvid_without_its_folder(shared_dir: Path) -> None:
    with open_bag(shared_dir / "bags/camvid_val_15hz/camvid_val_15hz_0.mcap") as bag:
        assert {topic.name: topic.count for topic in bag.topics} == {
            "/camera/image_raw/compressed": 101,
            "/gt/label/compressed": 101,
        }


def test_ros1_camera_with_camera_info(shared_dir: Path) -> None:
    with open_bag(shared_dir / "bags/ros1_compressed_camera_info.bag") as bag:
        topic = bag.choose_image_topic()
        (frame,) = bag.frames(topic)
        infos = [record.message for record in bag.messages(["/raspicam_node/camera_info"])]
    rgb = to_rgb(frame.message)
    assert rgb.shape == (960, 1280, 3)
    assert frame.frame_id == "raspicam"
    assert frame.stamp_ns == 1_491_682_360_314_066_469
    assert len(infos) == 15
    assert infos[0].k.shape == (9,)
    assert (infos[0].width, infos[0].height) == (1280, 960)


def test_ros1_raw_image_beside_many_other_types(shared_dir: Path) -> None:
    with open_bag(shared_dir / "bags/ros1_raw_and_png.bag") as bag:
        with pytest.raises(BagError, match=r"several image topics: /compressedimage .*, /image"):
            bag.choose_image_topic()
        (raw,) = bag.frames("image")
        (png,) = bag.frames("/compressedimage")
        assert len(list(bag.messages())) == len(list(bag.raw_messages())) == 9
    assert raw.message.encoding == "rgb8"
    assert to_rgb(raw.message).shape == (240, 360, 3)
    assert to_rgb(png.message).shape == (2, 2, 3)


def test_ros2_type_names_without_msg_and_without_metadata(shared_dir: Path) -> None:
    with open_bag(shared_dir / "bags/ros2_old_type_names_no_metadata.db3") as bag:
        assert {topic.type for topic in bag.topics} == {
            "std_msgs/msg/String",
            "sensor_msgs/msg/Image",
            "sensor_msgs/msg/CompressedImage",
            "sensor_msgs/msg/NavSatFix",
            "sensor_msgs/msg/Imu",
        }
        assert next(bag.messages(["/text"])).message.data == "Hello World"
        (raw,) = bag.frames("/image")
        (jpeg,) = bag.frames("/image/compressed")
    assert raw.message.encoding == "bgr8"
    pictures = to_rgb(raw.message), to_rgb(jpeg.message)
    assert pictures[0].shape == pictures[1].shape == (480, 640, 3)
    for picture in pictures:  # a wall in lamp light at the top, in one bgr8 and one JPEG
        red, green, blue = picture[:40].reshape(-1, 3).mean(axis=0)
        assert red > green > blue
