"""The data sets that are known by name: how each is opened, its classes and its frame rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dcfm_ros.datasets.camvid import camvid
from dcfm_ros.datasets.camvid_original import STILLS, camvid_original
from dcfm_ros.datasets.cityscapes import cityscapes
from dcfm_ros.datasets.clips import Clips
from dcfm_ros.datasets.vspw import vspw
from dcfm_ros.network import label_set


@dataclass(frozen=True)
class KnownDataset:
    """A published data set."""

    label_set: str
    rate_hz: float
    """Of the numbers of its frames."""
    open: Callable[[Path, str], Clips]
    """One split, train, val or test, of the data set in a folder."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names by class id."""
        return label_set(self.label_set).classes


CATALOGUE = {
    "camvid": KnownDataset("camvid", 15.0, camvid),
    "camvid_original": KnownDataset("camvid", 30.0, camvid_original),
    "cityscapes": KnownDataset("cityscapes", 17.0, cityscapes),
    "vspw": KnownDataset("vspw", 15.0, vspw),
}


def known_dataset(name: str, root: Path) -> KnownDataset:
    """The data set of a name; CamVid in the layout that lies in `root`."""
    if name == "camvid" and (root / STILLS).is_dir():
        name = "camvid_original"
    return CATALOGUE[name]
