"""Key-frame selection, side by side: `python -m benchmarks.keyframes --shared DIR`.

Every estimate and every budget comes from the *other* videos. The label change of a frame is the
share of its labels that always computing deep features would change; 1 - its mean is the agreement
with that.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks import keyframe_bounds as bounds
from benchmarks import keyframe_videos as videos
from benchmarks.keyframe_report import write_report
from benchmarks.keyframe_runs import measure_runs
from dcfm_ros.streaming import Engine, EngineSettings
from dcfm_ros.streaming.adaptive import Adaptive
from dcfm_ros.streaming.label_change import FEATURES, Calibration
from dcfm_ros.training.calibration import fit, run_with_budget
from dcfm_ros.training.reuse_simulation import simulate
from dcfm_ros.training.reuse_table import ReuseTable

SHARES = (0.1, 0.2, 0.33)
PROMISES = (0.03, 0.05, 0.08)
_BLOCK = 10
_RESAMPLES = 2000
_SIGNALS = (
    "luma_change",
    "drift",
    "confidence_fall",
    "input_change",
    "feature_difference",
    "feature_angle",
)


def main() -> None:
    """Measure, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", default="", help="default: the shipped street model")
    parser.add_argument("--shared", type=Path, help="folder with data/camvid and data/video")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--cache", type=Path, default=Path("out/keyframes"))
    parser.add_argument("--ages", type=int, default=12)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    engine = Engine.load(
        EngineSettings(checkpoint=args.checkpoint, device=args.device, threads=args.threads)
    )
    names = videos.names(args.shared)
    tables = {n: videos.table(engine, n, args.shared, args.cache, args.ages) for n in names}
    results: dict[str, Any] = {
        "checkpoint": engine.info.name,
        "videos": {},
        "features": list(FEATURES),
        "ages": args.ages,
    }
    for name, held in tables.items():
        calibration = fit([table for other, table in tables.items() if other != name])
        results["videos"][name] = _video(held, calibration)
    runs_on = "val" if "val" in tables else "stop_and_go"
    others = fit([table for other, table in tables.items() if other != runs_on], discount=True)
    results["runs"] = measure_runs(engine, others, runs_on, args.shared)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "keyframes.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_report(results, args.out)
    print((args.out / "keyframes.md").read_text(encoding="utf-8"))


def _video(held: ReuseTable, calibration: Calibration) -> dict[str, Any]:
    fixed = bounds.fixed(held, calibration)
    inputs = bounds.input_difference(held, calibration)
    perfect = bounds.perfect(held, held.columns["label_change"])
    least = bounds.oracle(held)
    shares = []
    for wanted in SHARES:
        run = run_with_budget(held, calibration, calibration.budget_for_share(wanted))
        low, high = _interval(run.change - fixed.at(run.key_share))
        best = float(np.interp(run.key_share * len(held), np.arange(len(least)), least))
        at_fixed = fixed.change_at(run.key_share)
        followed = simulate(held, Adaptive(calibration, 0.03, wanted), calibration)
        shares.append(
            {
                "wanted": wanted,
                "share": run.key_share,
                "fixed_reaches_share": fixed.covers(run.key_share),
                "adaptive": run.mean_change,
                "fixed": at_fixed,
                "difference_95": [low, high],
                "input_difference": inputs.change_at(run.key_share)
                if inputs.covers(run.key_share)
                else None,
                "random": bounds.random(held, run.key_share),
                "perfect": perfect.change_at(run.key_share),
                "oracle": best,
                "gap_closed": _gap(at_fixed, run.mean_change, best),
                "gap_closed_perfect": _gap(at_fixed, perfect.change_at(run.key_share), best),
                "fewer_key_frames": 1 - run.key_share / fixed.share_for(run.mean_change),
                "fewer_key_frames_oracle": 1 - run.key_share / fixed.share_for(best),
                "share_with_target_key_share": followed.key_share,
            }
        )
    promises = []
    for promise in PROMISES:
        run = simulate(held, Adaptive(calibration, promise), calibration)
        promises.append(
            {
                "promised": promise,
                "expected": float(run.expected.mean()),
                "measured": run.mean_change,
                "share": run.key_share,
                "fixed": fixed.change_at(run.key_share),
            }
        )
    reused = held.reused
    target = held.columns["label_change"][reused]
    expected = calibration.expected_changes(held.signals())
    ages = np.arange(held.ages + 1)
    return {
        "frames": len(held),
        "change_by_age": [float(np.nanmean(held.columns["label_change"][:, age])) for age in ages],
        "expected_over_measured": float(expected.mean() / target.mean()),
        "weights": list(calibration.weights),
        "correlation": _correlations(held, expected),
        "curves": {
            "fixed": [fixed.shares.tolist(), fixed.series.mean(1).tolist()],
            "input_difference": [inputs.shares.tolist(), inputs.series.mean(1).tolist()],
            "adaptive": _adaptive_curve(held, calibration),
            "oracle": [(np.arange(len(least)) / len(held)).tolist()[1:], least.tolist()[1:]],
        },
        "shares": shares,
        "promises": promises,
    }


def _adaptive_curve(held: ReuseTable, calibration: Calibration) -> list[list[float]]:
    runs = [run_with_budget(held, calibration, float(b)) for b in np.geomspace(0.02, 2.0, 25)]
    return [[run.key_share for run in runs], [run.mean_change for run in runs]]


def _correlations(held: ReuseTable, expected: NDArray[np.float64]) -> dict[str, list[float]]:
    """Spearman's with the label change: over all ages, and at age 5."""
    reused = held.reused
    rows, ages = np.nonzero(reused)
    target = held.columns["label_change"][reused]
    signals = {name: held.columns[name][reused] for name in _SIGNALS}
    signals |= {"age": ages.astype(float), "boundary": held.boundary[rows], "estimate": expected}
    five = ages == 5
    found = {}
    for name, values in signals.items():
        within = spearmanr(values[five], target[five])[0] if name != "age" else float("nan")
        found[name] = [float(spearmanr(values, target)[0]), float(np.nan_to_num(within))]
    return found


def _interval(difference: NDArray[np.float64]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over clips of consecutive frames."""
    clips = [difference[i : i + _BLOCK] for i in range(0, len(difference), _BLOCK)]
    sums, sizes = np.array([c.sum() for c in clips]), np.array([c.size for c in clips])
    picks = np.random.default_rng(0).integers(0, len(clips), (_RESAMPLES, len(clips)))
    means = sums[picks].sum(1) / sizes[picks].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _gap(fixed: float, found: float, best: float) -> float:
    return (fixed - found) / (fixed - best) if fixed > best else float("nan")


if __name__ == "__main__":
    main()
