"""The key-frame benchmark on tables that were made up: bounds, comparison and report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from test_calibration_fit import table

from dcfm_ros.calibration.fit import fit

sys.path.append(str(Path(__file__).resolve().parent.parent))  # benchmarks are not installed

from benchmarks import keyframe_bounds as bounds
from benchmarks.keyframe_compare import compare
from benchmarks.keyframe_report import write_report


@pytest.fixture(scope="module")
def videos():
    return {f"v{seed}": table(seed, frames=80) for seed in range(3)}


@pytest.fixture(scope="module")
def compared(videos):
    others = fit([videos["v1"], videos["v2"]])
    return compare(videos["v0"], others)


def test_nothing_is_below_the_oracle_and_random_is_above_fixed(videos) -> None:
    held, calibration = videos["v0"], fit([videos["v1"], videos["v2"]])
    fixed, least = bounds.fixed(held, calibration), bounds.oracle(held)
    for share in (0.2, 0.35, 0.5):
        assert least.change_at(share) <= fixed.change_at(share) < bounds.random(held, share)
    assert fixed.change_at(1.0) == 0.0
    assert fixed.share_for(fixed.change_at(0.25)) == pytest.approx(0.25, abs=0.02)


def test_a_held_out_video_is_compared_at_equal_shares(compared) -> None:
    """Luma tells the label change exactly here, and the car stands half of the time."""
    for at in compared["shares"]:
        low, high = at["difference_95"]
        assert low <= at["adaptive"] - at["fixed"] <= high
        assert at["oracle"] <= at["adaptive"] + 1e-9
    dense = compared["shares"][-1]
    assert dense["fewer_key_frames"] > 0.1
    assert dense["gap_closed"] > 0.3
    assert all(0.6 < p["expected_over_measured"] < 1.6 for p in compared["promises"])


def test_the_report_holds_what_was_found(compared, tmp_path: Path) -> None:
    latency = dict.fromkeys(
        ("p50_ms", "p99_ms", "p90_over_p50", "ratio", "own_ratio", "key_over_non_key"), 2.0
    )
    mode = {"key_share": 0.2, "label_change": 0.05, "expected": 0.05, "miou": None}
    results = {
        "checkpoint": "made up",
        "ages": 6,
        "machine": "1 core",
        "videos": {"v0": compared},
        "motion": {"v0": {"way": [0.5, 0.25]}},
        "standing": {"stop_and_go": 0.3, "traffic_lights": 0.6},
        "runs": {
            "video": "v0",
            "modes": {"blocking": mode, "background": mode},
            "latency": {m: {**latency, "frames": 9} for m in ("blocking", "background")},
            "decision": {"decision_ms": 0.5, "non_key_ms": 50.0, "share": 0.01},
        },
    }
    write_report(json.loads(json.dumps(results)), tmp_path)
    text = (tmp_path / "keyframes.md").read_text(encoding="utf-8")
    assert "stands on 30 % of stop_and_go and on 60 % of traffic_lights" in text
    assert "| way | 0.50 / 0.25 |" in text
    assert (tmp_path / "keyframes.png").stat().st_size > 1000
