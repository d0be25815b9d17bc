"""A street as a bag: every topic holds the truth of its frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from dcfm_ros.bags import open_bag, stamp_ns
from dcfm_ros.errors import BagError, SettingsError
from dcfm_ros.images import image_to_rgb, to_labels, to_rgb
from dcfm_ros.synthetic import Street, StreetSettings, write_street_bag

SETTINGS = StreetSettings(seed=4, width=160, height=120, duration_s=0.3, swerve=0.6)


def messages(path: Path) -> dict[str, list[Any]]:
    """All messages of a bag by topic."""
    found: dict[str, list[Any]] = {}
    with open_bag(path) as bag:
        for record in bag.messages():
            found.setdefault(record.topic, []).append(record.message)
    return found


def matrix(transform: Any) -> np.ndarray:
    """A TransformStamped as (4, 4)."""
    t, q = transform.transform.translation, transform.transform.rotation
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
    pose[:3, 3] = (t.x, t.y, t.z)
    return pose


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("street") / "bag"
    assert write_street_bag(path, SETTINGS) == 3
    return path


def test_topics_counts_and_the_camera_topic(bag: Path) -> None:
    with open_bag(bag) as reader:
        counts = {topic.name: (topic.type, topic.count) for topic in reader.topics}
        assert counts == {
            "/camera/image_raw/compressed": ("sensor_msgs/msg/CompressedImage", 3),
            "/camera/camera_info": ("sensor_msgs/msg/CameraInfo", 3),
            "/camera/depth": ("sensor_msgs/msg/Image", 3),
            "/gt/class_grid": ("dcfm_ros/msg/ClassGrid", 1),
            "/gt/label/compressed": ("sensor_msgs/msg/CompressedImage", 3),
            "/gt/label_info": ("vision_msgs/msg/LabelInfo", 1),
            "/tf": ("tf2_msgs/msg/TFMessage", 3),
            "/tf_static": ("tf2_msgs/msg/TFMessage", 1),
        }
        assert reader.choose_image_topic(None) == "/camera/image_raw/compressed"
        assert {topic.name for topic in reader.topics if topic.latched} == {
            "/gt/label_info",
            "/tf_static",
        }


def test_images_labels_and_depth_are_the_frames(bag: Path) -> None:
    found = messages(bag)
    for index, frame in enumerate(Street(SETTINGS).frames()):
        image = found["/camera/image_raw/compressed"][index]
        label = found["/gt/label/compressed"][index]
        depth = found["/camera/depth"][index]
        for message in (image, label, depth, found["/camera/camera_info"][index]):
            assert stamp_ns(message.header) == frame.stamp_ns
            assert message.header.frame_id == "camera_optical_frame"
        assert np.abs(to_rgb(image).astype(int) - frame.rgb).mean() < 4  # JPEG
        np.testing.assert_array_equal(to_labels(label), frame.labels)
        assert (depth.encoding, depth.step, depth.is_bigendian) == ("16UC1", 320, 0)
        mm = depth.data.view("<u2").reshape(120, 160)
        known = frame.depth_m < 65
        np.testing.assert_allclose(mm[known] / 1000, frame.depth_m[known], atol=0.00051)
        assert (mm[~np.isfinite(frame.depth_m)] == 0).all()


def test_class_grids_hold_what_stands_on_the_ground(bag: Path) -> None:
    """Around the car, row by row along y; where the street's own truth is known by points."""
    street = Street(SETTINGS)
    (message,) = messages(bag)["/gt/class_grid"]
    assert stamp_ns(message.header) == street.stamp_ns(0)
    assert message.header.frame_id == "odom"
    info = message.info
    size = (info.height, info.width)
    assert size == (240, 240)
    corner = np.array([info.origin.position.x, info.origin.position.y])
    base = street.frame(0).world_from_base[:2, 3]
    assert np.abs(corner + 12.0 - base).max() <= 0.1
    classes = message.class_id.reshape(size)
    assert (message.confidence.reshape(size) == np.where(classes == 255, 0, 255)).all()
    rng = np.random.default_rng(3)
    rows, columns = rng.integers(0, 240, (2, 2000))
    centres = corner + (np.column_stack([columns, rows]) + 0.5) * 0.1
    truth = street.ground_truth_grid(0, centres)
    differs = classes[rows, columns] != truth
    assert differs.mean() < 0.1  # cells that an obstacle touches, but not in their middle
    labels = {footprint.label for footprint in street.footprints(0)}
    assert set(classes[rows, columns][differs].tolist()) <= labels


def test_camera_info_and_transforms_are_the_frames(bag: Path) -> None:
    found = messages(bag)
    static = found["/tf_static"][0].transforms[0]
    assert (static.header.frame_id, static.child_frame_id) == ("base_link", "camera_optical_frame")
    for index, frame in enumerate(Street(SETTINGS).frames()):
        info = found["/camera/camera_info"][index]
        assert (info.width, info.height, info.distortion_model) == (160, 120, "plumb_bob")
        np.testing.assert_array_equal(info.k.reshape(3, 3), frame.k)
        np.testing.assert_array_equal(info.p.reshape(3, 4)[:, :3], frame.k)
        np.testing.assert_array_equal(info.r.reshape(3, 3), np.eye(3))
        assert not np.any(info.d)
        moving = found["/tf"][index].transforms[0]
        assert (moving.header.frame_id, moving.child_frame_id) == ("odom", "base_link")
        assert stamp_ns(moving.header) == frame.stamp_ns
        np.testing.assert_allclose(matrix(moving), frame.world_from_base, atol=1e-12)
        np.testing.assert_allclose(matrix(static), frame.base_from_camera, atol=1e-12)


def test_raw_images_and_depth_in_metres(tmp_path: Path) -> None:
    settings = StreetSettings(seed=4, width=160, height=120, duration_s=0.1, bonnet=True)
    write_street_bag(tmp_path / "bag", settings, image="raw", depth="32FC1", storage="sqlite3")
    found = messages(tmp_path / "bag")
    frame = Street(settings).frame(0)
    np.testing.assert_array_equal(image_to_rgb(found["/camera/image_raw"][0]), frame.rgb)
    depth = found["/camera/depth"][0]
    assert depth.encoding == "32FC1"
    np.testing.assert_array_equal(depth.data.view("<f4").reshape(120, 160), frame.depth_m)


def test_depth_can_be_left_out(tmp_path: Path) -> None:
    settings = StreetSettings(seed=4, width=64, height=48, duration_s=0.1)
    write_street_bag(tmp_path / "bag", settings, depth="none")
    assert "/camera/depth" not in messages(tmp_path / "bag")


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="found image 'jpg' and depth 'mm', expected one of"):
        write_street_bag(tmp_path / "bag", SETTINGS, image="jpg", depth="mm")
    assert not (tmp_path / "bag").exists()


def test_an_existing_path_is_refused(bag: Path) -> None:
    with pytest.raises(BagError, match="exists already"):
        write_street_bag(bag, SETTINGS)
