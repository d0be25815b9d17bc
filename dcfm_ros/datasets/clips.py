"""The one shape of all data sets: clips of numbered pictures, some of them with labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.datasets.class_names import id_table, notes_on, unnamed
from dcfm_ros.datasets.files import labels_beside
from dcfm_ros.errors import DcfmError, EvaluationError

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """Pictures in a row. Numbers that follow each other are frames that follow each other."""

    frames: Mapping[int, str]
    """Picture file by number; numbers may be missing."""
    labels: Mapping[int, str]
    """Label file by number."""
    name: str = ""
    """Of the video that it is from."""


class Clips:
    """The labelled frames of clips, addressed by index, and the frames around them.

    Args:
        name: of the data set, for messages.
        clips: in order; those without labels are of no use and left out.
        read: a label file as (H, W) class ids.
        notes: what one has to know before one trains on it.

    Raises:
        DcfmError: a label file without its picture, or no labels at all.
    """

    def __init__(
        self,
        name: str,
        clips: Iterable[Clip],
        read: Callable[[str], Image],
        notes: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.notes = tuple(notes)
        self._clips = [clip for clip in clips if clip.labels]
        self._read = read
        self._index = [(clip, n) for clip in self._clips for n in sorted(clip.labels)]
        if not self._index:
            raise DcfmError(f"{name} has no labelled frame; check its path and layout")
        orphans = [clip.labels[n] for clip, n in self._index if n not in clip.frames]
        if orphans:
            raise DcfmError(
                f"{name}: {len(orphans)} of {len(self._index)} label files have no picture, the "
                f"first is {orphans[0]}; copy the pictures that are missing"
            )

    def __len__(self) -> int:
        return len(self._index)

    @property
    def clips(self) -> tuple[Clip, ...]:
        """Those with labels, in order."""
        return tuple(self._clips)

    def read(self, path: str) -> Image:
        """(H, W) class ids of a label file."""
        return self._read(path)

    def read_as(self, theirs: Sequence[str], classes: Sequence[str]) -> Clips:
        """The same with label values of named classes turned into those of a network.

        Names in a language of one's own, of which none is known here, leave the ids as they are.

        Args:
            theirs: names of these clips' classes, by id.
            classes: of the network, by id.
        """
        where = f"of {self.name}"
        try:
            table = id_table(theirs, classes)
        except EvaluationError:
            advice = f"theirs are {', '.join(theirs)}"
            return Clips(self.name, self._clips, self._read, [unnamed(where, classes, advice)])
        if table is None:
            return self
        read = self._read
        notes = notes_on(where, theirs, classes, "")
        return Clips(self.name, self._clips, partial(_through, table, read), notes)

    def frame(self, index: int, age: int = 0) -> str | None:
        """The picture `age` frames after a labelled frame (before if negative), if there is one."""
        clip, number = self._index[index]
        return clip.frames.get(number + age)

    def labels(self, index: int) -> Image:
        """(H, W) class ids of a labelled frame, 255 where nothing is labelled."""
        clip, number = self._index[index]
        return labels_beside(self._read(clip.labels[number]), clip.frames[number])


def _through(table: Image, read: Callable[[str], Image], path: str) -> Image:
    return table[read(path)]


def nearest_frame(clips: Clips, index: int, age: int) -> str | None:
    """The frame `age` away; where the clip ends before it the other way round, then nearer ones.

    Args:
        age: in frames, later if positive; never 0.
    """
    sign = 1 if age > 0 else -1
    for distance in range(abs(age), 0, -1):
        for signed in (sign * distance, -sign * distance):
            path = clips.frame(index, signed)
            if path is not None:
                return path
    return None
