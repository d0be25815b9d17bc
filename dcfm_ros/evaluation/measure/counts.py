"""What of a tally adds up over recordings, processes and machines: matrices and histograms.

Frame by frame a tally grows with the recording; these arrays do not. Latencies become histograms
whose bins are 1 % wide, so that percentiles over a fleet are right to half a per cent.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcfm_ros.errors import EvaluationError
from dcfm_ros.evaluation.measure.accuracy import OLDEST, Accuracy
from dcfm_ros.evaluation.measure.confusion import ConfusionMatrix
from dcfm_ros.evaluation.measure.consistency import WINDOWS
from dcfm_ros.evaluation.measure.frames import STAGES
from dcfm_ros.evaluation.measure.latency import Latencies, centres_ms, histogram
from dcfm_ros.evaluation.measure.tally import Measures, Tally

FILE = "counts.npz"

_REASONS = 16
MEANS = ("confidence", "expected_label_change", "agreement")

Array = NDArray[Any]
Counts = dict[str, Array]
"""Named arrays; of the same classes and measures they have the same names and shapes."""


def counts_of(tally: Tally) -> Counts:
    """The counts of a tally."""
    latencies = tally.latencies
    reasons = np.zeros(_REASONS, np.int64)
    for reason, frames in tally.reasons.items():
        reasons[reason] = frames
    counts: Counts = {
        "frames": np.array([tally.frames, tally.labelled_frames, tally.is_key.sum()], np.int64),
        "reasons": reasons,
        "ages": np.array([tally.ages.sum()], np.int64),
        "predicted": tally.predicted.copy(),
        "reference": tally.reference.counts.copy(),
        "latency": np.stack(
            [
                [histogram(times[stage]) for stage in STAGES]
                for times in (latencies.of_key_frames, latencies.of_others)
            ]
        ),
        **{f"mean.{name}": _sum_and_count(getattr(tally, name)) for name in MEANS},
        **_accuracy_counts(tally.accuracy),
    }
    if tally.flow is not None:
        counts["flow"] = tally.flow.counts.counts.copy()
    return counts


def no_counts(classes: int, measures: Measures) -> Counts:
    """Of no frame at all."""
    return counts_of(Tally(classes, measures))


def added(one: Counts, other: Counts) -> Counts:
    """The sum of two.

    Raises:
        EvaluationError: they are of other classes or measures.
    """
    if {k: v.shape for k, v in one.items()} != {k: v.shape for k, v in other.items()}:
        raise EvaluationError("counts of other classes or measures cannot be added")
    return {name: one[name] + other[name] for name in one}


def write_counts(counts: Counts, path: Path) -> None:
    """Write them as compressed arrays."""
    np.savez_compressed(path, **counts)  # type: ignore[arg-type]


def read_counts(path: Path) -> Counts:
    """Read them back.

    Raises:
        EvaluationError: no such file, or a damaged one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise EvaluationError(f"cannot read {path}: {error}") from None


def to_vector(counts: Counts) -> NDArray[np.float64]:
    """One vector to be summed; exact for counts below 2^53."""
    return np.concatenate([counts[name].astype(np.float64).ravel() for name in sorted(counts)])


def from_vector(vector: NDArray[np.float64], like: Counts) -> Counts:
    """The counts of a vector of `to_vector`; names, shapes and types are those of `like`."""
    counts: Counts = {}
    start = 0
    for name in sorted(like):
        part = vector[start : start + like[name].size]
        start += like[name].size
        rounded = part if like[name].dtype.kind == "f" else np.rint(part)
        counts[name] = rounded.reshape(like[name].shape).astype(like[name].dtype)
    return counts


def latencies_of(counts: Counts) -> Latencies:
    """Times as far as their histograms tell."""
    of_key_frames, of_others = (
        {stage: centres_ms(kind[place]) for place, stage in enumerate(STAGES)}
        for kind in counts["latency"]
    )
    return Latencies(of_key_frames, of_others)


def accuracy_of(counts: Counts) -> Accuracy:
    """Everything that was counted pixel by pixel."""
    accuracy = Accuracy(len(counts["truth.all"]), boundary="boundary" in counts)
    accuracy.all.counts += counts["truth.all"]
    accuracy.key.counts += counts["truth.key"]
    accuracy.non_key.counts += counts["truth.non_key"]
    frames_by_age = counts["truth.frames_by_age"].tolist()
    accuracy.frames_by_age.update({age: n for age, n in enumerate(frames_by_age) if n})
    for age in accuracy.frames_by_age:
        accuracy.by_age[age] = ConfusionMatrix(accuracy.classes, counts["truth.by_age"][age])
    unknown = counts["truth.unknown"].tolist()
    accuracy.unknown_ids.update({label: pixels for label, pixels in enumerate(unknown) if pixels})
    accuracy.reliability.counts += counts["reliability"]
    accuracy.reliability_of_reuse.counts += counts["reliability_of_reuse"]
    accuracy.consistency.windows.update(zip(WINDOWS, counts["vc.windows"].tolist(), strict=True))
    accuracy.consistency.sums.update(zip(WINDOWS, counts["vc.sums"].tolist(), strict=True))
    if accuracy.boundary is not None:
        accuracy.boundary.counts += counts["boundary"]
    return accuracy


def _sum_and_count(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[~np.isnan(values)]
    return np.array([known.sum(), known.size], np.float64)


def _accuracy_counts(accuracy: Accuracy) -> Counts:
    by_age = np.zeros((OLDEST + 1, accuracy.classes, accuracy.classes), np.int64)
    frames_by_age = np.zeros(OLDEST + 1, np.int64)
    for age, matrix in accuracy.by_age.items():
        by_age[age] = matrix.counts
        frames_by_age[age] = accuracy.frames_by_age[age]
    unknown = np.zeros(256, np.int64)
    for label, pixels in accuracy.unknown_ids.items():
        unknown[label] = pixels
    counts: Counts = {
        "truth.all": accuracy.all.counts.copy(),
        "truth.key": accuracy.key.counts.copy(),
        "truth.non_key": accuracy.non_key.counts.copy(),
        "truth.by_age": by_age,
        "truth.frames_by_age": frames_by_age,
        "truth.unknown": unknown,
        "reliability": accuracy.reliability.counts.copy(),
        "reliability_of_reuse": accuracy.reliability_of_reuse.counts.copy(),
        "vc.windows": np.array([accuracy.consistency.windows[n] for n in WINDOWS], np.int64),
        "vc.sums": np.array([accuracy.consistency.sums[n] for n in WINDOWS], np.float64),
    }
    if accuracy.boundary is not None:
        counts["boundary"] = accuracy.boundary.counts.copy()
    return counts
