"""Labelled data sets, one file each, for training, evaluation and `make-bag` alike.

To train, they are `Clips`: labelled pictures by index, with the pictures around them. To evaluate,
they are a `Source` as any recording is: a stream of frames, some with their ground truth; and to
play, a bag.
"""

from __future__ import annotations

from dcfm_ros.datasets.camvid import camvid
from dcfm_ros.datasets.camvid_original import camvid_original
from dcfm_ros.datasets.cityscapes import cityscapes
from dcfm_ros.datasets.clip_folder import clip_folder
from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import LabelValues, read_rgb
from dcfm_ros.datasets.labelled_bags import bags
from dcfm_ros.datasets.vspw import vspw

__all__ = [
    "Clip",
    "Clips",
    "LabelValues",
    "bags",
    "camvid",
    "camvid_original",
    "cityscapes",
    "clip_folder",
    "read_rgb",
    "vspw",
]
