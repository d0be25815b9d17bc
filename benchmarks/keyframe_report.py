"""Tables and a plot of the key-frame benchmark."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from benchmarks.markdown import table_lines


def write_report(results: dict[str, Any], folder: Path) -> None:
    """Write keyframes.md and keyframes.png."""
    parts = [
        _head(results),
        _shares(results["videos"]),
        _promises(results["videos"]),
        _signals(results["videos"]),
        _motion(results["motion"]),
        _runs(results["runs"]),
    ]
    (folder / "keyframes.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    _plot(results["videos"], folder / "keyframes.png")


def _head(results: dict[str, Any]) -> str:
    frames = ", ".join(f"{name} {v['frames']}" for name, v in results["videos"].items())
    return (
        "# Key-frame selection\n\n"
        f"Written by `python -m benchmarks.keyframes --ages {results['ages']}` on "
        f"{results['machine']}, checkpoint {results['checkpoint']}. "
        f"Frames: {frames}; reuse up to {results['ages']} frames. The car "
        f"stands on {_standing(results, 'stop_and_go')} of stop_and_go and on "
        f"{_standing(results, 'traffic_lights')} of traffic_lights, amid others that move. Label "
        "change: share of pixels whose label a fresh common feature would change, mean over all "
        "frames; lower is better. "
        "Estimates and budgets come from the other videos; shares of key frames are measured.\n\n"
        "![Label change over the share of key frames](keyframes.png)"
    )


def _standing(results: dict[str, Any], name: str) -> str:
    return f"{100 * results['standing'][name]:.0f} %"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    return "\n".join((table_lines([heads]), "|" + "---|" * len(heads), table_lines(rows)))


def _shares(found: dict[str, Any]) -> str:
    rows = []
    for name, video in found.items():
        for s in video["shares"]:
            low, high = s["difference_95"]
            mark = "" if s["fixed_reaches_share"] else " *"
            rows.append(
                [
                    name,
                    f"{s['share']:.3f}{mark}",
                    f"{s['adaptive']:.4f}",
                    f"{s['fixed']:.4f}",
                    f"{low:+.4f} … {high:+.4f}",
                    "" if s["input_difference"] is None else f"{s['input_difference']:.4f}",
                    f"{s['random']:.4f}",
                    f"{s['perfect']:.4f}",
                    f"{s['oracle']:.4f}",
                    f"{s['gap_closed']:.2f}",
                    f"{s['gap_closed_perfect']:.2f}",
                    f"{100 * s['fewer_key_frames']:.0f} %",
                    f"{100 * s['fewer_key_frames_oracle']:.0f} %",
                    f"{s['share_with_target_key_share']:.3f}",
                ]
            )
    heads = [
        "video", "key share", "adaptive", "fixed", "adaptive - fixed, 95 %", "input difference",
        "random", "perfect, causal", "oracle", "gap closed", "gap closed by perfect",
        "fewer key frames", "fewer, oracle", "share under target_key_share",
    ]  # fmt: skip
    return (
        "## At equal shares of key frames\n\n"
        f"{_table(heads, rows)}\n\n"
        "Budgets are those that gave key shares of 0.1, 0.2 and 0.33 on the other videos; adaptive "
        "is the mean over nine budgets around each, 0.85 to 1.18 times it. Fixed is "
        "the mean over all phases, interpolated to the same shares; \\*: beyond its longest "
        "interval, held at that, which flatters it. Input difference takes every "
        "fifth frame at least: blank below. Intervals: paired bootstrap over clips of 10 "
        "frames. Perfect: the adaptive rule with the measured change in place of the estimate, the "
        "most that a causal estimate can bring under that rule. Gap: from fixed to the oracle, "
        "which knows the future. Fewer key frames: than fixed needs for the same label change."
    )


def _promises(found: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{video['expected_over_measured']:.2f}",
            *(
                f"{p['promised']:.2f}: {p['measured']:.4f} ({p['share']:.2f}), "
                f"{p['expected_over_measured_uncorrected']:.2f} → {p['expected_over_measured']:.2f}"
                for p in video["promises"]
            ),
        ]
        for name, video in found.items()
    ]
    promises = [p for video in found.values() for p in video["promises"]]
    plain = [p["expected_over_measured_uncorrected"] for p in promises]
    corrected = [p["expected_over_measured"] for p in promises]
    heads = ["video", "expected / measured", *["promised: measured (key share), ratio"] * 3]
    return (
        "## Promise and measurement\n\n"
        f"{_table(heads, rows)}\n\n"
        "Expected / measured: mean estimate over mean label change of all pairs of key frame and "
        "age, before any correction. Promised: `max_label_change`. Ratio: expected over measured "
        "on the frames of that run, without → with the correction by key frames. Within 20 %: "
        f"{_within(plain)} without, {_within(corrected)} with it; mean absolute logarithm of the "
        f"ratio {_spread(plain):.3f} and {_spread(corrected):.3f}. A clip of 80 frames has time "
        "for some ten measurements."
    )


def _within(ratios: list[float]) -> str:
    return f"{sum(1 / 1.2 <= ratio <= 1.2 for ratio in ratios)} of {len(ratios)}"


def _spread(ratios: list[float]) -> float:
    return sum(abs(math.log(ratio)) for ratio in ratios) / len(ratios)


def _motion(found: dict[str, Any]) -> str:
    kinds = next(iter(found.values()))
    rows = [
        [kind, *(f"{video[kind][0]:.2f} / {video[kind][1]:.2f}" for video in found.values())]
        for kind in kinds
    ]
    return (
        "## The robot's own motion\n\n"
        f"{_table(['signal', *found], rows)}\n\n"
        "Spearman's with the label change over all ages / at age 5, from exact poses: way and turn "
        "since the key frame, speed. Estimates from the other rendered videos. Motion adds nothing "
        "that the image does not tell, and is not used."
    )


def _signals(found: dict[str, Any]) -> str:
    signals = next(iter(found.values()))["correlation"]
    rows = [
        [
            s,
            *(
                f"{v['correlation'][s][0]:.2f} / {v['correlation'][s][1]:.2f}"
                for v in found.values()
            ),
        ]
        for s in signals
    ]
    return (
        "## Rank correlation with the label change\n\n"
        f"{_table(['signal', *found], rows)}\n\n"
        "Spearman's over all ages / at age 5. The estimate uses luma change, drift, confidence "
        "fall, boundary density and age; differences of the independent feature are measured for "
        "comparison and not used."
    )


def _runs(runs: dict[str, Any]) -> str:
    modes = [
        [
            mode,
            f"{m['key_share']:.3f}",
            f"{m['label_change']:.4f}",
            f"{m['expected']:.4f}",
            "" if m["miou"] is None else f"{100 * m['miou']:.2f} %",
        ]
        for mode, m in runs["modes"].items()
    ]
    latency = [
        [
            mode,
            f"{m['p50_ms']:.0f}",
            f"{m['p99_ms']:.0f}",
            f"{m['p90_over_p50']:.2f}",
            f"{m['ratio']:.2f}",
            f"{m['own_ratio']:.2f}",
        ]
        for mode, m in runs["latency"].items()
    ]
    heads = ["mode", "key share", "label change", "expected", "mIoU"]
    of_latency = ["mode", "p50 ms", "p99 ms", "p90 / p50", "p99 / p50", "p99 / p50 of CPU time"]
    decision, blocking = runs["decision"], runs["latency"]["blocking"]
    text = (
        f"## Real runs on {runs['video']}\n\n{_table(heads, modes)}\n\n"
        "Adaptive, default promise; in the background one frame later. The decision takes "
        f"{decision['decision_ms']:.2f} ms, {100 * decision['share']:.1f} % of a non-key frame of "
        f"{decision['non_key_ms']:.0f} ms.\n\n{_table(of_latency, latency)}\n\n"
        f"Latency of a frame, {blocking['frames']} frames of each mode in turns of one process: "
        "fixed intervals of 5 at a pace that blocking key frames can keep, on the CPU of the "
        "machine at hand, where other work runs: what it does to the tail shows without key "
        "frames. CPU time is that of the thread of the frames, which others do not touch; a key "
        f"frame takes {blocking['key_over_non_key']:.1f} times that of another."
    )
    if "reliability" not in runs:
        return text
    rows = [
        [
            kind,
            f"{r['confidence']:.3f}",
            f"{r['right']:.3f}",
            f"{r['expected_calibration_error']:.3f}",
        ]
        for kind, r in runs["reliability"].items()
    ]
    heads = ["frames", "mean confidence", "right", "expected calibration error"]
    return (
        f"{text}\n\n## Reliability of the confidence\n\n{_table(heads, rows)}\n\n"
        "Against ground truth, key frames at fixed intervals of 10; 10 bins in the JSON."
    )


def _plot(found: dict[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = 3
    rows = -(-len(found) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(12, 3.4 * rows), squeeze=False)
    for axis, (name, video) in zip(axes.flat, found.items(), strict=False):
        for label, (shares, changes) in video["curves"].items():
            pairs = sorted(zip(shares, changes, strict=True))
            axis.plot(*zip(*pairs, strict=True), label=label, marker=".", markersize=3, linewidth=1)
        axis.set(title=name, xlim=(0.07, 0.6), xlabel="share of key frames", ylabel="label change")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes.flat[0].legend()
    for axis in axes.flat[len(found) :]:
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
