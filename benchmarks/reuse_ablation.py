"""What each part of training gives to reuse: `python -m benchmarks.reuse_ablation START …`.

All variants start from the same weights, which were trained on the labelled frame alone, see as
many samples, and are validated on the CamVid val clip with common features up to 10 frames old.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.markdown import table_lines
from dcfm_ros.network import read_info
from dcfm_ros.training.settings_file import find_config, read_settings
from dcfm_ros.training.trainer import Trainer

_NEVER = 100_000_000
VARIANTS: dict[str, tuple[str, ...]] = {
    "labelled frame alone": (f"loss.symmetric_from={_NEVER}", "data.clip_share=0"),
    "simulated neighbours, age 1": ("data.clip_share=0", "data.max_age=1"),
    "simulated neighbours, ages 1-10": ("data.clip_share=0",),
    "the same without consistency": ("data.clip_share=0", "loss.consistency=0"),
    "simulated and rendered street": (),
}
"""Name -> what differs from `street-noval` with all of the symmetric loss."""


def main() -> None:
    """Train every variant, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("start", type=Path, help="checkpoint trained on labelled frames alone")
    parser.add_argument("--camvid", type=Path, required=True)
    parser.add_argument("--clips", type=Path, required=True, help="of the rendered street")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--runs", type=Path, default=Path("out/reuse_ablation"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    results: dict[str, Any] = {
        name: _run(args, changes, args.runs / str(number))
        for number, (name, changes) in enumerate(VARIANTS.items())
    }
    args.out.mkdir(parents=True, exist_ok=True)
    content = {"steps": args.steps, "batch": args.batch, "variants": results}
    (args.out / "reuse_ablation.json").write_text(json.dumps(content, indent=1) + "\n")
    text = _text(results, args.steps, args.batch)
    (args.out / "reuse_ablation.md").write_text(text, encoding="utf-8")
    print(text)


def _run(args: argparse.Namespace, changes: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Train one variant, or go on with it, and return its validation."""
    settings = read_settings(
        find_config("street-noval"),
        (
            f"start={args.start}",
            f"data.camvid={args.camvid}",
            f"data.clips={args.clips}",
            "data.workers=1",
            "loss.symmetric_from=0",
            f"optimizer.iterations={args.steps}",
            f"optimizer.batch={args.batch}",
            "optimizer.learning_rate=5e-4",
            "optimizer.warmup=10",
            "optimizer.ema_decay=0.97",
            f"report.validate_every={args.steps}",
            "report.save_every=50",
            "report.pictures=0",
            *changes,
        ),
    )
    Trainer(settings, folder).run()
    found: dict[str, Any] = read_info(folder / "last.safetensors").notes["validation"]
    return found


def _text(results: dict[str, Any], steps: int, batch: int) -> str:
    ages = (1, 2, 5, 10)
    heads = ["training", "every frame key", *(f"age {age}" for age in ages), "one key in 5", "loss"]
    rows = [heads, ["---"] * len(heads)]
    for name, found in results.items():
        figures = [found["miou_key"], *(found["miou_by_age"][age - 1] for age in ages)]
        figures += [found["miou_interval"], found["miou_key"] - found["miou_interval"]]
        rows.append([name, *(f"{100 * value:.1f}" for value in figures)])
    table = table_lines(rows)
    return (
        "# What each part of training gives to reuse\n\n"
        f"Written by `python -m benchmarks.reuse_ablation`: {steps} steps of batch {batch} each, "
        "from the same weights, which were trained on labelled frames alone. mIoU on the CamVid "
        "val clip, %; age in frames at 15 Hz; loss: points from every frame a key frame to one in "
        "five.\n\n"
        f"{table}\n"
    )


if __name__ == "__main__":
    main()
