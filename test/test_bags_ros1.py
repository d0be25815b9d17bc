"""ROS 1 bags: as if they had been recorded in ROS 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dcfm_ros.bags import BagError, TopicInfo, open_bag
from dcfm_ros.bags.types import typestore

STORE = get_typestore(Stores.ROS1_NOETIC)
TYPES: Any = STORE.types


def header(number: int) -> Any:
    """A std_msgs/Header of ROS 1, which counts."""
    time = TYPES["builtin_interfaces/msg/Time"](number, 5)
    return TYPES["std_msgs/msg/Header"](number, time, "camera")


def write(path: Path, messages: list[tuple[str, Any, int]], compression: Any = None) -> Path:
    """A ROS 1 bag of (topic, message, log time in ns)."""
    writer = Writer(path)
    if compression is not None:
        writer.set_compression(compression)
    connections: dict[str, Any] = {}
    with writer:
        for topic, message, log_ns in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, kind, typestore=STORE, latching=int(topic == "/latched")
                )
            writer.write(connections[topic], log_ns, STORE.serialize_ros1(message, kind))
    return path


def image(number: int) -> Any:
    """A 2 x 3 px bgr8 image."""
    data = np.arange(18, dtype=np.uint8) + number
    return TYPES["sensor_msgs/msg/Image"](header(number), 2, 3, "bgr8", 0, 9, data)


@pytest.mark.parametrize(
    "compression", [None, Writer.CompressionFormat.BZ2, Writer.CompressionFormat.LZ4]
)
def test_every_compression(tmp_path: Path, compression: Any) -> None:
    messages = [("/image", image(number), number * 100) for number in range(1, 6)]
    path = write(tmp_path / "old.bag", messages, compression)
    with open_bag(path) as bag:
        assert bag.topics == (TopicInfo("/image", "sensor_msgs/msg/Image", 5),)
        assert bag.duration_ns == 400
        frames = list(bag.frames("/image"))
    assert [frame.stamp_ns for frame in frames] == [n * 1_000_000_000 + 5 for n in range(1, 6)]
    np.testing.assert_array_equal(frames[2].message.data, image(3).data)
    assert not hasattr(frames[0].message.header, "seq")


def test_fields_have_their_ros2_names(tmp_path: Path) -> None:
    """CameraInfo wrote D, K, R and P large in ROS 1."""
    info = TYPES["sensor_msgs/msg/CameraInfo"](
        header(1),
        480,
        640,
        "plumb_bob",
        np.arange(5.0),
        np.arange(9.0),
        np.arange(9.0),
        np.arange(12.0),
        0,
        0,
        TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False),
    )
    with open_bag(write(tmp_path / "old.bag", [("/info", info, 1)])) as bag:
        message = next(bag.messages()).message
    np.testing.assert_array_equal(message.k, np.arange(9.0))
    np.testing.assert_array_equal(message.p, np.arange(12.0))


def test_raw_messages_are_cdr_of_the_ros2_type(tmp_path: Path) -> None:
    path = write(tmp_path / "old.bag", [("/image", image(3), 1)])
    with open_bag(path) as bag:
        raw = next(bag.raw_messages())
    message: Any = typestore().deserialize_cdr(raw.cdr, raw.type)
    assert message.header.stamp.sec == 3
    np.testing.assert_array_equal(message.data, image(3).data)


def test_raw_messages_are_read_by_ros_itself(tmp_path: Path, shared_dir: Path) -> None:
    """What the real type support makes of the bytes is what was recorded."""
    serialization = pytest.importorskip("rclpy.serialization", exc_type=ImportError)
    sensor = pytest.importorskip("sensor_msgs.msg", exc_type=ImportError)
    with open_bag(shared_dir / "bags/ros1_compressed_camera_info.bag") as bag:
        for raw, typed in zip(bag.raw_messages(), bag.messages(), strict=True):
            kind = getattr(sensor, raw.type.rpartition("/")[2])
            message = serialization.deserialize_message(raw.cdr, kind)
            assert message.header.frame_id == typed.message.header.frame_id
            assert message.header.stamp.sec == typed.message.header.stamp.sec
            if hasattr(message, "k"):
                np.testing.assert_array_equal(message.k, typed.message.k)
                np.testing.assert_array_equal(message.p, typed.message.p)
                assert message.width == typed.message.width == 1280
            else:
                assert message.format == typed.message.format
                assert bytes(message.data) == typed.message.data.tobytes()


def test_types_of_the_bag_alone(tmp_path: Path) -> None:
    """Custom types are converted by the bag's own definition."""
    if "old_msgs/msg/Blob" not in TYPES:
        STORE.register(
            get_types_from_msg(
                "Header header\ntime when\nuint8 size\nstring[] names\n", "old_msgs/msg/Blob"
            )
        )
    when = TYPES["builtin_interfaces/msg/Time"](8, 9)
    blob = TYPES["old_msgs/msg/Blob"](header(2), when, 4, ["a", "bc"])
    with open_bag(write(tmp_path / "old.bag", [("/blob", blob, 1)])) as bag:
        record = next(bag.messages())
    assert record.type == "old_msgs/msg/Blob"
    assert record.message.names == ["a", "bc"]
    assert (record.message.header.stamp.sec, record.message.when.nanosec) == (2, 9)


