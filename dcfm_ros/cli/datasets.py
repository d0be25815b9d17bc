"""Data sets by name, for the verbs that read them as a camera's video."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcfm_ros.datasets import Clip, Clips
    from dcfm_ros.datasets.as_recording import Dataset
    from dcfm_ros.datasets.recordings import Source

BEFORE = 19
"""Frames before a labelled one that are run by default: what a Cityscapes snippet has."""


@dataclass(frozen=True)
class DatasetOptions:
    """What to read of a data set."""

    kind: str
    """One of `KINDS`."""
    root: Path
    split: str = "val"
    clips: tuple[str, ...] = ()
    """Names of those to read; empty: all."""
    rate_hz: float | None = None
    """Of the frames; None: the data set's own."""
    before: int = BEFORE
    """Frames before each labelled one, as far as there are any."""
    after: int = 0
    """Frames after each labelled one, likewise."""


@dataclass(frozen=True)
class _Kind:
    rate_hz: float
    label_set: str
    """Empty where the classes are not known."""
    about: str


KINDS = {
    "camvid": _Kind(15.0, "camvid", "CamVid: ROOT/SPLIT and ROOT/SPLITannot, or as published"),
    "cityscapes": _Kind(17.0, "cityscapes", "Cityscapes: gtFine and leftImg8bit_sequence"),
    "vspw": _Kind(15.0, "vspw", "VSPW: data/VIDEO/origin and mask, SPLIT.txt"),
    "clips": _Kind(10.0, "", "ROOT/CLIP/rgb and ROOT/CLIP/labels with class ids"),
}
_CAMVID_VIDEO_HZ = 30.0


def add_dataset_options(parser: argparse._ActionsContainer) -> None:
    """Which part of a data set to read."""
    parser.add_argument("--split", default="val", help="train, val (default) or test")
    parser.add_argument(
        "--clip", nargs="+", default=[], metavar="NAME", help="videos of it to read (default: all)"
    )
    parser.add_argument(
        "--before",
        type=int,
        default=BEFORE,
        metavar="N",
        help=f"frames before each labelled one (default {BEFORE}), where labels are sparse",
    )


def open_dataset(options: DatasetOptions) -> Dataset:
    """Find the files of a split.

    Raises:
        DcfmError: it is not there, or not laid out as published.
    """
    from dcfm_ros.datasets.as_recording import Dataset, timed
    from dcfm_ros.network import label_set

    kind = KINDS[options.kind]
    clips, rate_hz = _clips(options)
    frames = timed(
        ((clip.name, _frames(clip, options)) for clip in _chosen(clips, options)),
        rate_hz if options.rate_hz is None else options.rate_hz,
    )
    return Dataset(
        name=f"{options.kind}_{options.split}" if kind.label_set else options.root.name,
        root=options.root,
        classes=label_set(kind.label_set).classes if kind.label_set else (),
        frames=frames,
        read_label=clips.read,
    )


def _clips(options: DatasetOptions) -> tuple[Clips, float]:
    """The clips, and the rate of their frame numbers."""
    from dcfm_ros import datasets as sources
    from dcfm_ros.network import UNLABELLED

    root, split, rate_hz = options.root, options.split, KINDS[options.kind].rate_hz
    if options.kind == "camvid":
        if (root / "701_StillsRaw_full").is_dir():
            return sources.camvid_original(root, split), _CAMVID_VIDEO_HZ
        return sources.camvid(root, split), rate_hz
    if options.kind == "cityscapes":
        return sources.cityscapes(root, split), rate_hz
    if options.kind == "vspw":
        return sources.vspw(root, split), rate_hz
    return sources.clip_folder(root, UNLABELLED), rate_hz


def _chosen(clips: Clips, options: DatasetOptions) -> list[Clip]:
    """The clips to read.

    Raises:
        EvaluationError: there is none of a name.
    """
    from dcfm_ros.errors import EvaluationError

    names = [clip.name for clip in clips.clips]
    for name in options.clips:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:5])}, …"
            raise EvaluationError(f"{clips.name} has no clip {name}; {advice}")
    return [clip for clip in clips.clips if not options.clips or clip.name in options.clips]


def _frames(clip: Clip, options: DatasetOptions) -> Iterator[tuple[int, Path, Path | None]]:
    """The labelled frames and those around them."""
    wanted = {
        number
        for labelled in clip.labels
        for number in range(labelled - options.before, labelled + options.after + 1)
    }
    for number in sorted(wanted & set(clip.frames)):
        label = clip.labels.get(number)
        yield number, Path(clip.frames[number]), None if label is None else Path(label)


def recordings(args: argparse.Namespace) -> list[Path | Source]:
    """What a verb is to evaluate: recordings, or the data set whose root was given in their place.

    Raises:
        DcfmError: the data set is not there, or does not suit the protocol.
    """
    from dcfm_ros.datasets.as_recording import dataset_source
    from dcfm_ros.errors import SettingsError
    from dcfm_ros.evaluation.run.protocols import PROTOCOLS

    protocol = PROTOCOLS[args.protocol] if args.protocol else None
    if protocol and args.dataset and args.dataset != protocol.dataset:
        raise SettingsError(
            f"protocol {protocol.name} evaluates {protocol.dataset}, not {args.dataset}"
        )
    if not args.dataset:
        return list(args.recordings)
    if len(args.recordings) != 1:
        raise SettingsError(
            f"--dataset {args.dataset}: found {len(args.recordings)} paths, expected its root alone"
        )
    windows = protocol is not None and protocol.windows
    options = DatasetOptions(
        kind=args.dataset,
        root=args.recordings[0],
        split=args.split,
        clips=tuple(args.clip),
        rate_hz=args.picture_rate,
        before=1 if windows else args.before,
        after=1 if windows else 0,
    )
    return [dataset_source(open_dataset(options))]
