"""Key-frame selection, side by side: `python -m benchmarks.keyframes --shared DIR`.

Every estimate and every budget comes from the *other* videos. The label change of a frame is the
share of its labels that always computing deep features would change; 1 - its mean is the agreement
with that.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from benchmarks import keyframe_videos as videos
from benchmarks.keyframe_compare import compare
from benchmarks.keyframe_latency import machine
from benchmarks.keyframe_motion import motion, standing
from benchmarks.keyframe_report import write_report
from benchmarks.keyframe_runs import measure_runs
from dcfm_ros.calibration.fit import fit
from dcfm_ros.calibration.reuse_table import ReuseTable
from dcfm_ros.network import calibrated
from dcfm_ros.resources import resource
from dcfm_ros.streaming import Engine, EngineSettings
from dcfm_ros.streaming.label_change import FEATURES

NEVER_SAW_VAL = "models/street-noval.safetensors"


def main() -> None:
    """Measure, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="", help="default: the shipped street-noval model")
    parser.add_argument("--shared", type=Path, help="folder with data/camvid and data/video")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--cache", type=Path, default=Path("out/keyframes"))
    parser.add_argument("--ages", type=int, default=12)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="videos at a time"
    )
    parser.add_argument(
        "--calibrated",
        type=Path,
        metavar="OUT",
        help="write the checkpoint, calibrated on all but val",
    )
    args = parser.parse_args()
    checkpoint = Path(args.checkpoint or resource(NEVER_SAW_VAL))
    settings = EngineSettings(checkpoint=str(checkpoint), device=args.device, threads=args.threads)
    how = videos.Measuring(settings, args.shared, args.cache, args.ages)
    tables = videos.tables(videos.names(args.shared), how, args.jobs)
    if args.calibrated:
        _write_calibrated(checkpoint, tables, args.calibrated)
    engine = Engine.load(settings)
    results: dict[str, Any] = {
        "checkpoint": engine.info.name,
        "videos": {},
        "features": list(FEATURES),
        "ages": args.ages,
        "machine": machine(),
    }
    for name, held in tables.items():
        calibration = fit([table for other, table in tables.items() if other != name])
        results["videos"][name] = compare(held, calibration)
    results["motion"] = motion(tables)
    results["standing"] = {name: standing(name) for name in ("stop_and_go", "traffic_lights")}
    runs_on = "val" if "val" in tables else "stop_and_go"
    others = fit([table for other, table in tables.items() if other != runs_on], discount=True)
    results["runs"] = measure_runs(engine, others, runs_on, args.shared)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "keyframes.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_report(results, args.out)
    print((args.out / "keyframes.md").read_text(encoding="utf-8"))


def _write_calibrated(checkpoint: Path, tables: dict[str, ReuseTable], out: Path) -> None:
    """What `dcfm calibrate --discount` does, from the tables at hand; val is for evaluation."""
    chosen = [table for name, table in tables.items() if name != "val"]
    found = fit(chosen, discount=True)
    calibrated(checkpoint, found.to_plain(), out)
    print(f"{out}: calibrated on {', '.join(found.fitted_on)}", flush=True)


if __name__ == "__main__":
    main()