def test_a_standard_type_with_other_fields_keeps_those_of_the_bag(tmp_path: Path) -> None:
    """Recorded before the type changed: here a Range with one field more."""
    store = get_typestore(Stores.EMPTY)
    definition = "Header header\nuint8 kind\n" + "=" * 80 + "\nMSG: std_msgs/Header\n"
    definition += "uint32 seq\ntime stamp\nstring frame_id\n"
    store.register(get_types_from_msg(definition, "sensor_msgs/msg/Range"))
    types: Any = store.types
    time = types["builtin_interfaces/msg/Time"](1, 2)
    message = types["sensor_msgs/msg/Range"](types["std_msgs/msg/Header"](1, time, "sonar"), 6)
    with Writer(tmp_path / "old.bag") as writer:
        connection = writer.add_connection("/range", "sensor_msgs/msg/Range", typestore=store)
        writer.write(connection, 1, store.serialize_ros1(message, "sensor_msgs/msg/Range"))
    with open_bag(tmp_path / "old.bag") as bag:
        record = next(bag.messages())
    assert record.message.kind == 6
    assert record.message.header.frame_id == "sonar"


def test_the_old_tf_type_is_renamed(tmp_path: Path) -> None:
    if "tf/msg/tfMessage" not in TYPES:
        STORE.register(
            get_types_from_msg("geometry_msgs/TransformStamped[] transforms\n", "tf/msg/tfMessage")
        )
    message = TYPES["tf/msg/tfMessage"]([])
    with open_bag(write(tmp_path / "old.bag", [("/tf", message, 1)])) as bag:
        assert bag.topics == (TopicInfo("/tf", "tf2_msgs/msg/TFMessage", 1),)
        assert next(bag.messages()).message.transforms == []
        assert next(bag.raw_messages()).type == "tf2_msgs/msg/TFMessage"


def test_latched_topics_and_names_without_slash(tmp_path: Path) -> None:
    text = TYPES["std_msgs/msg/String"]
    path = write(tmp_path / "old.bag", [("/latched", text("a"), 1), ("chatter", text("b"), 2)])
    with open_bag(path) as bag:
        assert bag.topics == (
            TopicInfo("/chatter", "std_msgs/msg/String", 1),
            TopicInfo("/latched", "std_msgs/msg/String", 1, latched=True),
        )
        assert next(bag.messages(["chatter"])).message.data == "b"


def test_bytes_that_do_not_fit_their_type_are_an_error_when_reached(tmp_path: Path) -> None:
    with Writer(tmp_path / "old.bag") as writer:
        connection = writer.add_connection("/text", "std_msgs/msg/String", typestore=STORE)
        writer.write(connection, 1, b"\xff\0\0\0short")
    with open_bag(tmp_path / "old.bag") as bag:
        for messages in (bag.messages(), bag.raw_messages()):
            with pytest.raises(
                BagError, match="message on /text does not fit its type std_msgs/msg/S"
            ):
                next(messages)


def test_a_bag_without_messages(tmp_path: Path) -> None:
    with open_bag(write(tmp_path / "old.bag", [])) as bag:
        assert bag.topics == ()
        assert not list(bag.messages())
        assert bag.duration_ns == 0
