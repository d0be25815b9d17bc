"""Rosbags in which some frames have label images on a topic: the way a robot team labels.

A bag is a stream and training jumps about. So each bag is read once, and its labelled frames with
those around them are unpacked into a folder, JPEGs as they are. The folder is kept: the next run
with the same bag and settings finds it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from dcfm_ros.bags import BagReader, ImageFrame, open_bag
from dcfm_ros.bags.ground_truth import LabelledFrame, pair_labels
from dcfm_ros.bags.label_info import class_names, doubts
from dcfm_ros.datasets.class_names import notes_on
from dcfm_ros.datasets.clips import Clip, Clips
from dcfm_ros.datasets.files import Image, LabelValues
from dcfm_ros.errors import BagError, EvaluationError, ImageError
from dcfm_ros.images import PictureDecoder, is_compressed, labels_to_png, rgb_to_png, to_labels
from dcfm_ros.images.raw import FULL_BITS
from dcfm_ros.images.upright import UPRIGHT, orientation

LONGEST_GAP_NS = 1_000_000_000
"""Frames further apart than this are no neighbours: the recording was paused."""

_OVERTAKEN = 4
"""A frame overtakes fewer than this many others on its way into a bag."""

_DONE = "bag.json"
_FORM = 3
"""Of the folders; those of another are not used."""
_ADVICE = "set data.bag_void to the value that means unlabelled, if it is that"


@dataclass(frozen=True)
class BagOptions:
    """How frames and labels are found in a bag."""

    image_topic: str = ""
    """Empty: the only camera topic there is."""
    label_topic: str = ""
    """Empty: the only topic below /gt/."""
    tolerance_ms: float = 10.0
    """Most that a label image's stamp may be off its frame's."""
    image_bits: int = FULL_BITS
    """Significant bits of 16-bit images."""
    void: int = 255
    """Label value that means unlabelled, beside 255."""
    reach: int = 10
    """So many frames before and after each labelled one are unpacked."""


def bags(paths: Sequence[Path], options: BagOptions, cache: Path, classes: Sequence[str]) -> Clips:
    """The labelled frames of bags, unpacked into folders in `cache` where that was not done yet.

    Where a vision_msgs/LabelInfo beside the labels names their ids, names decide.

    Args:
        classes: that the labels are to be read as, by class id.

    Raises:
        BagError: a bag that cannot be read, lacks the topics, or no label fits a frame.
        DcfmError: a frame or label image that cannot be read.
    """
    clips: list[Clip] = []
    notes: list[str] = []
    readers: dict[Path, LabelValues] = {}
    for path in paths:
        folder = unpack(path, options, cache)
        note = json.loads((folder / _DONE).read_text(encoding="utf-8"))
        theirs = note["classes"]
        try:
            readers[folder / "labels"] = LabelValues.named(theirs, classes, options.void, _ADVICE)
        except EvaluationError as error:
            raise BagError(f"{path}: {error}") from None
        clips.append(_clip(folder))
        labels = f"of {path} on {note['label_topic']}"
        notes += note["doubts"]
        notes += notes_on(labels, theirs, classes, "a vision_msgs/LabelInfo beside them would tell")
        if note["labelled"] < note["labels"]:
            notes.append(
                f"{note['labelled']} of {note['labels']} label images {labels} are used: "
                f"the others are not within {options.tolerance_ms} ms of a frame of their own."
            )
    name = f"bags {', '.join(str(path) for path in paths)}"
    return Clips(name, clips, _LabelsByFolder(readers), notes)


@dataclass(frozen=True)
class _LabelsByFolder:
    """Reads label files; the bag that they are from says what their values mean."""

    readers: Mapping[Path, LabelValues]

    def __call__(self, path: str) -> Image:
        return self.readers[Path(path).parent](path)


def unpack(path: Path, options: BagOptions, cache: Path) -> Path:
    """Write the labelled frames of a bag and those around them as files, unless a former run did.

    Returns:
        A folder with frames/NUMBER.jpg or .png and labels/NUMBER.png. Numbers that follow each
        other are frames that follow each other.

    Raises:
        BagError: see `bags`.
    """
    folder = cache / f"{path.stem}-{_key(path, options)}"
    if (folder / _DONE).is_file():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=cache))
    try:
        with open_bag(path) as bag:
            note = _write(bag, options, scratch)
        (scratch / _DONE).write_text(json.dumps(note, indent=1), encoding="utf-8")
        try:
            scratch.replace(folder)
        except OSError:  # another process was faster
            if not (folder / _DONE).is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write(bag: BagReader, options: BagOptions, folder: Path) -> dict[str, object]:
    images = bag.choose_image_topic(options.image_topic or None)
    truth = bag.choose_label_topic(options.label_topic or None)
    if truth is None:
        raise BagError(f"{bag.path} has no label images below /gt/; set data.bag_label_topic")
    for name in ("frames", "labels"):
        (folder / name).mkdir()
    tolerance_ns = round(options.tolerance_ms * 1e6)
    pairs = pair_labels(bag.frames(images), bag.frames(truth), tolerance_ns)
    total = next(topic.count for topic in bag.topics if topic.name == images)
    labelled, decoder = 0, PictureDecoder(options.image_bits)
    for number, pair in _around_labels(
        _in_stamp_order(tqdm(pairs, f"unpack {bag.path.name}", total)), options.reach
    ):
        try:
            _write_frame(pair.frame, decoder, folder / "frames" / f"{number:08d}")
            if pair.label is not None:
                labels = labels_to_png(to_labels(pair.label.message))
                (folder / "labels" / f"{number:08d}.png").write_bytes(labels)
                labelled += 1
        except ImageError as error:
            raise BagError(f"{bag.path}, frame at {pair.frame.stamp_ns} ns: {error}") from None
    if not labelled:
        raise BagError(
            f"{bag.path}: no label image on {truth} is within {options.tolerance_ms} ms of a "
            f"frame on {images}; set data.bag_tolerance_ms, or name the topics"
        )
    there = next(topic.count for topic in bag.topics if topic.name == truth)
    if decoder.hint:
        tqdm.write(f"{bag.path}, {images}: {decoder.hint}")
    topics = {"image_topic": images, "label_topic": truth, "doubts": doubts(bag, images, truth)}
    counts = {"labelled": labelled, "labels": there, "classes": class_names(bag, truth)}
    return {"bag": str(bag.path), **asdict(options), **topics, **counts}


def _in_stamp_order(pairs: Iterable[LabelledFrame]) -> Iterator[LabelledFrame]:
    """Put frames right that overtook others, and leave out what was recorded twice."""
    waiting: list[LabelledFrame] = []
    for pair in pairs:
        if waiting and abs(pair.frame.stamp_ns - waiting[-1].frame.stamp_ns) > LONGEST_GAP_NS:
            yield from waiting
            waiting.clear()
        twin = next((at for at, other in enumerate(waiting) if _is_same(pair, other)), None)
        if twin is None:
            insort(waiting, pair, key=lambda pair: pair.frame.stamp_ns)
        elif waiting[twin].label is None:
            waiting[twin] = pair
        if len(waiting) > _OVERTAKEN:
            yield waiting.pop(0)
    yield from waiting


def _is_same(one: LabelledFrame, other: LabelledFrame) -> bool:
    if one.frame.stamp_ns != other.frame.stamp_ns:
        return False
    return bytes(one.frame.message.data) == bytes(other.frame.message.data)


def _around_labels(
    pairs: Iterator[LabelledFrame], reach: int
) -> Iterator[tuple[int, LabelledFrame]]:
    """Those within `reach` frames of a labelled one, numbered; numbers jump at a pause."""
    recent: deque[tuple[int, LabelledFrame]] = deque(maxlen=reach)
    number, last_ns, left = 0, None, 0
    for pair in pairs:
        paused = last_ns is not None and not 0 <= pair.frame.stamp_ns - last_ns <= LONGEST_GAP_NS
        if paused:
            recent.clear()
            number, left = number + reach, 0
        number, last_ns = number + 1, pair.frame.stamp_ns
        if pair.label is not None:
            yield from recent
            recent.clear()
            left = reach + 1
        if left:
            left -= 1
            yield number, pair
        else:
            recent.append((number, pair))


def _write_frame(frame: ImageFrame, decoder: PictureDecoder, stem: Path) -> None:
    message = frame.message
    if is_compressed(message) and "bayer" not in message.format:
        data = bytes(message.data)
        if data.startswith(b"\xff\xd8") and orientation(data) == UPRIGHT:
            stem.with_suffix(".jpg").write_bytes(data)
            return
    stem.with_suffix(".png").write_bytes(rgb_to_png(decoder.rgb(message)))


def _clip(folder: Path) -> Clip:
    frames, labels = (
        {int(path.stem): str(path) for path in sorted((folder / name).iterdir())}
        for name in ("frames", "labels")
    )
    return Clip(frames, labels)


def _key(path: Path, options: BagOptions) -> str:
    """Changes with the bag's files and with the options that decide what is unpacked."""
    if not path.exists():
        raise BagError(f"no bag at {path}; check data.bags and data.validation_bags")
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(f.relative_to(path)), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    unpacking = (
        options.image_topic,
        options.label_topic,
        options.tolerance_ms,
        options.image_bits,
        options.reach,
    )
    text = json.dumps([_FORM, str(path.resolve()), stats, unpacking])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
