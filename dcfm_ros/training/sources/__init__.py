"""Data sets as clips: ordered pictures, some of them with labels. One file per data set."""

from __future__ import annotations

from dcfm_ros.training.sources.bag import bags
from dcfm_ros.training.sources.camvid import camvid
from dcfm_ros.training.sources.camvid_original import camvid_original
from dcfm_ros.training.sources.cityscapes import cityscapes
from dcfm_ros.training.sources.clip_folder import clip_folder
from dcfm_ros.training.sources.clips import Clip, Clips, Source
from dcfm_ros.training.sources.files import LabelValues, read_rgb
from dcfm_ros.training.sources.vspw import vspw

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
