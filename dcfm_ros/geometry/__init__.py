"""Where cameras look and where frames are: camera model and transform buffer, free of ROS."""

from __future__ import annotations

from dcfm_ros.geometry.camera import Camera
from dcfm_ros.geometry.camera_info import (
    camera_from_info,
    camera_info_hints,
    info_beside,
    is_rectified,
    own_depth_infos,
)
from dcfm_ros.geometry.rigid import Matrix, inverse, rigid
from dcfm_ros.geometry.transform_buffer import TransformBuffer

__all__ = [
    "Camera",
    "Matrix",
    "TransformBuffer",
    "camera_from_info",
    "camera_info_hints",
    "info_beside",
    "inverse",
    "is_rectified",
    "own_depth_infos",
    "rigid",
]
