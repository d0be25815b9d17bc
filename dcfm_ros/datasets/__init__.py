"""Data sets as clips: ordered pictures, some of them with labels. One file per data set."""

from __future__ import annotations

from dcfm_ros.datasets.bag import bags
from dcfm_ros.datasets.camvid import camvid
from dcfm_ros.datasets.camvid_original import camvid_original
from dcfm_ros.datasets.cityscapes import cityscapes
from dcfm_ros.datasets.clip_folder import clip_folder
from dcfm_ros.datasets.clips import Clip, Clips, Source
from dcfm_ros.datasets.files import LabelValues, read_rgb
from dcfm_ros.datasets.vspw import vspw

__all__ = [
    "Clip",
    "Clips",
    "LabelValues",
    "Source",
    "bags",
    "camvid",
    "camvid_original",
    "cityscapes",
    "clip_folder",
    "read_rgb",
    "vspw",
]
