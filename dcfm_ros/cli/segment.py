"""`dcfm segment`: a video, a folder of pictures or a bag as label images, overlay video or bag."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcfm_ros.cli.options import (
    add_engine_options,
    add_source_options,
    engine_settings,
    key_frame_settings,
    output_option,
    source_options,
)
from dcfm_ros.progress import progress

if TYPE_CHECKING:
    from dcfm_ros.datasets.source import Source
    from dcfm_ros.evaluation.run.writers import Writer
    from dcfm_ros.network import LabelSet
    from dcfm_ros.pipeline import CameraPipeline

_KINDS = ("labels", "video", "bag")


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "segment",
        help="segment a video, a folder of pictures or a bag",
        description=(
            "Segment every frame. labels/: one PNG a frame whose palette indices are class ids; "
            "overlay.mp4; bag/: label images, class names and statuses on the node's topics."
        ),
    )
    parser.add_argument("input", type=Path, metavar="INPUT", help="video, folder or bag")
    output_option(parser, "out/segment", "folder for the results")
    parser.add_argument(
        "--write",
        nargs="+",
        choices=_KINDS,
        default=["labels", "video"],
        help="what to write (default: labels video)",
    )
    add_source_options(parser, truth=False)
    add_engine_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment.

    Raises:
        DcfmError: the input, the checkpoint or the device cannot be used.
    """
    from dcfm_ros.datasets.source import open_source
    from dcfm_ros.evaluation.run.output import output_folder
    from dcfm_ros.pipeline import CameraPipeline
    from dcfm_ros.streaming import Engine, Segmenter

    with open_source(args.input, source_options(args)) as source:
        engine = Engine.load(engine_settings(args))
        pipeline = CameraPipeline(Segmenter(engine, key_frame_settings(args)))
        with output_folder(args.out) as stage:
            count, left_out = _segment(source, pipeline, stage, args.write)
    print(f"{args.out}: {count} frames as {' and '.join(args.write)}{_told(left_out)}")
    if source.decoder.hint:
        print(f"note: {source.decoder.hint}")
    return 0


def _segment(
    source: Source, pipeline: CameraPipeline, folder: Path, kinds: list[str]
) -> tuple[int, list[str]]:
    """Write everything; the number of frames, and why others were left out."""
    from dcfm_ros.errors import EvaluationError
    from dcfm_ros.evaluation.run.exact import segment

    labels = pipeline.segmenter.engine.info.labels
    left_out: list[str] = []
    count = 0
    with ExitStack() as stack:
        writers = [_writer(kind, source, folder, labels) for kind in kinds]
        for writer in writers:
            stack.callback(writer.close)
        frames = segment(source, pipeline, left_out.append)
        for frame in progress(frames, source.name, "frames", source.frame_count):
            for writer in writers:
                writer.write(frame)
            count += 1
    if not count:
        reason = left_out[0] if left_out else "it has none"
        raise EvaluationError(f"no frame of {source.path} could be segmented: {reason}")
    classes = [
        {"id": index, "name": name, "rgb": color}
        for index, (name, color) in enumerate(zip(labels.classes, labels.colors, strict=True))
    ]
    (folder / "classes.json").write_text(json.dumps(classes, indent=1) + "\n", encoding="utf-8")
    return count, left_out


def _writer(kind: str, source: Source, folder: Path, labels: LabelSet) -> Writer:
    from dcfm_ros.evaluation.run.writers import LabelBag, LabelFolder, OverlayVideo

    def name(index: int) -> str:
        return source.pictures[index].stem if source.pictures else f"{index:06d}"

    if kind == "labels":
        return LabelFolder(folder / "labels", labels, name)
    if kind == "video":
        return OverlayVideo(folder / "overlay.mp4", labels)
    return LabelBag(folder / "bag", labels)


def _told(left_out: list[str]) -> str:
    return f"; {len(left_out)} left out ({left_out[0]})" if left_out else ""
