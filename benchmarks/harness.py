"""What exact mode costs over the bare network loop on the same frames.

    python -m benchmarks.harness BAG [--rounds 3] [--threads 1] [--checkpoint CKPT] [--out FOLDER]

The bare loop gives pictures that lie decoded in memory to the segmenter, one after the other. Exact
mode reads the bag, decodes its JPEGs and ground truth in a thread that runs ahead, segments,
compares and logs: all that `dcfm evaluate` does of a frame. Both take turns frame by frame in one
process, so that what slows one slows the other.

CPU time is compared, not wall time: it is what a frame costs whoever else uses the machine. `ratio`
is the time of the thread that segments, as on a machine with a core to spare for the reader;
`ratio_with_reader` adds the reader's, as if nothing were overlapped.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from dcfm_ros.datasets.source import Source, SourceOptions, open_source
from dcfm_ros.evaluation.run.exact import read_decoded, segment, warm_up
from dcfm_ros.evaluation.run.results import EXACT, Results, Setup
from dcfm_ros.images import Pixels
from dcfm_ros.pipeline import CameraPipeline
from dcfm_ros.streaming import Engine, EngineSettings, KeyFrameSettings, Segmenter

KINDS = {
    "key frames by the shipped policy": KeyFrameSettings(),
    "every frame a key frame": KeyFrameSettings(policy="always"),
}
Picture = tuple[Pixels, int]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", default="")
    parser.add_argument("--machine", default=f"{os.cpu_count()} cores", help="what it ran on")
    parser.add_argument("--out", type=Path, help="folder for harness.json and harness.md")
    args = parser.parse_args()
    found = measure(args.bag, args.rounds, args.threads, args.checkpoint)
    found["machine"] = args.machine
    print(as_markdown(found))
    if args.out:
        text = json.dumps(found, indent=2) + "\n"
        (args.out / "harness.json").write_text(text, encoding="utf-8")
        (args.out / "harness.md").write_text(as_markdown(found), encoding="utf-8")


def measure(bag: Path, rounds: int, threads: int, checkpoint: str = "") -> dict[str, Any]:
    """Run both in turns over a recording that fits into memory."""
    cv2.setNumThreads(1)  # or OpenCV's own threads would count as the reader
    engine = Engine.load(EngineSettings(checkpoint=checkpoint, threads=threads))
    with open_source(bag, SourceOptions()) as source:
        pictures = list(_pictures(source, engine))
        return {
            "bag": bag.name,
            "frames": len(pictures),
            "labelled": source.label_count,
            "image_size": list(pictures[0][0].shape[1::-1]),
            "threads": threads,
            "rounds": rounds,
            "kinds": {
                name: _summary([_round(engine, settings, source, pictures) for _ in range(rounds)])
                for name, settings in KINDS.items()
            },
        }


def as_markdown(found: dict[str, Any]) -> str:
    """A table with what it was measured on."""
    width, height = found["image_size"]
    command = (
        f"`python -m benchmarks.harness {found['bag']} --rounds {found['rounds']} --threads "
        f"{found['threads']}` on {found['machine']}: {found['frames']} frames of "
        f"{width}x{height} px as JPEG, {found['labelled']} with ground truth as PNG; CPU time, "
        f"both in turns frame by frame in one process, the median of {found['rounds']} rounds "
        "(all rounds in brackets)."
    )
    lines = [
        "# What exact mode costs over the bare network loop",
        "",
        command,
        "",
        "| | bare loop, ms a frame | exact mode | reader thread | ratio | with the reader's time |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures in found["kinds"].items():
        rounds = ", ".join(f"{ratio:.3f}" for ratio in figures["ratios"])
        lines.append(
            f"| {name} | {figures['bare_ms']:.1f} | {figures['exact_ms']:.1f} "
            f"| {figures['reader_ms']:.1f} | **{figures['ratio']:.3f}** ({rounds}) "
            f"| {figures['ratio_with_reader']:.3f} |"
        )
    return "\n".join([*lines, ""])


def _pictures(source: Source, engine: Engine) -> Iterator[Picture]:
    for decoded in read_decoded(source, engine.info.labels.classes):
        if decoded.rgb is not None:
            yield decoded.rgb, decoded.frame.frame.stamp_ns


def _round(
    engine: Engine, settings: KeyFrameSettings, source: Source, pictures: Iterable[Picture]
) -> dict[str, float]:
    """CPU seconds of the bare loop, of exact mode and of its reader, over all frames."""
    bare, pipeline = Segmenter(engine, settings), CameraPipeline(Segmenter(engine, settings))
    spent = {"bare": 0.0, "exact": 0.0}
    with Path(os.devnull).open("w", encoding="utf-8") as log:
        results = Results(Setup.of(EXACT, engine, settings), log)
        recording = results.begin(source)
        warm_up(source, pipeline)
        frames = segment(source, pipeline, recording.left_out)
        all_before, own_before = time.process_time(), time.thread_time()
        for rgb, stamp_ns in pictures:
            started = time.thread_time()
            bare.step(rgb, stamp_ns)
            between = time.thread_time()
            results.gather(recording, [next(frames)])
            spent["bare"] += between - started
            spent["exact"] += time.thread_time() - between
        own = time.thread_time() - own_before
        spent["reader"] = time.process_time() - all_before - own
        assert next(frames, None) is None
    return {name: seconds / recording.tally.frames for name, seconds in spent.items()}


def _summary(rounds: list[dict[str, float]]) -> dict[str, Any]:
    ratios = [one["exact"] / one["bare"] for one in rounds]
    with_reader = [(one["exact"] + one["reader"]) / one["bare"] for one in rounds]
    return {
        "ratio": round(median(ratios), 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
        "ratio_with_reader": round(median(with_reader), 4),
        **{
            f"{name}_ms": round(1e3 * median(one[name] for one in rounds), 2)
            for name in ("bare", "exact", "reader")
        },
    }


if __name__ == "__main__":
    main()
