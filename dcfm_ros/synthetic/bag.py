"""Writes a synthetic street as a rosbag: images, camera_info, depth, tf and ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from dcfm_ros.bags import write_bag
from dcfm_ros.bags.label_info import label_info
from dcfm_ros.bags.types import message_class
from dcfm_ros.bags.writer import BagWriter
from dcfm_ros.errors import SettingsError
from dcfm_ros.images.compressed import labels_to_png, rgb_to_jpeg
from dcfm_ros.network import label_set
from dcfm_ros.synthetic.class_grid import class_grid
from dcfm_ros.synthetic.faces import Label, Vector
from dcfm_ros.synthetic.noise import Floats
from dcfm_ros.synthetic.settings import StreetSettings
from dcfm_ros.synthetic.street import Street, SyntheticFrame

IMAGE_TOPIC = "/camera/image_raw"
INFO_TOPIC = "/camera/camera_info"
DEPTH_TOPIC = "/camera/depth"
LABEL_TOPIC = "/gt/label/compressed"
NAMES_TOPIC = "/gt/label_info"
LABELS = "camvid"
GRID_TOPIC = "/gt/class_grid"
WORLD_FRAME, BASE_FRAME, CAMERA_FRAME = "odom", "base_link", "camera_optical_frame"

DEPTHS = ("16UC1", "32FC1", "none")
IMAGES = ("compressed", "raw")

_GRID_PERIOD_NS = 500_000_000


def write_street_bag(
    path: Path | str,
    settings: StreetSettings,
    *,
    image: str = "compressed",
    depth: str = "16UC1",
    storage: str = "mcap",
    progress: bool = False,
) -> int:
    """Render a street into a new bag.

    Topics: `/camera/image_raw/compressed` (JPEG) or `/camera/image_raw` (rgb8),
    `/camera/camera_info`, `/camera/depth`, `/gt/label/compressed` (grey PNG, CamVid's eleven
    classes, 255 unlabelled), `/gt/label_info` (their names), `/gt/class_grid` (what stands on the
    ground and forms it around the car, at the first image of each half second), `/tf` (odom to
    base_link, at the images' stamps) and `/tf_static` (base_link to camera_optical_frame).

    Args:
        path: bag folder to create.
        settings: what to render.
        image: "compressed" or "raw".
        depth: "16UC1" (mm, 0 unknown or beyond 65 m), "32FC1" (m, inf sky, NaN unknown) or "none".
        storage: "mcap" or "sqlite3".
        progress: show a bar.

    Returns:
        The number of frames.

    Raises:
        SettingsError: an unknown image or depth format.
        BagError: the bag cannot be created.
    """
    if image not in IMAGES or depth not in DEPTHS:
        raise SettingsError(
            f"found image {image!r} and depth {depth!r}, expected one of "
            f"{', '.join(IMAGES)} and one of {', '.join(DEPTHS)}"
        )
    street = Street(settings)
    with write_bag(path, storage=storage) as writer:
        frames = tqdm(street.frames(), total=len(street), unit="frame", disable=not progress)
        for index, frame in enumerate(frames):
            if frame.stamp_ns == settings.start_ns:
                _write_mount(writer, frame)
                names = label_info(label_set(LABELS).classes, frame.stamp_ns)
                writer.write(NAMES_TOPIC, names, frame.stamp_ns, latched=True)
            if not index or _slot(frame.stamp_ns) > _slot(street.stamp_ns(index - 1)):
                _write_grid(writer, street, index, frame)
            _write_frame(writer, frame, image, depth)
    return len(street)


def _slot(stamp_ns: int) -> int:
    return stamp_ns // _GRID_PERIOD_NS


def _write_grid(writer: BagWriter, street: Street, index: int, frame: SyntheticFrame) -> None:
    found = class_grid(street, index, frame.world_from_base)
    height, width = found.class_ids.shape
    stamp = frame.stamp_ns
    position = message_class("geometry_msgs/msg/Point")(*found.origin_m, 0.0)
    turn = message_class("geometry_msgs/msg/Quaternion")(0.0, 0.0, 0.0, 1.0)
    message = message_class("dcfm_ros/msg/ClassGrid")(
        header=_header(stamp, WORLD_FRAME),
        info=message_class("nav_msgs/msg/MapMetaData")(
            map_load_time=_header(stamp, "").stamp,
            resolution=found.resolution_m,
            width=width,
            height=height,
            origin=message_class("geometry_msgs/msg/Pose")(position, turn),
        ),
        class_id=found.class_ids.reshape(-1),
        confidence=np.where(found.class_ids == Label.UNLABELLED, 0, 255).astype(np.uint8).ravel(),
    )
    writer.write(GRID_TOPIC, message, stamp)


def _write_mount(writer: BagWriter, frame: SyntheticFrame) -> None:
    mount = _transform(BASE_FRAME, CAMERA_FRAME, frame.base_from_camera, frame.stamp_ns)
    writer.write("/tf_static", _tf_message(mount), frame.stamp_ns, latched=True)


def _write_frame(writer: BagWriter, frame: SyntheticFrame, image: str, depth: str) -> None:
    stamp = frame.stamp_ns
    pose = _transform(WORLD_FRAME, BASE_FRAME, frame.world_from_base, stamp)
    writer.write("/tf", _tf_message(pose), stamp)
    writer.write(INFO_TOPIC, _camera_info(frame), stamp)
    if image == "raw":
        writer.write(IMAGE_TOPIC, _image(stamp, "rgb8", frame.rgb), stamp)
    else:
        jpeg = _compressed(stamp, "rgb8; jpeg compressed bgr8", rgb_to_jpeg(frame.rgb))
        writer.write(IMAGE_TOPIC + "/compressed", jpeg, stamp)
    if depth == "32FC1":
        writer.write(DEPTH_TOPIC, _image(stamp, depth, frame.depth_m), stamp)
    elif depth == "16UC1":
        writer.write(DEPTH_TOPIC, _image(stamp, depth, _millimetres(frame.depth_m)), stamp)
    png = _compressed(stamp, "mono8; png compressed mono8", labels_to_png(frame.labels))
    writer.write(LABEL_TOPIC, png, stamp)


def _millimetres(depth_m: Floats) -> np.ndarray[Any, np.dtype[np.uint16]]:
    mm = np.rint(np.nan_to_num(depth_m, nan=0.0, posinf=0.0) * 1000.0)
    return np.where(mm > np.iinfo(np.uint16).max, 0, mm).astype(np.uint16)


def _header(stamp_ns: int, frame_id: str) -> Any:
    time = message_class("builtin_interfaces/msg/Time")(
        sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000
    )
    return message_class("std_msgs/msg/Header")(stamp=time, frame_id=frame_id)


def _image(stamp_ns: int, encoding: str, pixels: np.ndarray[Any, Any]) -> Any:
    data = np.ascontiguousarray(pixels)
    return message_class("sensor_msgs/msg/Image")(
        header=_header(stamp_ns, CAMERA_FRAME),
        height=data.shape[0],
        width=data.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=data.strides[0],
        data=data.view(np.uint8).reshape(-1),
    )


def _compressed(stamp_ns: int, kind: str, data: bytes) -> Any:
    return message_class("sensor_msgs/msg/CompressedImage")(
        header=_header(stamp_ns, CAMERA_FRAME), format=kind, data=np.frombuffer(data, np.uint8)
    )


def _camera_info(frame: SyntheticFrame) -> Any:
    height, width = frame.labels.shape
    region = message_class("sensor_msgs/msg/RegionOfInterest")(
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    return message_class("sensor_msgs/msg/CameraInfo")(
        header=_header(frame.stamp_ns, CAMERA_FRAME),
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=frame.k.reshape(-1),
        r=np.eye(3).reshape(-1),
        p=np.column_stack([frame.k, np.zeros(3)]).reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def _tf_message(transform: Any) -> Any:
    return message_class("tf2_msgs/msg/TFMessage")(transforms=[transform])


def _transform(parent: str, child: str, parent_from_child: Vector, stamp_ns: int) -> Any:
    x, y, z = (float(v) for v in parent_from_child[:3, 3])
    shift = message_class("geometry_msgs/msg/Vector3")(x=x, y=y, z=z)
    turn = message_class("geometry_msgs/msg/Quaternion")(**_quaternion(parent_from_child[:3, :3]))
    return message_class("geometry_msgs/msg/TransformStamped")(
        header=_header(stamp_ns, parent),
        child_frame_id=child,
        transform=message_class("geometry_msgs/msg/Transform")(translation=shift, rotation=turn),
    )


def _quaternion(rotation: Vector) -> dict[str, float]:
    vector = cv2.Rodrigues(rotation)[0].reshape(3)
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 0 else vector
    x, y, z = (float(v) for v in np.sin(angle / 2) * axis)
    return {"x": x, "y": y, "z": z, "w": float(np.cos(angle / 2))}
