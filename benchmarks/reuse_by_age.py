"""Accuracy over the age of the common feature: `python -m benchmarks.reuse_by_age CamVid`.

The labelled frames of the CamVid val clip (101 frames at 15 Hz, every one labelled), each with the
common feature of the frame 0, 1, … 10 before it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.markdown import table_lines
from dcfm_ros.datasets import camvid
from dcfm_ros.network import load, read_info
from dcfm_ros.processes import Processes
from dcfm_ros.resources import resource
from dcfm_ros.streaming.device import prepare_thread, resolve_device
from dcfm_ros.training.validation import INTERVAL, Predictor, Validation, validate


def main() -> None:
    """Measure, write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("camvid", type=Path, help="CamVid at 480x360: val/ and valannot/")
    parser.add_argument("--checkpoint", type=Path, help="default: the shipped street-noval model")
    parser.add_argument("--ages", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    path = args.checkpoint or resource("models/street-noval.safetensors")
    prepare_thread(args.threads)
    device = resolve_device(args.device)
    info = read_info(path)
    network = load(path).eval().to(device)
    predictor = Predictor(network, info.training_size, device)
    found = validate(predictor, camvid(args.camvid, "val"), args.ages, 0, Processes())
    args.out.mkdir(parents=True, exist_ok=True)
    content = {"checkpoint": path.stem, **found.as_dict()}
    (args.out / "reuse_by_age.json").write_text(json.dumps(content, indent=1) + "\n")
    text = _text(found, path.stem, info.labels.classes)
    (args.out / "reuse_by_age.md").write_text(text, encoding="utf-8")
    _plot(found, args.out / "reuse_by_age.png")
    print(text)


def _text(found: Validation, name: str, classes: tuple[str, ...]) -> str:
    ages = [found.miou_key, *found.miou_by_age]
    rows = [
        ["age of the common feature, frames", *map(str, range(len(ages)))],
        ["---"] * (len(ages) + 1),
        ["mIoU, %", *(f"{100 * value:.1f}" for value in ages)],
    ]
    by_class = [
        list(classes),
        ["---"] * len(classes),
        [f"{100 * value:.0f}" for value in found.iou],
    ]
    loss = 100 * (found.miou_key - found.miou_interval)
    return "\n\n".join(
        (
            "# Accuracy over the age of the common feature",
            (
                f"Written by `python -m benchmarks.reuse_by_age`, checkpoint {name}, CamVid val "
                f"({found.frames} frames at 15 Hz). One key frame in {INTERVAL}, over all phases: "
                f"{100 * found.miou_interval:.1f}, which is {loss:.1f} points below every frame a "
                "key frame."
            ),
            table_lines(rows),
            "Every frame a key frame, IoU by class, %:",
            table_lines(by_class),
            "![mIoU over age](reuse_by_age.png)\n",
        )
    )


def _plot(found: Validation, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    ages = [100 * value for value in (found.miou_key, *found.miou_by_age)]
    figure, axes = plt.subplots(figsize=(5.4, 3.0), layout="constrained")
    axes.plot(range(len(ages)), ages, "o-", color="#0072b2")
    axes.axhline(ages[0], color="#999999", linewidth=0.8, linestyle="--")
    axes.set(xlabel="age of the common feature, frames at 15 Hz", ylabel="mIoU, %")
    axes.set_ylim(0, 1.1 * max(ages))
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
